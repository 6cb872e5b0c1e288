"""A short, seeded run of `tools/fuzz.py`: wrong inputs of every kind end in one message and lose nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_wrong_inputs_of_every_kind(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "fuzz.py"), "--count", "2000", "--findings", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert run.stdout.startswith("2000 mutants, seed 0")


def refuses(text: str) -> Callable[[list[str]], int]:
    def run(arguments: list[str]) -> int:  # noqa: ARG001
        sys.stderr.write(text)
        return 2

    return run


def writes(name: str, content: str, status: int) -> Callable[[list[str]], int]:
    def run(arguments: list[str]) -> int:  # noqa: ARG001
        Path(name).write_text(content)
        if status == 2:
            sys.stderr.write("soensim: error: chip.yaml: is wrong\n")
        return status

    return run


def raises(arguments: list[str]) -> int:
    raise KeyError(arguments[0])


@pytest.mark.parametrize(
    ("run", "finding"),
    [
        (refuses("soensim: error: chip.yaml:3:1: is wrong\n"), None),
        (refuses(""), "0 error lines"),
        (refuses("soensim: error: is wrong\n"), "no place"),
        (refuses("soensim: error: chip.yaml: a\nsoensim: error: chip.yaml: b\n"), "2 error lines"),
        (refuses("soensim: error: chip.yaml: a\n" + 11 * "b\n"), "too many lines"),
        (refuses("soensim: error: chip.yaml: " + 3000 * "a"), "a line too long"),
        (refuses("soensim: error: chip.yaml: \x1b[1m\n"), "control characters"),
        (refuses("Traceback (most recent call last):\n"), "traceback"),
        (raises, "escaped"),
        (lambda _: 3, "status 3"),
        (writes("out/x.json", "{}", 0), None),
        (writes("out/x.json", "{", 0), "damaged output"),
        (writes("out/x.json", "{}", 2), "output of a refused command"),
        (writes("out/.x.json.tmp", "", 0), "temporary file left"),
        (writes("chip.yaml", "other", 0), "input changed"),
    ],
)
def test_what_the_fuzzer_calls_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[[list[str]], int], finding: str | None
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.chdir(tmp_path)
    import fuzz
    from fuzz_kinds import Case

    case = Case("netlist", {"chip.yaml": b"name: x\n"}, ["check", "chip.yaml"], "chip.yaml")
    _, wrong = fuzz.run_case(case, tmp_path, run)
    assert (wrong[0][0] if wrong else None) == finding
