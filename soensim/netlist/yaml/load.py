"""Read a netlist and say where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from soensim.netlist.base import shown
from soensim.netlist.schema.netlist import Netlist
from soensim.netlist.yaml.plain_errors import explain
from soensim.netlist.yaml.source import YamlSource, parse_yaml, read_yaml

SCHEMA = "soensim/1"


def load_netlist(path: str | Path) -> Netlist:
    """Read a netlist file.

    Raises
    ------
    NetlistError
        With ``file:line:column: path: what is wrong, what is legal``.
    """
    path = Path(path)
    return _validated(read_yaml(path), path.parent)


def parse_netlist(text: str, *, name: str = "<netlist>", folder: Path | None = None) -> Netlist:
    """Read a netlist from YAML text.

    Parameters
    ----------
    text
        The YAML.
    name
        Name of the file in messages.
    folder
        Where edge files and technology files are looked up; default: the current one.

    Raises
    ------
    NetlistError
        As `load_netlist`.
    """
    return _validated(parse_yaml(text, name), folder or Path())


def json_schema() -> dict[str, Any]:
    """Make the JSON Schema of ``schema: soensim/1``, for editors."""
    schema = Netlist.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"{SCHEMA} netlist"}


def _validated(source: YamlSource, folder: Path) -> Netlist:
    value = source.value
    if not isinstance(value, dict):
        raise source.error(
            (), f"{shown(value)} is no netlist; it must be a mapping that starts with `schema: {SCHEMA}`"
        )
    version = value.get("schema")  # first: with another version, every other complaint would be beside the point
    if version is None:
        raise source.error(("schema",), f"is missing; a netlist starts with `schema: {SCHEMA}`", key=True)
    if version != SCHEMA:
        raise source.error(("schema",), f"{shown(version)} is not legal; this soensim reads {SCHEMA}")
    try:
        return Netlist.model_validate(value, context={"folder": folder})
    except ValidationError as error:
        raise explain(error, source) from error
