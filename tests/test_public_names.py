"""The public names are a promise: changing them is a decision, not an accident."""

import subprocess
import sys

from conftest import ROOT

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


def run_fresh(code: str) -> str:
    """What a new Python prints: which modules are loaded is a matter of the process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_rooms_load_when_asked_for() -> None:
    heavy = "{'torch', 'sklearn', 'matplotlib', 'soensim.data', 'soensim.training', 'soensim.evaluation'}"
    assert run_fresh(f"import sys, soensim; print(sorted({heavy} & set(sys.modules)))") == "[]"
    assert run_fresh("import soensim; print(set(soensim.__all__) <= set(dir(soensim)))") == "True"
    assert run_fresh("from soensim import *; print(evaluate.__module__, train.__name__)") == (
        "soensim.evaluation.score train"
    )
    assert run_fresh("import soensim\ntry: soensim.trian\nexcept AttributeError as error: print(error)") == (
        "module 'soensim' has no attribute 'trian'"
    )


def test_a_verb_is_a_function_whatever_was_imported() -> None:
    code = "import soensim.{0}, soensim; print(type(soensim.{0}).__name__)"
    assert {verb: run_fresh(code.format(verb)) for verb in ("simulate", "evaluate", "train")} == dict.fromkeys(
        ("simulate", "evaluate", "train"), "function"
    )


def test_every_verb_runs_as_a_module() -> None:
    for verb in VERBS:
        done = subprocess.run(
            [sys.executable, "-m", f"soensim.{verb}", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout.startswith(f"usage: soensim {verb} "), verb
