"""`soensim convert` and `soensim technology`."""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from soensim.errors import TechnologyError
from soensim.technology.load import load_technology, preset_names
from soensim.technology.quantity import Quantity, Technology
from soensim.units import convert


class _Parser(argparse.ArgumentParser):
    """Argument parser whose complaints are ordinary soensim errors."""

    def error(self, message: str) -> NoReturn:
        raise TechnologyError(f"{self.prog}: {message}; see {self.prog} --help")


def convert_main(argv: list[str]) -> int:
    """Run `soensim convert NAME=VALUE --to NAME`.

    Parameters
    ----------
    argv
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
    parser = _Parser(
        prog="soensim convert",
        description="Convert between dimensionless and SI quantities, e.g. gamma_minus=0.001 --to tau_ns.",
    )
    parser.add_argument("quantity", metavar="NAME=VALUE", help="e.g. gamma_minus=0.001 or inductance_nh=2.07")
    parser.add_argument("--to", required=True, metavar="NAME", help="e.g. tau_ns, beta_di, current_ua")
    parser.add_argument("--technology", default="nist-2023", help="preset or YAML file (default: nist-2023)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - for standard output")
    args = parser.parse_args(argv)
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
        _write_json(document, args.json)
    if args.json != "-":
        sys.stdout.write(f"{name} = {value!r}  ->  {args.to} = {result!r}  ({technology.name})\n")
    return 0


def technology_main(argv: list[str]) -> int:
    """Run `soensim technology [NAME]`: the table of a preset, or the list of presets.

    Parameters
    ----------
    argv
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
    parser = _Parser(prog="soensim technology", description="Print a technology's quantities with their sources.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="preset or YAML file; without it, list presets")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON; - for standard output")
    args = parser.parse_args(argv)
    if args.name is None:
        technologies = [load_technology(name) for name in preset_names()]
        document: dict[str, Any] = {"presets": {t.name: t.description for t in technologies}}
        text = "".join(f"{t.name:<16} {t.description}\n" for t in technologies)
    else:
        technology = load_technology(args.name)
        document = {**technology.as_dict(), "hash": technology.hash}
        document["derived"] = {key: quantity.as_dict() for key, quantity in technology.derived.items()}
        text = _table(technology)
    if args.json:
        _write_json(document, args.json)
    if args.json != "-":
        sys.stdout.write(text)
    return 0


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
    return f"{technology.name}: {technology.description}\n\n" + "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.7g}"


def _range(quantity: Quantity) -> str:
    if quantity.low is None or quantity.high is None:
        return "-"
    return f"{quantity.low:.4g} to {quantity.high:.4g}"


def _write_json(document: dict[str, Any], target: str) -> None:
    """Write to standard output (`-`), or to a temporary name that is then renamed."""
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    try:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise TechnologyError(f"--json {target}: cannot be written: {error}") from error
