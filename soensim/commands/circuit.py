"""`soensim circuit`: what the SQUID of a technology does, solved from its junctions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from soensim.circuit import Device, source_table
from soensim.commands import cli
from soensim.errors import CircuitError
from soensim.technology import load_technology


def main(arguments: Sequence[str]) -> int:
    """Run `soensim circuit`: threshold currents and source function of a technology's SQUID.

    Raises
    ------
    CircuitError
        A number is not finite, or the device is hysteretic and has no source function.
    TechnologyError
        There is no such preset or file.
    """
    parser = cli.parser(
        "circuit",
        "Solve the receiving SQUID of a technology: threshold currents i_th(phi) and source function g(phi, i).",
        "example:\n  soensim circuit nist-2023 --flux 0 0.25 0.5 --current 1.7 1.9 2.1",
    )
    parser.add_argument("technology", nargs="?", default="nist-2023", help="preset or YAML file (default nist-2023)")
    parser.add_argument("--flux", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5], metavar="PHI_0")
    parser.add_argument("--current", type=float, nargs="+", default=[1.5, 1.7, 1.9, 2.1], metavar="I_C")
    parser.add_argument("--temperature-k", type=float, default=0.0, help="of the shunt resistors (default 0: no noise)")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON (- for standard output)")
    parser.add_argument("--seed", type=int, help="accepted as by most commands; nothing here is random")
    given = parser.parse_args(arguments)
    cli.checked_seed(given.seed)
    cli.check_writable(given.json)
    if not all(map(math.isfinite, [*given.flux, *given.current])):
        raise CircuitError("soensim circuit: --flux and --current take finite numbers")
    technology = load_technology(given.technology)
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
    if given.json:
        cli.write_json(given.json, document)
    if given.json != "-":
        cli.say(
            f"{technology.name}: g(phi, i) in I_c r_jj at {given.temperature_k:g} K; flux in Phi_0, currents in I_c\n"
        )
        cli.say(f"{'flux':>8}{'i_th':>9}  " + "".join(f"{f'g({i:g})':>10}" for i in current))
        for phi, threshold, row in zip(flux, thresholds, g, strict=True):
            cli.say(f"{phi:>8.4g}{threshold:>9.5f}  " + "".join(f"{value:>10.5f}" for value in row))
    return cli.DONE
