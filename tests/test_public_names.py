"""The public names are a promise: changing them is a decision, not an accident."""

from pathlib import Path

from fresh import Job, run_forks

import soensim
from soensim.commands.verbs import VERBS


def test_public_names() -> None:
    assert soensim.__all__ == [
        "Dataset",
        "Evaluation",
        "Netlist",
        "Network",
        "Program",
        "RoutedNetlist",
        "SoensimError",
        "Trace",
        "TrainResult",
        "compile_network",
        "evaluate",
        "load_dataset",
        "load_netlist",
        "make_recipe",
        "route",
        "simulate",
        "train",
    ]
    assert all(hasattr(soensim, name) for name in soensim.__all__)


def run_fresh(folder: Path, *codes: str) -> list[str]:
    """What a new Python prints for each of some codes: which modules are loaded is a matter of the process."""
    done = run_forks(folder, ["numpy", "scipy.special"], [Job(code) for code in codes])
    assert [(status, err) for status, _, err in done] == [(0, "")] * len(codes)
    return [out.strip() for _, out, _ in done]


def test_rooms_load_when_asked_for(tmp_path: Path) -> None:
    heavy = "{'torch', 'sklearn', 'matplotlib', 'soensim.data', 'soensim.training', 'soensim.evaluation'}"
    assert run_fresh(
        tmp_path,
        f"import sys, soensim; print(sorted({heavy} & set(sys.modules)))",
        "import soensim; print(set(soensim.__all__) <= set(dir(soensim)))",
        "from soensim import *; print(evaluate.__module__, train.__name__)",
        "import soensim\ntry: soensim.trian\nexcept AttributeError as error: print(error)",
    ) == ["[]", "True", "soensim.evaluation.score train", "module 'soensim' has no attribute 'trian'"]


def test_a_verb_is_a_function_whatever_was_imported(tmp_path: Path) -> None:
    code = "import soensim.{0}, soensim; print(type(soensim.{0}).__name__)"
    verbs = ("simulate", "evaluate", "train")
    assert run_fresh(tmp_path, *map(code.format, verbs)) == ["function"] * len(verbs)


def test_every_verb_runs_as_a_module(tmp_path: Path) -> None:
    """As `python -m` runs it, each in a process that has loaded nothing of soensim."""
    code = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
    packages = ["numba", "pydantic", "scipy.sparse.linalg", "scipy.special", "yaml"]
    jobs = [Job(code, [f"soensim.{verb}", "--help"]) for verb in VERBS]
    for verb, (status, out, err) in zip(VERBS, run_forks(tmp_path, packages, jobs), strict=True):
        assert (status, err) == (0, ""), verb
        assert out.startswith(f"usage: soensim {verb} "), verb
