"""`python -m soensim.design`: find the cheapest chip that meets requirements, from their file."""

from __future__ import annotations

import datetime
import textwrap
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from soensim._runtime.atomic_write import check_folder
from soensim.commands import cli, flags
from soensim.commands.chip_file import naming_file
from soensim.commands.input_files import data_files
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.study_run import add_machine, duration, shown_progress, slots_of
from soensim.errors import SoensimError
from soensim.netlist import load_netlist
from soensim.report.text import WIDTH
from soensim.search.answer import cost_text, runners_up, said, sentences, why
from soensim.search.design import Design
from soensim.search.design_file import load_design
from soensim.search.results import ANSWER_FILES, CHIP_FILES, write_results
from soensim.search.runs import PROGRAMS, RunSource
from soensim.search.steps import Answer, Search
from soensim.search.work import LOOK, work
from soensim.study.engine import run_all
from soensim.study.quantities import measure_of
from soensim.study.run import Outcome
from soensim.study.slots import perform
from soensim.study.store import RESULTS, load
from soensim.study.workers import ProcessSlots

DESIGNS = Path("designs")
_SHOWN, _MOST_LISTED = 8, 20


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    design = load_design(given.file)
    if given.data_dir is not None:
        design = replace(design, question=replace(design.question, data_dir=given.data_dir))
    folder = Path(given.out) if given.out else DESIGNS / design.name
    with naming_file(given.file):
        return _run(design, folder, given, cli.command_line("design", arguments))


def _run(design: Design, folder: Path, given: Namespace, command: str) -> int:
    target = named(given.json)
    source = RunSource(design, folder)
    search = Search(design, source)
    files = [Output("--out", str(folder / name)) for name in (*CHIP_FILES, *ANSWER_FILES)]
    read = [*source.maker.files, Path(given.file), *data_files(None, design.question.data_dir)]
    check_outputs([json_output(target), *files], read, makes=[folder, folder / RESULTS, folder / PROGRAMS])
    known = load(folder)
    if given.dry_run:
        return _tell_plan(design, search, known, given, target)
    slots = slots_of(given)
    _refuse_ended_waivers(source)
    check_folder(folder)
    started = time.monotonic()
    try:
        with shown_progress(given.progress) as show:
            outcomes = run_all(search.runs, work, folder=folder, slots=slots, more=search.more, progress=show)
    except (KeyboardInterrupt, SoensimError) as error:
        if load(folder):
            error.add_note(f"what is done is in {folder}; the same command goes on")
        raise
    if search.answer is None:
        raise SoensimError(f"{folder}: runs are missing that the search has asked for; give the same command again")
    written = write_results(folder, design, search.answer, source, command)
    cli.write_json(target, written.plain)
    if target != "-":
        _tell(design, search.answer)
        new = len(set(outcomes) - set(known))
        old = f", {len(outcomes) - new} were done before" if len(outcomes) > new else ""
        cli.say(f"{new} runs in {duration(time.monotonic() - started)}{old}")
        for path in written.files:
            cli.say(f"written: {path}")
    return cli.DONE if search.answer.winner is not None else cli.ANSWER_IS_NO


def _refuse_ended_waivers(source: RunSource) -> None:
    """Refuse before any work a chip with a waiver that has ended: what is found would not pass `check`.

    Raises
    ------
    SoensimError
        With the waiver.
    """
    today = datetime.datetime.now(tz=datetime.UTC).date()
    for path in source.maker.chips:
        for waiver in load_netlist(path).waivers:
            if waiver.until < today:
                raise SoensimError(
                    f"{path}: the waiver of {waiver.rule} for {waiver.object} ended on {waiver.until}, so that a chip "
                    "that is found might not pass `check`; extend `until`, or take it out"
                )


def _tell_plan(
    design: Design, search: Search, known: Mapping[str, Outcome], given: Namespace, target: str | None
) -> int:
    """Look at the candidates here, without a training; say which are excluded, and what would be trained first."""
    outcomes = dict(known)
    while search.answer is None and (missing := [run for run in search.runs if run.key not in outcomes]):
        if any(LOOK not in run.job for run in missing):
            break
        for run in missing:
            reply = perform(work, run.job)
            outcomes[run.key] = Outcome(run.key, reply.measures, reply.error, reply.lost, reply.seconds)
        search.more(outcomes)
    missing = [] if search.answer is not None else [run for run in search.runs if run.key not in outcomes]
    trained = [outcome.seconds for outcome in known.values() if outcome.error is None and "mean" in outcome.measures]
    workers = given.workers or ProcessSlots().workers
    each = len(missing) / min(workers, max(len(missing), 1))
    seconds = each * sum(trained) / len(trained) if trained else None
    standings = search.standings
    plain = [
        {"levels": dict(s.candidate.levels), "costs": dict(s.costs), "state": s.state, "why": s.reason}
        for s in standings
    ]
    cli.write_json(target, {"candidates": plain, "next": len(missing), "seconds_next": seconds})
    if target == "-":
        return cli.DONE
    for one in standings[:_MOST_LISTED]:
        cli.say(f"{said(design, one)}: {one.reason or f'{design.least} {cost_text(design, one)}'}")
    if len(standings) > _MOST_LISTED:
        cli.say(f"… {len(standings) - _MOST_LISTED} more")
    out = sum(one.state == "excluded" for one in standings)
    told = "no run was measured yet" if seconds is None else f"about {duration(seconds)} with {workers} workers"
    cli.say(f"{len(standings)} candidates, {out} excluded; {len(missing)} runs are next: {told}")
    return cli.DONE


def _tell(design: Design, answer: Answer) -> None:
    for text in sentences(design, answer):
        for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False):
            cli.say(line)
    shown = runners_up(design, answer, _SHOWN)
    if shown:
        cli.say("")
        cli.say("runners-up")
    for one in shown:
        cost = f"{measure_of(design.least).label} {cost_text(design, one)}"
        text = f"{said(design, one)}, {cost}: {why(design, answer, one)}"
        for line in textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False):
            cli.say(line)
    cli.say("")


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "design",
        "Find the cheapest chip that meets requirements: what breaks a limit is excluded without a training, the rest\n"
        "is trained step by step, cheapest first, and the one that is found is proved on fabricated chips.",
        "example:\n  python -m soensim.design studies/design/digits-96.yaml --workers 2\n\n"
        "The file is explained in docs/design.md. DIR gets the netlist, its program, the page of evaluate, a table of\n"
        "all candidates and the answer. The exit status is 1 when nothing meets the requirement. What is done is kept\n"
        "in DIR/results, and is not done again: the same command goes on after an interruption.",
    )
    parser.add_argument("file", metavar="FILE", help="requirements, YAML")
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with local data files, mnist/*-ubyte.gz (default: $SOENSIM_DATA, if it is set)",
    )
    add_machine(parser, "designs/NAME")
    flags.no_seed(parser)
    return parser
