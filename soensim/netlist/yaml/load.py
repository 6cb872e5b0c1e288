"""Read a netlist and say where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from soensim.errors import NetlistError
from soensim.files.yaml_source import YamlSource, load_yaml, parse_yaml
from soensim.netlist.base import shown
from soensim.netlist.schema.netlist import Netlist
from soensim.netlist.yaml.plain_errors import explain

SCHEMA = "soensim/1"

_EMPTY = f"a netlist starts with `schema: {SCHEMA}`"
_TOO_LONG = "keep long edge lists in a CSV or npz file (topology: {kind: file, path: …})"


def load_netlist(path: str | Path) -> Netlist:
    """Read a netlist file.

    Raises
    ------
    NetlistError
        With ``file:line:column: path: what is wrong, what is legal``.
    """
    return checked_netlist(netlist_source(path), Path(path).parent)


def netlist_source(path: str | Path) -> YamlSource:
    """Read the YAML of a netlist file; what it says is not checked.

    Raises
    ------
    NetlistError
        As `load_yaml`.
    """
    advice = "give the path of a netlist, such as netlists/year1-28.yaml"
    return load_yaml(path, error=NetlistError, what="netlist", advice=advice, empty=_EMPTY, too_long=_TOO_LONG)


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
    source = parse_yaml(text, name, error=NetlistError, what="netlist", empty=_EMPTY, too_long=_TOO_LONG)
    return checked_netlist(source, folder or Path())


def json_schema() -> dict[str, Any]:
    """Make the JSON Schema of ``schema: soensim/1``, for editors; it has what is registered by now."""
    schema = Netlist.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"{SCHEMA} netlist"}


@cache  # pydantic takes 0.1 s; messages take ranges of numbers from it, which no registration changes
def _ranges() -> dict[str, Any]:
    return json_schema()


def checked_netlist(source: YamlSource, folder: Path, quantities: Mapping[str, float] | None = None) -> Netlist:
    """Make the netlist of a YAML document.

    Parameters
    ----------
    source
        The document; its value may have been changed since it was read, its text says where its errors are.
    folder
        Where edge files and technology files are looked up.
    quantities
        Values that take the place of the technology's, by key.

    Raises
    ------
    NetlistError
        As `load_netlist`.
    """
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
        return Netlist.model_validate(value, context={"folder": folder, "quantities": quantities or {}})
    except ValidationError as error:
        raise explain(error, source, _ranges()) from error
