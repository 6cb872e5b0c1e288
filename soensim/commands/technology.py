"""`soensim technology`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soensim.commands import cli, flags
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.technology import Quantity, Technology, load_technology, preset_names, technology_files


def main(arguments: Sequence[str]) -> int:
    """Run `soensim technology [NAME]`: the table of a preset, or the list of presets.

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
        If there is no such preset or file.
    """
    args = parser().parse_args(arguments)
    target = named(args.json)
    check_outputs([json_output(target)], [] if args.name is None else technology_files(args.name))
    if args.name is None:
        technologies = [load_technology(name) for name in preset_names()]
        document: dict[str, Any] = {"presets": {t.name: t.description for t in technologies}}
        text = "\n".join(f"{t.name:<16} {t.description}" for t in technologies)
    else:
        technology = load_technology(args.name)
        document = {**technology.as_dict(), "hash": technology.hash}
        document["derived"] = {key: quantity.as_dict() for key, quantity in technology.derived.items()}
        text = _table(technology)
    cli.write_json(target, document)
    if target != "-":
        cli.say(text)
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser("technology", "Print a technology's quantities with their sources, or list the presets.")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="preset or YAML file (default: none, the presets are listed)"
    )
    flags.json_file(parser, "the table")
    flags.no_seed(parser)
    return parser


def _table(technology: Technology) -> str:
    rows = [("quantity", "value", "unit", "range", "source")]
    for key in technology.keys():  # noqa: SIM118 (a Technology is not a dict)
        quantity = technology.quantity(key)
        rows.append((key, _number(quantity.value), quantity.unit, _range(quantity), quantity.source))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 8 + len("source")))
    return f"{technology.name}: {technology.description}\n\n" + "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.7g}"


def _range(quantity: Quantity) -> str:
    if quantity.low is None or quantity.high is None:
        return "-"
    return f"{quantity.low:.4g} to {quantity.high:.4g}"
