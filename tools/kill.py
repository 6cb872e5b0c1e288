"""Kill commands at random moments, and see whether anything is lost.

    python tools/kill.py                        # train, evaluate, check --figure and report, 100 times each
    python tools/kill.py --runs 25 --only train

Each command runs once to its end for reference, then again and again in a folder of its own with `kill -9` after a
random time. Every output must then be the old file or the new one, to the byte. A killed training is resumed, itself
killed in some of the runs, and must end in the reference's program. What is left under a temporary name is counted, and
must be gone after the command has run again. The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLD = b"what was there before"
TRAIN = "train chip.yaml --run-dir run --ideal-epochs 3 --epochs 3 --train-samples 512"


@dataclass(frozen=True)
class Case:
    """A command, the files that it writes, and the command that makes what it reads."""

    command: str
    outputs: tuple[str, ...]
    before: str = ""


CASES = {
    "train": Case(TRAIN, ()),
    "evaluate": Case("evaluate chip.yaml --trials 2 --json e.json --html e.html", ("e.json", "e.html")),
    "check": Case(
        "check chip.yaml --figure floor --json c.json --lyrdb c.lyrdb", ("floor.png", "floor.svg", "c.json", "c.lyrdb")
    ),
    "report": Case("report run --out r.html --json r.json", ("r.html", "r.json"), TRAIN),
}


@dataclass
class Tally:
    """What happened in the runs of one command."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def start(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a command of soensim in a folder."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "soensim", *command.split()],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
    )


def finish(command: str, folder: Path) -> tuple[int, str, float]:
    """Run a command to its end: exit status, what it says, seconds."""
    began = time.perf_counter()
    process = start(command, folder)
    said = process.communicate()[1].decode()
    return process.returncode, said, time.perf_counter() - began


def kill(command: str, folder: Path, seconds: float) -> bool:
    """Kill a command after that time; whether it still ran."""
    process = start(command, folder)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return process.returncode == -signal.SIGKILL


def prepared(folder: Path, case: Case) -> Path:
    """Make the folder of a run, with the chip and what the command reads."""
    folder.mkdir(parents=True)
    chip = "optical-28" if case is CASES["check"] else "year1-28"
    shutil.copy(ROOT / "netlists" / f"{chip}.yaml", folder / "chip.yaml")
    if case is CASES["evaluate"]:
        shutil.copy(ROOT / "netlists" / f"{chip}.safetensors", folder / "chip.safetensors")
    if case.before:
        status, said, _ = finish(case.before, folder)
        if status:
            raise SystemExit(f"{case.before}: exit status {status}: {said}")
    return folder


def leftovers(folder: Path) -> list[Path]:
    """Files under temporary names."""
    return [path for path in folder.rglob(".*") if path.is_file()]


def run_case(name: str, runs: int, rng: random.Random, scratch: Path) -> Tally:
    """Kill one command ``runs`` times."""
    case, tally = CASES[name], Tally()
    source = prepared(scratch / "source", case)
    reference = Path(shutil.copytree(source, scratch / "reference"))
    finish(case.command, Path(shutil.copytree(source, scratch / "warm")))  # compiles what must be compiled
    status, said, seconds = finish(case.command, reference)
    if status:
        raise SystemExit(f"{case.command}: exit status {status}: {said}")
    for run in range(runs):
        folder = Path(shutil.copytree(source, scratch / str(run)))
        for output in case.outputs:
            (folder / output).write_bytes(OLD)
        moment = rng.uniform(0.0, 1.05 * seconds)
        tally.counts["killed" if kill(case.command, folder, moment) else "had finished"] += 1
        tally.counts["runs with a temporary file left"] += bool(leftovers(folder))
        if name == "train":
            problems = _resumed(case, folder, reference, rng.uniform(0.0, seconds) if run % 4 == 0 else None)
        else:
            problems = _old_or_new(case, folder, reference, tally)
        if left := leftovers(folder):
            problems.append(f"left after another run: {', '.join(path.name for path in left)}")
        tally.wrong += [f"{name}, killed after {moment:.3f} s: {problem}" for problem in problems]
        shutil.rmtree(folder)
    return tally


def _old_or_new(case: Case, folder: Path, reference: Path, tally: Tally) -> list[str]:
    """Compare with both, then run again."""
    problems = []
    for output in case.outputs:
        content = (folder / output).read_bytes() if (folder / output).exists() else None
        tally.counts["files old"] += content == OLD
        tally.counts["files new"] += content == (reference / output).read_bytes()
        if content not in (OLD, (reference / output).read_bytes()):
            problems.append(f"{output} is {'lost' if content is None else 'neither old nor new'}")
    status, said, _ = finish(case.command, folder)
    if status or any((folder / name).read_bytes() != (reference / name).read_bytes() for name in case.outputs):
        problems.append(f"run again: exit status {status}, {said.strip() or 'other files'}")
    return problems


def _resumed(case: Case, folder: Path, reference: Path, moment: float | None) -> list[str]:
    """Resume a training, killed once more at that moment, and compare its program."""
    run = folder / "run"
    if moment is not None:
        kill(_next(case, run), folder, moment)
    command = _next(case, run)
    status, said, _ = finish(command, folder)
    if status:
        return [f"{command}: exit status {status}, {said.strip()}"]
    same = (run / "program.safetensors").read_bytes() == (reference / "run" / "program.safetensors").read_bytes()
    return [] if same else ["resumed to another program"]


def _next(case: Case, run: Path) -> str:
    """The command that a user gives after the kill."""
    return f"{case.command} --resume" if (run / "checkpoint.safetensors").exists() else case.command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="kills of each command (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments (default: 0)")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="commands (default: all)")
    given = parser.parse_args(arguments)
    wrong = 0
    for name in given.only:
        with tempfile.TemporaryDirectory() as scratch:
            tally = run_case(name, given.runs, random.Random(f"{given.seed} {name}"), Path(scratch))  # noqa: S311
        counts = ", ".join(f"{count} {what}" for what, count in tally.counts.items())
        print(f"{name}: {counts}; {len(tally.wrong)} wrong", flush=True)  # noqa: T201
        for problem in tally.wrong:
            print(f"  {problem}")  # noqa: T201
        wrong += len(tally.wrong)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
