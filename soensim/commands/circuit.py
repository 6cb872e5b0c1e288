"""`soensim circuit`: what the SQUID of a technology does, solved from its junctions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soensim._runtime.compile_notice import compile_notice
from soensim.circuit import Device, source_table
from soensim.commands import cli, flags
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.limits import Limits
from soensim.technology import LEGAL, load_technology, technology_files


def main(arguments: Sequence[str]) -> int:
    """Run `soensim circuit`: threshold currents and source function of a technology's SQUID.

    Raises
    ------
    CircuitError
        A number is not finite, or the device is hysteretic and has no source function.
    TechnologyError
        There is no such preset or file.
    """
    given = parser().parse_args(arguments)
    target = named(given.json)
    check_outputs([json_output(target)], technology_files(given.technology))
    technology = load_technology(given.technology)
    with compile_notice(cli.tell, "10 s"):
        table = source_table(Device.from_technology(technology), temperature_k=given.temperature_k)
    flux, current = np.array(given.flux), np.array(given.current)
    thresholds = [float(table.threshold(phi)) for phi in flux]
    g = np.asarray(table(flux[:, None], current[None, :]))
    document = {
        "technology": technology.name,
        "temperature_k": given.temperature_k,
        "flux": given.flux,
        "threshold_current": thresholds,
        "current": given.current,
        "g": g.tolist(),
    }
    cli.write_json(target, document)
    if target != "-":
        cli.say(
            f"{technology.name}: g(phi, i) in I_c r_jj at {given.temperature_k:g} K; flux in Phi_0, currents in I_c\n"
        )
        cli.say(f"{'flux':>8}{'i_th':>9}  " + "".join(f"{f'g({i:g})':>10}" for i in current))
        for phi, threshold, row in zip(flux, thresholds, g, strict=True):
            cli.say(f"{phi:>8.4g}{threshold:>9.5f}  " + "".join(f"{value:>10.5f}" for value in row))
    return cli.DONE


_CURRENT = Limits(0, 100, "I_c", "a SQUID is biased at 1 to 2 I_c", zero=True, signed=True)


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "circuit",
        "Solve the receiving SQUID of a technology: threshold currents i_th(phi) and source function g(phi, i).",
        "example:\n  soensim circuit nist-2023 --flux 0 0.25 0.5 --current 1.7 1.9 2.1",
    )
    flags.technology(parser, flag=False)
    parser.add_argument(
        "--flux",
        type=flags.quantity(LEGAL["flux_offset"]),
        nargs="+",
        default=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        metavar="PHI_0",
        help="applied flux, one number or more, in Phi_0 (default: 0 to 0.5 in steps of 0.1)",
    )
    parser.add_argument(
        "--current",
        type=flags.quantity(_CURRENT),
        nargs="+",
        default=[1.5, 1.7, 1.9, 2.1],
        metavar="I_C",
        help="current through the SQUID, one number or more, in I_c (default: 1.5 1.7 1.9 2.1)",
    )
    parser.add_argument(
        "--temperature-k",
        type=flags.quantity(LEGAL["temperature_k"]),
        metavar="K",
        default=0.0,
        help="temperature of the shunt resistors (default: 0, no noise)",
    )
    flags.json_file(parser, "the table")
    flags.no_seed(parser)
    return parser
