"""What `sweep` and `study` share: a study is planned, run, written down and told."""

from __future__ import annotations

import sys
import textwrap
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soensim._runtime.atomic_write import check_folder
from soensim._runtime.standard_streams import printable
from soensim.commands import cli, flags
from soensim.commands.input_files import data_files
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.errors import SoensimError
from soensim.study.engine import Progress, run_all
from soensim.study.made import ANSWER, PAGE, SUMMARY, TABLE, kept_answer, made_from
from soensim.study.run import Outcome, Run
from soensim.study.slots import Slots
from soensim.study.store import RESULTS, load
from soensim.study.study import Plan, Study, is_complete, make_plan
from soensim.study.workers import ProcessSlots

if TYPE_CHECKING:
    from soensim.study.results import Results

MOST_WORKERS = 1024
_WIDTH = 100
_SHOWN_RUNS = 20


def add_machine(parser: flags.Container, default: str) -> None:
    """Add the flags that say where runs are done and where results go; ``default`` is the usual folder."""
    parser.add_argument(
        "--workers",
        type=flags.whole(1, MOST_WORKERS),
        metavar="N",
        help="processes, a run in each at a time (default: one per core)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on the workers of a Dask scheduler, tcp://HOST:8786; pip install 'soensim[cluster]' (default: "
        "processes of this machine)",
    )
    parser.add_argument("--out", metavar="DIR", help=f"folder of results (default: {default})")
    parser.add_argument("--dry-run", action="store_true", help="list the runs and estimate their time, and run nothing")
    flags.json_file(parser, "the answer")
    parser.add_argument(
        "--progress", action="store_true", help="show progress also where standard error is no terminal"
    )


def run_study(study: Study, folder: Path, given: Namespace, command: str, *, inputs: Sequence[Path] = ()) -> int:
    """Run a study, write its results, and tell them; return the exit status.

    Raises
    ------
    SoensimError
        The study is not legal, results cannot be read or written, or every run failed.
    """
    target = named(given.json)
    known = load(folder)
    plan = make_plan(study, known)
    files = [Output("--out", str(folder / name)) for name in (TABLE, SUMMARY, ANSWER, PAGE)]
    read = [*plan.maker.files, *inputs, *data_files(None, study.question.data_dir)]
    check_outputs([json_output(target), *files], read, makes=[folder, folder / RESULTS])
    if given.dry_run:
        return _tell_plan(plan, known, given, target)
    slots = slots_of(given)
    check_folder(folder)
    started = time.monotonic()
    if is_complete(plan, known):
        answer = kept_answer(folder, made_from(plan, known, command))
        if answer is not None:
            return _tell_kept(answer, folder, time.monotonic() - started, target)
    return _run(plan, known, folder, slots, given, command)


def _run(plan: Plan, known: Mapping[str, Outcome], folder: Path, slots: Slots, given: Namespace, command: str) -> int:
    """Do the runs that are left, and write the results."""
    from soensim.study.results import write_results  # slow to load, as work is: not where nothing is left
    from soensim.study.work import work

    started, target = time.monotonic(), named(given.json)
    try:
        with shown_progress(given.progress) as show:
            outcomes = run_all(plan.runs, work, folder=folder, slots=slots, more=plan.more, progress=show)
    except (KeyboardInterrupt, SoensimError) as error:
        done = load(folder)
        if any(run.key in done for run in plan.runs):
            write_results(folder, plan, done, command)
            error.add_note(f"what is done is in {folder}; the same command goes on")
        raise
    results = write_results(folder, plan, outcomes, command)
    _refuse_failure(results)
    cli.write_json(target, results.as_dict())
    if target != "-":
        _tell(results, folder, time.monotonic() - started, len(set(outcomes) - set(known)))
    return cli.DONE


def _tell_kept(answer: Mapping[str, Any], folder: Path, seconds: float, target: str | None) -> int:
    """Tell the results of a study in which nothing is new."""
    cli.write_json(target, answer)
    if target == "-":
        return cli.DONE
    for text in (*answer["answers"], answer["note"]):
        cli.say(textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    if answer["failed"]:
        cli.tell(f"{answer['failed']} failed; {folder / TABLE} has the error of each")
    cli.say(f"0 runs in {duration(seconds)}, {answer['runs']} were done before: the results are as they were")
    for name in answer["files"]:
        cli.say(f"kept: {folder / name}")
    return cli.DONE


def slots_of(given: Namespace) -> Slots:
    """Return where runs are done.

    Raises
    ------
    SoensimError
        --workers and --scheduler are both given, or the scheduler's address is not legal.
    """
    if given.scheduler is None:
        return ProcessSlots() if given.workers is None else ProcessSlots(given.workers)
    if given.workers is not None:
        raise SoensimError("--workers is of this machine, and a --scheduler has workers of its own; leave one out")
    from soensim.study.cluster import DaskSlots

    return DaskSlots(given.scheduler)


def _tell_plan(plan: Plan, known: Mapping[str, Outcome], given: Namespace, target: str | None) -> int:
    """List the runs, and estimate the time of those that are left from those that were measured."""
    left = [run for run in plan.runs if run.key not in known or known[run.key].lost]
    measured = [outcome.seconds for outcome in known.values() if outcome.error is None]
    workers = given.workers or ProcessSlots().workers
    seconds = sum(measured) / len(measured) * len(left) / min(workers, max(len(left), 1)) if measured else None
    if target is not None:
        runs = [
            {"key": run.key, "levels": dict(run.levels), "seed": run.seed, "done": run not in left} for run in plan.runs
        ]
        cli.write_json(target, {"runs": runs, "left": len(left), "seconds_left": seconds})
    if target == "-":
        return cli.DONE
    for run in plan.runs[:_SHOWN_RUNS]:
        cli.say(f"{_levels(run)}, seed {run.seed}{'' if run in left else ': done'}")
    if len(plan.runs) > _SHOWN_RUNS:
        cli.say(f"… {len(plan.runs) - _SHOWN_RUNS} more")
    estimate = f"about {duration(seconds)} with {workers} workers" if seconds is not None else "no run was measured yet"
    stop = plan.study.stop
    more = "" if stop is None else f", and up to {stop.most} seeds per point"
    cli.say(f"{len(plan.runs)} runs, {len(left)} to do{more}: {estimate}")
    return cli.DONE


def _refuse_failure(results: Results) -> None:
    """Refuse a study of which nothing came out."""
    errors = [row.outcome.error for row in results.rows if row.outcome.error is not None]
    if errors and len(errors) == len(results.rows):
        raise SoensimError(f"all {len(errors)} runs failed, the first one so: {errors[0]}")


def _tell(results: Results, folder: Path, seconds: float, new: int) -> None:
    from soensim.study.results_text import results_text

    cli.say(results_text(results))
    failed = [row for row in results.rows if row.outcome.error is not None]
    for row in failed[:3]:
        cli.tell(f"failed: {_levels(row.run)}, seed {row.run.seed}: {row.outcome.error}")
    if len(failed) > 3:
        cli.tell(f"{len(failed) - 3} more failed; {folder / TABLE} has the error of each")
    old = len(results.rows) - new
    kept = f", {old} were done before" if old else ""
    cli.say(f"{new} runs in {duration(seconds)}{kept}")
    for path in results.files:
        cli.say(f"written: {path}")


def _levels(run: Run) -> str:
    return ", ".join(f"{name} {level}" for name, level in run.levels.items()) or "the chip as it is"


def duration(seconds: float) -> str:
    """Write a duration in the unit that people use."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@contextmanager
def shown_progress(asked: bool) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows how far a study is, on one line of a terminal, or in lines where it is asked for."""
    terminal = sys.stderr.isatty()

    def show(progress: Progress) -> None:
        if not (terminal or asked):
            return
        failed = f", {progress.failed} failed" if progress.failed else ""
        left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
        waits = "" if progress.slots else ", waiting for a worker"
        text = f"{progress.done} of {progress.total} runs{failed}{left}{waits}"
        if terminal:
            sys.stderr.write(f"\r\x1b[2K{printable(text, sys.stderr)}")
            sys.stderr.flush()
        else:
            cli.tell(text)

    try:
        yield show
    finally:
        if terminal:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
