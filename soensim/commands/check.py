"""`python -m soensim.check`: whether a netlist is a sound chip, what its routes cost, and its budget."""

from __future__ import annotations

import datetime
import platform
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim.check import Report, check_chip
from soensim.check.lyrdb import lyrdb
from soensim.check.rules import RULES
from soensim.check.text_report import chip_report, rules_list
from soensim.commands import cli, flags
from soensim.commands.chip_file import load_chip
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.watch import watch
from soensim.errors import SoensimError
from soensim.netlist import Netlist
from soensim.netlist.schema.strategies import ROUTING_STRATEGIES
from soensim.technology import LEGAL

_PACKAGES = ("soensim", "numpy")  # what routes and rules depend on


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    if given.rules:
        return _list_rules(given)
    if given.chip is None:
        raise SoensimError("no chip is given; name a netlist, or give --rules; see soensim check --help")
    if not given.watch:
        return _check(given, arguments)[0]
    if named(given.json) == STANDARD_OUTPUT:
        raise SoensimError(
            "--watch shows the text again and again; name a file with --json, or leave one of the two out"
        )
    return watch(given.chip, lambda: _check(given, arguments)[1])


def _check(given: Namespace, arguments: Sequence[str]) -> tuple[int, list[Path]]:
    """Check the chip once; return the exit status, and the files that it was made of."""
    outputs = _outputs(given)
    today = _day(given.today)
    netlist = load_chip(given.chip)
    files = chip_files(given.chip, netlist)
    check_outputs(outputs, files)
    if given.strategy is not None:
        netlist = _tried(netlist, given.strategy)
    report = check_chip(
        netlist, today=today, rate_mhz=given.rate_mhz, frame_samples=given.frame_samples, activity=given.activity
    )
    _write(report, [output.target for output in outputs], cli.command_line("check", arguments), today)
    if outputs[0].target != "-":
        cli.say(chip_report(report, strategy=given.strategy))
        for output in outputs[1:]:
            if output.target is not None:
                cli.say(f"written: {output.target}")
    return cli.DONE if report.passes else cli.ANSWER_IS_NO, files


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "check",
        "Check a netlist: lay it out and route it, apply the design rules, and make its budget.\n"
        "Exit status 1 if a rule is broken by an error that no waiver accepts.",
        "examples:\n"
        "  python -m soensim.check netlists/year1-28.yaml\n"
        "  python -m soensim.check chip.yaml --strategy crossbar --json - --lyrdb chip.lyrdb --figure chip",
    )
    flags.chip(parser, optional=True)
    parser.add_argument(
        "--watch", action="store_true", help="check again whenever a file of the chip is saved; Ctrl-C ends it"
    )
    parser.add_argument("--rules", action="store_true", help="list all rules instead; needs no CHIP")
    flags.json_file(parser, "all of it")
    parser.add_argument(
        "--lyrdb", metavar="FILE", help="write the findings as a report database of KLayout (default: none)"
    )
    parser.add_argument(
        "--figure",
        metavar="PREFIX",
        help="draw the floorplan with its waveguides as PREFIX.png and PREFIX.svg (default: none)",
    )
    parser.add_argument(
        "--strategy", choices=tuple(ROUTING_STRATEGIES), help="route with this strategy (default: the netlist's)"
    )
    parser.add_argument(
        "--rate-mhz",
        type=flags.quantity(LEGAL["spike_rate_max_mhz"]),
        metavar="MHZ",
        help="firing rate of the budget (default: the highest that the chip can have, times the activity)",
    )
    parser.add_argument(
        "--activity",
        type=flags.number(least=0, most=1),
        metavar="X",
        help="part of their highest rate at which emitters fire, and of state 1 at which rate neurons are, in the mean "
        "(default: 1, the worst case)",
    )
    parser.add_argument(
        "--frame-samples",
        type=flags.whole(1, flags.MOST_SAMPLES),
        metavar="N",
        help="input samples per frame, for the energy of a frame (default: not stated)",
    )
    parser.add_argument("--today", metavar="YYYY-MM-DD", help="day that decides which waivers hold (default: today)")
    flags.no_seed(parser)
    return parser


def _list_rules(given: Namespace) -> int:
    if given.watch:
        raise SoensimError("--rules lists all rules and watches nothing; leave --watch out")
    if given.chip is not None:
        raise SoensimError("--rules lists all rules and takes no chip; leave one of the two out")
    target = named(given.json)
    check_outputs([json_output(target)])
    cli.write_json(target, {"rules": [asdict(rule) for rule in RULES.values()]})
    if target != "-":
        cli.say(rules_list())
    return cli.DONE


def _outputs(given: Namespace) -> list[Output]:
    """Return JSON, report database, PNG and SVG."""
    prefix = named(given.figure)
    if prefix is not None and prefix.lower().endswith((".png", ".svg")):
        raise SoensimError(f"--figure {prefix}: the endings .png and .svg are added; give {prefix[:-4] or 'a name'}")
    pictures = [prefix if prefix in (None, "-") else f"{prefix}{ending}" for ending in (".png", ".svg")]
    return [
        json_output(named(given.json)),
        Output("--lyrdb", named(given.lyrdb), (".lyrdb",)),
        *(Output("--figure", picture) for picture in pictures),
    ]


def _write(report: Report, targets: Sequence[str | None], command: str, today: datetime.date) -> None:
    to_json, to_lyrdb, png, svg = targets
    if png is not None and svg is not None:
        _draw(report, png, svg)
    if to_lyrdb is not None:
        write_atomic(to_lyrdb, lyrdb(report.netlist, report.findings, command))
    cli.write_json(to_json, as_json(report, command=command, today=today))


def _draw(report: Report, png: str, svg: str) -> None:
    """Draw the floorplan, if there is one."""
    if report.routed is None or report.routed.layout is None:
        why = "is not laid out" if report.netlist.floorplan is None else "does not fit its die"
        raise SoensimError(f"--figure: chip {report.netlist.name!r} {why}: there is no floorplan to draw")
    from soensim.report.figures import floorplan, save_png, save_svg  # loads matplotlib: only where it is asked for

    figure = floorplan(report.routed)
    save_png(figure, png)
    save_svg(figure, svg)


def as_json(report: Report, *, command: str, today: datetime.date) -> dict[str, Any]:
    """Return the JSON form of a report (docs/contracts.md)."""
    netlist, routed = report.netlist, report.routed
    summaries = report.ledger
    absent: dict[str, int] = {}
    for summary in summaries:
        for reason, count in summary.absent.items():
            absent[reason] = absent.get(reason, 0) + count
    laid_out = routed is not None and routed.layout is not None
    return {
        "chip": {
            "name": netlist.name,
            "hash": netlist.hash,
            "routed_hash": routed.hash if routed is not None else None,
            "laid_out": laid_out,
            "strategy": netlist.routing.strategy if netlist.routing is not None else None,
        },
        "passes": report.passes,
        "rules": [finding.as_dict() for finding in report.findings],
        "routes": {
            "requested": sum(len(netlist.edges(p)) for p in netlist.projections),
            "routed": sum(summary.routed for summary in summaries),
            "absent": absent,
            "projections": {
                s.key: {"requested": s.requested, "routed": s.routed, "absent": s.absent} for s in summaries
            },
        },
        "ledger": [summary.as_dict() for summary in summaries if summary.figures],
        "budget": [line.as_dict() for line in report.budget],
        "today": today.isoformat(),
        "command": command,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def _tried(netlist: Netlist, strategy: str) -> Netlist:
    """Return the chip with another strategy; it is another chip, with another hash."""
    if netlist.routing is None or not netlist.has_waveguides:
        raise SoensimError(f"--strategy: {netlist.name!r} has no waveguides to route; it needs an optical projection")
    routing = netlist.routing.model_copy(update={"strategy": strategy})
    return netlist.model_copy(update={"routing": routing})


def _day(text: str | None) -> datetime.date:
    if text is None:
        return datetime.datetime.now(tz=datetime.UTC).astimezone().date()
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise SoensimError(f"--today: {text!r} is not a day; write it as 2027-06-30") from error
