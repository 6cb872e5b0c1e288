"""`soensim schema`: the JSON Schema of netlists, with the rules and settings that a task can name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from soensim.commands import cli, flags
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.netlist.yaml.load import json_schema
from soensim.training.recipes import RECIPES, all_settings
from soensim.training.recipes.registry import SettingInfo

_EPILOG = """\
For completion and checks in an editor, begin a netlist with the line
  # yaml-language-server: $schema=soensim-1.schema.json
"""


def main(arguments: Sequence[str]) -> int:
    """Run `soensim schema`: the JSON Schema of netlists.

    Parameters
    ----------
    arguments
        What follows the verb.

    Returns
    -------
    int
        0; bad input raises.

    Raises
    ------
    SoensimError
        A wrong flag, or a file that cannot be written.
    """
    given = parser().parse_args(arguments)
    target = named(given.out)
    check_outputs([json_output(target, given.flag)])
    cli.write_json(target, full_schema(), ensure_ascii=False)
    return cli.DONE


class _StoreWithFlag(argparse.Action):
    """Stores the value, and which of the flag's names was typed, for messages."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.flag = option_string


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser("schema", "Write the JSON Schema of netlists (schema: soensim/1).", _EPILOG)
    parser.add_argument(
        "--out",
        "--json",
        action=_StoreWithFlag,
        metavar="FILE",
        default="-",
        help="write the schema, which is JSON; - is standard output, none writes nothing (default: -)",
    )
    parser.set_defaults(flag="--out")
    flags.no_seed(parser)
    return parser


def full_schema() -> dict[str, Any]:
    """Return the netlist's JSON Schema with the legal rules of a task, and their settings with types and limits."""
    schema = json_schema()
    task = schema["$defs"]["Task"]["properties"]
    task["rule"]["enum"] = list(RECIPES)
    task["recipe"] = {
        **{key: task["recipe"][key] for key in ("description", "title", "type")},
        "additionalProperties": False,
        "properties": {name: _property(info) for name, info in all_settings().items()},
    }
    return schema


def _property(info: SettingInfo) -> dict[str, Any]:
    """Describe a setting in JSON Schema."""
    if info.choices:
        return {"enum": list(info.choices), "description": info.help}
    words = {"above": "exclusiveMinimum", "least": "minimum", "below": "exclusiveMaximum", "most": "maximum"}
    kind = {bool: "boolean", int: "integer", float: "number", str: "string"}[info.kind]
    return {"type": kind, **{words[k]: v for k, v in info.limits.items()}, "description": info.help}
