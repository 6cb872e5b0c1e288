"""`soensim explain`: one edge of a chip: its route and what it costs, or why it does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soensim.check.edge_route import explain_edge, parse_member
from soensim.commands import cli, flags
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.netlist import load_netlist
from soensim.routing import route

_CAUSES = (  # in the ledger; what it is; how it is counted
    ("propagation_db", "propagation", "length_um", "um"),
    ("bend_db", "90-degree bends", "bends", ""),
    ("crossing_db", "crossings in a plane", "crossings", ""),
    ("plane_crossing_db", "crossings between planes", "plane_crossings", ""),
    ("tap_db", "splitters, excess loss", "taps", ""),
    ("coupler_db", "couplers between planes", "couplers", ""),
    ("split_db", "light for the other detectors", None, ""),
)


def main(arguments: Sequence[str]) -> int:
    """Run `soensim explain`: exit status 0 if the edge exists, 1 if not.

    Raises
    ------
    SoensimError
        A wrong flag, or a member that the chip does not have.
    """
    given = parser().parse_args(arguments)
    target = named(given.json)
    netlist = load_netlist(given.chip)
    check_outputs([json_output(target)], chip_files(given.chip, netlist))
    ends = parse_member(netlist, given.source), parse_member(netlist, given.target)
    answer = explain_edge(route(netlist), *ends)
    cli.write_json(target, answer)
    if target != "-":
        cli.say("\n".join(_lines(answer)))
    return cli.DONE if answer["status"] == "present" else cli.ANSWER_IS_NO


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "explain",
        "Say how one edge is routed and what that costs, or why it does not exist (exit status 1).",
        "example:\n  soensim explain netlists/optical-28.yaml --from hidden[3] --to hidden[17]",
    )
    flags.chip(parser)
    for flag, end in (("--from", "source"), ("--to", "target")):
        parser.add_argument(
            flag, dest=end, required=True, metavar="POPULATION[K]", help=f"{end} of the edge, K from 0 (required)"
        )
    flags.json_file(parser, "the answer")
    flags.no_seed(parser)
    return parser


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [f"{answer['edge']}: {answer['status']}", f"  {answer['reason']}"]
    if "delay_ps" in answer:
        lines.append(f"  delay {answer['delay_ps']:.4g} ps")
    if "length_um" in answer:
        lines.append(f"  length {answer['length_um']:.6g} um")
    if "ledger" not in answer:
        return lines
    row = answer["ledger"]
    lines += ["", "  loss by cause                          dB"]
    for cause, text, count, unit in _CAUSES:
        number = "" if count is None else f"{row[count]:.0f} {unit}".rstrip()
        lines.append(f"    {text:<30}{row[cause]:>7.3f}  {number}")
    lines.append(f"    {'emitter to detector':<30}{row['loss_db']:>7.3f}")
    lines.append(
        f"  photons at the detector: {row['photons']:.4g} per spike, P(none counted) {row['no_photon_probability']:.2g}"
    )
    lines += ["", f"  {'path':<10}{'x um':>10}{'y um':>10}{'plane':>7}{'share':>8}{'length um':>11}{'loss dB':>9}"]
    lines += [
        f"  {p['kind']:<10}{p['x_um']:>10.1f}{p['y_um']:>10.1f}{p['plane']:>7}{p['share']:>8.3f}"
        f"{p['length_um']:>11.1f}{p['loss_db']:>9.3f}"
        for p in answer["path"]
    ]
    return lines
