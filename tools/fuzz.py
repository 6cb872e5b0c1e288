"""Fuzzer: seeded wrong inputs of every kind; each must end in one message, and lose nothing.

    python tools/fuzz.py --count 3000                       # all kinds
    python tools/fuzz.py --kinds netlist --count 100000 --workers 2
    python tools/fuzz.py --seconds 600 --seed 7             # as many as fit
    python tools/fuzz.py --only 1234 --seed 7               # one of them again, with all that it prints

Mutants run in forked workers, in the process, each in a folder of its own, with 5 s of processor time and 2 GiB of
memory on top. A finding is: an exit status that is not 0, 1 or 2; a traceback or a warning; a hang; more than one line
of error (up to ten may follow it); an error that names no place; an output that is half-written, or written although
the input was refused; an input that was changed. Findings that end at the same place count as one; the first inputs
of each are kept in `--findings`, with the command. The exit status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import io
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import fuzz_kinds
from fuzz_kinds import KINDS, WEIGHTS, Case, Files

ROOT = Path(__file__).resolve().parent.parent
CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES = 5.0, 60.0, 2 * 2**30
_PER_WORKER = 500  # mutants, then a fresh worker: what leaks does not add up
_KEPT = 3  # inputs of one finding
_MORE_LINES = 10
_LONGEST = 2000
_CUT = 50  # a message may cut a longer word short

Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Finding:
    """One mutant that ended badly: what happened, and where, which together tell findings apart."""

    index: int
    kind: str
    what: str
    place: str
    detail: str


def plan(seed: int, index: int, kinds: Sequence[str], files: Files) -> Case:
    """Make a mutant from its number alone."""
    rng = random.Random(f"{seed}/{index}")  # noqa: S311
    kind = rng.choices(kinds, [WEIGHTS.get(kind, 1) for kind in kinds])[0]
    return KINDS[kind](rng, files)


# --- one mutant -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: object
    out: str
    err: str
    escaped: str


def run_case(case: Case, folder: Path, run: Run) -> tuple[Outcome, list[tuple[str, str, str]]]:
    """Run a mutant in an empty folder; return how it ended, and (what, place, detail) of what is wrong with that."""
    fuzz_kinds.write(case, folder)
    before = {name: (folder / name).stat().st_mtime_ns for name in case.files}
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    status: object = None
    escaped = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = run(list(case.arguments))
        except SystemExit as error:
            status = error.code
        except BaseException:  # whatever leaves the command is a finding
            escaped = traceback.format_exc()
    outcome = Outcome(status, out.getvalue(), err.getvalue(), escaped)
    return outcome, [*_wrong_end(case, outcome), *_wrong_files(case, outcome, folder, before)]


def _wrong_end(case: Case, outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    if outcome.escaped:
        yield "escaped", _place(outcome.escaped), outcome.escaped
        return
    text = outcome.out + outcome.err
    if outcome.status not in (0, 1, 2):
        report = _report(outcome.err)
        yield f"status {outcome.status}", _place(report or outcome.err), report or outcome.err
        return
    if "Traceback (most recent" in text:
        yield "traceback", _place(text), text
    if match := re.search(r"^\S+: (\w*Warning): .*", text, re.M):
        yield "warning", re.sub(r"\d+", "N", match.group()[-160:]), text
    lines = outcome.err.splitlines()
    at = [number for number, line in enumerate(lines) if line.startswith("soensim: error:")]
    if outcome.status != 2:
        if at:
            yield "error, but status 0 or 1", _normal(lines[at[0]]), text
        return
    if len(at) != 1:
        yield f"{len(at)} error lines", _normal(outcome.err[:200]), text
        return
    message = "\n".join(lines[at[0] :])
    if len(lines) - at[0] - 1 > _MORE_LINES:
        yield "too many lines", _normal(lines[at[0]]), text
    if max(map(len, lines)) > _LONGEST:
        yield "a line too long", _normal(lines[at[0]][:300]), text
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", message):
        yield "control characters", _normal(lines[at[0]]), text
    if not _names_a_place(case, message):
        yield "no place", _normal(lines[at[0]]), text


def _names_a_place(case: Case, message: str) -> bool:
    """Whether a message names a file, a flag, a word of the command line, or the help of the verb."""
    if "--" in message or f"soensim {case.arguments[0] if case.arguments else ''}" in message.removeprefix("soensim: "):
        return True
    names = {part for name in case.files for part in (name, Path(name).name)} | {"out/", "run"}
    words = {word.partition("=")[0] for word in case.arguments if len(word) > 1} | {
        ascii(word)[1:-1] or "''" for word in case.arguments
    }
    return any(name and name[:_CUT] in message for name in names | words)


def _wrong_files(case: Case, outcome: Outcome, folder: Path, before: dict[str, int]) -> Iterator[tuple[str, str, str]]:
    detail = outcome.out + outcome.err
    for name, changed in before.items():
        path = folder / name
        allowed = name.startswith("run/") or case.kind == "command"
        if not allowed and (not path.is_file() or path.stat().st_mtime_ns != changed):
            yield "input changed", name, detail
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name in before or path.is_dir():
            continue
        if path.name.endswith(".tmp"):
            yield "temporary file left", path.suffix, detail
        elif outcome.status == 2 and path.parent.name == "out":
            yield "output of a refused command", path.name, detail
        elif why := _damage(path):
            yield "damaged output", f"{path.suffix}: {why}", detail


def _damage(path: Path) -> str:
    """Say what is wrong with an output file; nothing where it is whole."""
    content = path.read_bytes()
    try:
        if path.suffix == ".json":
            json.loads(content, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))
        elif path.suffix == ".npz":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return archive.testzip() or ""
        elif path.suffix in (".html", ".svg", ".lyrdb"):
            return "" if content.rstrip().endswith(b">") else "cut off"
        elif path.suffix == ".png":
            return "" if content.endswith(b"IEND\xaeB`\x82") else "cut off"
    except (ValueError, zipfile.BadZipFile) as error:
        return type(error).__name__
    return ""


def _report(err: str) -> str:
    """Return the traceback that a fault of soensim has written."""
    match = re.search(r"the traceback is in (\S+?);", err)
    try:
        path = Path(match.group(1)) if match else None
        text = path.read_text(encoding="utf-8") if path else ""
        if path:
            path.unlink()
    except OSError:
        return err
    return f"{err}\n{text}" if text else ""


def _place(text: str) -> str:
    """Return the error and the innermost line of soensim in a traceback."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    kind = next(
        (
            match.group(1)
            for line in reversed(lines)
            if (match := re.match(r"([\w.]+(?:Error|Exception|Interrupt|Warning|Exit))\b", line))
        ),
        "",
    )
    frames = re.findall(r'File "([^"]*soensim/[^"]+)", line (\d+)(?:,)? in (\S+)', text)
    where = (
        f"{frames[-1][0].rpartition('soensim/')[2]}:{frames[-1][1]} {frames[-1][2]}"
        if frames
        else _normal(lines[-1] if lines else "")
    )
    return f"{kind} at {where}"


def _normal(line: str) -> str:
    """Leave out of a message what differs from mutant to mutant."""
    line = re.sub(r" (is|are|lack|have the shape|holds?|names?) .*?(;|$)", r" \1 _\2", line)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+(\.\d+)?(e[-+]?\d+)?", "_", line)[:200]


# --- workers ----------------------------------------------------------------------------------------------------------


class Shared:
    """What the parent sees of a worker: the number of its mutant, and when it began (s; wall and processor time)."""

    def __init__(self) -> None:
        self.values = multiprocessing.RawArray("d", 3)

    def begin(self, index: int) -> None:
        """Note the mutant that begins."""
        self.values[:] = [index, time.monotonic(), time.process_time()]

    @property
    def index(self) -> int:
        """Number of the mutant."""
        return int(self.values[0])


class Worker:
    """A place for one worker process at a time, which runs every n-th mutant."""

    def __init__(self, settings: argparse.Namespace, files: Files, run: Run, number: int) -> None:
        self.settings, self.files, self.run = settings, files, run
        self.next, self.step = number, settings.workers
        self.folder = settings.scratch / f"worker-{number}"
        self.log, self.found = self.folder / "stack.txt", self.folder / "found.jsonl"
        (self.folder / "tmp").mkdir(parents=True)
        self.shared = Shared()
        self.pid = 0

    def start(self) -> None:
        """Fork a process that runs the mutants from `next` on."""
        self.shared.begin(self.next)
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                code = self._work()
            finally:
                os._exit(code)

    def _work(self) -> int:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sink = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(sink, descriptor)
        log = self.log.open("w")
        faulthandler.register(signal.SIGUSR1, file=log, all_threads=True)
        faulthandler.enable(log)
        os.environ.update(fuzz_kinds.environment(self.folder))
        tempfile.tempdir = None
        used = _virtual_bytes()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
        with self.found.open("a", encoding="utf-8", errors="backslashreplace") as found:
            for index in range(self.next, min(self.settings.count, self.next + _PER_WORKER * self.step), self.step):
                self.shared.begin(index)
                for finding in self._one(index):
                    found.write(json.dumps(asdict(finding)) + "\n")
                    found.flush()
        return 0

    def _one(self, index: int) -> Iterator[Finding]:
        case = plan(self.settings.seed, index, self.settings.kinds, self.files)
        if _asks_for_long_work(case):
            return
        # deep, so that a name such as ../x stays inside
        folder = Path(self.folder, "a", "b", "c", "work")
        os.chdir(self.folder)
        shutil.rmtree(self.folder / "a", ignore_errors=True)
        folder.mkdir(parents=True)
        _, wrong = run_case(case, folder, self.run)
        if index % 50 == 0:
            gc.collect()
        for what, place, detail in wrong:
            yield Finding(index, case.kind, what, place, detail[-4000:])

    def watch(self) -> Finding | None:
        """Look after the process: restart it, or end it where its mutant hangs; returns what is wrong."""
        done, status = os.waitpid(self.pid, os.WNOHANG)
        if not done:
            return self._hang()
        self.next = self.shared.index + self.step
        self.pid = 0
        if status == 0:
            return None
        ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        return self._finding("process died", ended)

    def _hang(self) -> Finding | None:
        index, began, cpu_began = self.shared.values[:]
        used = _cpu_seconds(self.pid) - cpu_began
        if (used < CPU_SECONDS and time.monotonic() - began < WALL_SECONDS) or index != self.shared.index:
            return None
        os.kill(self.pid, signal.SIGUSR1)  # writes its stack
        time.sleep(0.5)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.next, self.pid = self.shared.index + self.step, 0
        return self._finding("hang", f"{used:.1f} s of processor time")

    def _finding(self, what: str, detail: str) -> Finding:
        stack = self.log.read_text(errors="replace") if self.log.exists() else ""
        frames = re.findall(r'File "[^"]*soensim/([^"]+)", line (\d+) in (\S+)', stack)
        place = "{}:{} {}".format(*frames[0]) if frames else detail
        index = self.shared.index
        kind = plan(self.settings.seed, index, self.settings.kinds, self.files).kind
        return Finding(index, kind, what, place, f"{detail}\n{stack[-4000:]}")


def _asks_for_long_work(case: Case) -> bool:
    """Whether a mutant is a legal training of hundreds of epochs or more, which may take its time."""
    recipe = case.files.get("recipe.yaml", b"") if case.arguments[:1] == ["train"] else b""
    return bool(re.search(rb"^(ideal_)?epochs: *[1-9][0-9]{2,5}\s*$", recipe, re.M))


def _virtual_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(settings: argparse.Namespace, files: Files, run: Run) -> tuple[int, list[Finding]]:
    """Run the mutants; return how many ran, and the findings."""
    workers = [Worker(settings, files, run, number) for number in range(settings.workers)]
    findings: list[Finding] = []
    ends = time.monotonic() + settings.seconds
    while any(worker.pid or worker.next < settings.count for worker in workers) and time.monotonic() < ends:
        for worker in workers:
            if worker.pid and (finding := worker.watch()):
                findings.append(finding)
            if not worker.pid and worker.next < settings.count:
                worker.start()
        time.sleep(0.05)
    ran = 0
    for worker in workers:
        if worker.pid:
            worker.next = worker.shared.index
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)
        ran += len(range(worker.next % settings.workers, min(worker.next, settings.count), settings.workers))
        if worker.found.exists():
            findings += [Finding(**json.loads(line)) for line in worker.found.read_text().splitlines()]
    return ran, sorted(findings, key=lambda finding: finding.index)


# --- command line -----------------------------------------------------------------------------------------------------


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="default: all")
    parser.add_argument("--count", type=int, default=3000, help="mutants (default 3000)")
    parser.add_argument("--seconds", type=float, default=1e9, help="end after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="run one mutant by its number, and show all that it prints")
    parser.add_argument(
        "--findings", type=Path, default=ROOT / "build" / "fuzz", help="where inputs are kept (default build/fuzz)"
    )
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soensim-fuzz-") as scratch:
        settings.scratch = Path(scratch)
        os.environ.update(fuzz_kinds.environment(settings.scratch))
        started = time.monotonic()
        run, files = prepare(settings.scratch)
        gc.freeze()  # a worker need not look through what was loaded before it
        if settings.only is not None:
            return show(settings, files, run)
        ran, findings = fuzz(settings, files, run)
        counts = _keep(settings, files, findings)
    for (what, place), kinds in counts.items():
        print(f"{sum(kinds.values()):6} {what}: {place}   [{', '.join(f'{kind} {n}' for kind, n in kinds.items())}]")  # noqa: T201
    seconds = time.monotonic() - started
    print(f"{ran} mutants, seed {settings.seed}, {seconds:.0f} s: {len(findings)} findings, {len(counts)} distinct")  # noqa: T201
    return 1 if findings else 0


def prepare(scratch: Path) -> tuple[Run, Files]:
    """Load soensim, and make the right inputs with it; what this imports and compiles, workers need not.

    Their processor time is limited, and the first simulation of spikes on a machine compiles for longer.
    """
    import torch

    import soensim.report.evaluation_page
    import soensim.report.training_page  # noqa: F401
    from soensim.commands.verbs import run_command

    torch.set_num_threads(1)
    folder = scratch / "right"
    (scratch / "tmp").mkdir()
    folder.mkdir()
    right = Case("", fuzz_kinds.base_files(), [], "")
    fuzz_kinds.write(right, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        files = fuzz_kinds.trained_files(folder, run_command)
        fuzz_kinds.run_right_commands(run_command)
        return run_command, files
    finally:
        os.chdir(before)


def show(settings: argparse.Namespace, files: Files, run: Run) -> int:
    """Run one mutant, and print what it is and how it ends."""
    case = plan(settings.seed, settings.only, settings.kinds, files)
    folder = settings.scratch / "one"
    folder.mkdir()
    print(f"{case.kind}: {fuzz_kinds.as_shell(case)}")  # noqa: T201
    if case.mutated:
        print(f"{case.mutated}: {case.files[case.mutated][:3000]!r}")  # noqa: T201
    outcome, wrong = run_case(case, folder, run)
    os.chdir(ROOT)
    print(f"status {outcome.status}\n{outcome.out}{outcome.err}{outcome.escaped}")  # noqa: T201
    for what, place, detail in wrong:
        print(f"finding: {what}: {place}\n{detail}")  # noqa: T201
    return 1 if wrong else 0


def _keep(
    settings: argparse.Namespace, files: Files, findings: Sequence[Finding]
) -> dict[tuple[str, str], Counter[str]]:
    """Write the first inputs of every distinct finding; return how often each kind of file had it."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for finding in findings:
        kinds = counts.setdefault((finding.what, finding.place), Counter())
        kinds[finding.kind] += 1
        if kinds.total() <= _KEPT:
            case = plan(settings.seed, finding.index, settings.kinds, files)
            folder = settings.findings / f"{finding.kind}-{settings.seed}-{finding.index}"
            folder.mkdir(parents=True, exist_ok=True)
            fuzz_kinds.write(case, folder)
            note = [f"{finding.what}: {finding.place}", fuzz_kinds.as_shell(case), f"mutated: {case.mutated}"]
            (folder / "finding.txt").write_text(
                "\n".join([*note, "", finding.detail, ""]), encoding="utf-8", errors="backslashreplace"
            )
    return dict(sorted(counts.items(), key=lambda item: -item[1].total()))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
