"""The public names are a promise: changing them is a decision, not an accident."""

import subprocess
import sys

from conftest import ROOT

import soensim


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


def test_verbs_that_are_also_rooms_are_functions() -> None:
    import soensim.evaluate.score
    import soensim.simulate.engine
    import soensim.train.loop

    assert callable(soensim.simulate)
    assert callable(soensim.train)
    assert callable(soensim.evaluate)


def run_fresh(code: str) -> str:
    """What a new Python prints: which modules are loaded is a matter of the process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_rooms_load_when_asked_for() -> None:
    heavy = "{'torch', 'sklearn', 'matplotlib', 'soensim.data', 'soensim.train', 'soensim.evaluate'}"
    assert run_fresh(f"import sys, soensim; print(sorted({heavy} & set(sys.modules)))") == "[]"
    assert run_fresh("import soensim; print(set(soensim.__all__) <= set(dir(soensim)))") == "True"
    assert run_fresh("from soensim import *; print(evaluate.__module__, train.__name__)") == (
        "soensim.evaluate.score train"
    )
    assert run_fresh("import soensim\ntry: soensim.trian\nexcept AttributeError as error: print(error)") == (
        "module 'soensim' has no attribute 'trian'"
    )


def test_a_room_that_loads_first_does_not_hide_its_verb() -> None:
    code = "import soensim.{0}, soensim.{0}.__main__, soensim; print(type(soensim.{0}).__name__)"
    assert {verb: run_fresh(code.format(verb)) for verb in ("simulate", "evaluate", "train")} == dict.fromkeys(
        ("simulate", "evaluate", "train"), "function"
    )
