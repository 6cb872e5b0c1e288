"""`soensim convert`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from soensim.commands import cli
from soensim.errors import TechnologyError
from soensim.technology import load_technology
from soensim.units import convert


def main(arguments: Sequence[str]) -> int:
    """Run `soensim convert NAME=VALUE --to NAME`.

    Parameters
    ----------
    arguments
        Arguments after the verb.

    Returns
    -------
    int
        0; bad input raises.

    Raises
    ------
    TechnologyError
        On an unknown quantity or technology, or a value that is not a number.
    """
    parser = cli.parser(
        "convert",
        "Convert between dimensionless and SI quantities, e.g. gamma_minus=0.001 --to tau_ns.",
    )
    parser.add_argument("quantity", metavar="NAME=VALUE", help="e.g. gamma_minus=0.001 or inductance_nh=2.07")
    parser.add_argument("--to", required=True, metavar="NAME", help="e.g. tau_ns, beta_di, current_ua")
    parser.add_argument("--technology", default="nist-2023", help="preset or YAML file (default: nist-2023)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - for standard output")
    args = parser.parse_args(arguments)
    name, equals, text = args.quantity.partition("=")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not equals or not math.isfinite(value):
        raise TechnologyError(f"soensim convert: got {args.quantity!r}; give NAME=VALUE with a finite number")
    technology = load_technology(args.technology)
    result = convert(name, value, args.to, technology.junction)
    if args.json:
        document = {"from": {name: value}, "to": {args.to: result}, "technology": technology.name}
        cli.write_json(args.json, document)
    if args.json != "-":
        cli.say(f"{name} = {value!r}  ->  {args.to} = {result!r}  ({technology.name})")
    return cli.DONE
