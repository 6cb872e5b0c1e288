"""`soensim convert`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from soensim._runtime.words import real_number, shown
from soensim.commands import cli, flags
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import TechnologyError
from soensim.technology import load_technology, technology_files
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
    args = parser().parse_args(arguments)
    name, equals, text = args.quantity.partition("=")
    try:
        value = real_number(text)
    except ValueError:
        value = math.nan
    if not equals or not math.isfinite(value):
        raise TechnologyError(
            f"{shown(args.quantity)} is not legal; it must be NAME=VALUE with a finite number, "
            "such as gamma_minus=0.001; see soensim convert --help"
        )
    target = named(args.json)
    check_outputs([json_output(target)], technology_files(args.technology))
    technology = load_technology(args.technology)
    result = convert(name, value, args.to, technology.junction)
    cli.write_json(target, {"from": {name: value}, "to": {args.to: result}, "technology": technology.name})
    if target != "-":
        cli.say(f"{name} = {value!r}  ->  {args.to} = {result!r}  ({technology.name})")
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "convert",
        "Convert between dimensionless and SI quantities.",
        "example:\n  soensim convert gamma_minus=0.001 --to tau_ns",
    )
    parser.add_argument("quantity", metavar="NAME=VALUE", help="such as gamma_minus=0.001 or inductance_nh=2.07")
    parser.add_argument("--to", required=True, metavar="NAME", help="such as tau_ns, beta_di or current_ua (required)")
    flags.technology(parser, flag=True)
    flags.json_file(parser, "the result")
    flags.no_seed(parser)
    return parser
