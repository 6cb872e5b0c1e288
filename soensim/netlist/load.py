"""Read a netlist and say where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from soensim.errors import NetlistError, TechnologyError
from soensim.netlist.schema import Netlist
from soensim.netlist.yaml_source import YamlSource, parse_yaml, read_yaml


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
    """Read a netlist from YAML text; edge files are looked up in ``folder`` (default: the current one).

    Raises
    ------
    NetlistError
        As `load_netlist`, with ``name`` for the file.
    """
    return _validated(parse_yaml(text, name), folder or Path())


def json_schema() -> dict[str, Any]:
    """Make the JSON Schema of ``schema: soensim/1``, for editors."""
    schema = Netlist.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "soensim/1 netlist"}


def _validated(source: YamlSource, folder: Path) -> Netlist:
    if not isinstance(source.value, dict):
        raise source.error((), "is not a mapping; a netlist starts with `schema: soensim/1`")
    try:
        return Netlist.model_validate(source.value, context={"folder": folder})
    except ValidationError as error:
        details = error.errors(include_url=False)
        path, message = _explain(details[0], source)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        raise source.error(path, message + more) from error
    except TechnologyError as error:
        raise source.error(("technology",), str(error)) from error


def _explain(detail: ErrorDetails, source: YamlSource) -> tuple[tuple[str | int, ...], str]:
    """Turn one pydantic error into the path to point at and a sentence."""
    path = tuple(part for part in detail["loc"] if part != "[key]")
    context = detail.get("ctx", {})
    match detail["type"]:
        case "unknown_key":
            return (*path, context["at"]), detail["msg"]
        case "cross_reference":
            return tuple(context["path"]), detail["msg"]
        case "missing":
            return path, "is missing"
        case "union_tag_not_found":
            return path, f"{context['discriminator'].strip(chr(39))} is missing"
        case "union_tag_invalid":
            legal = context["expected_tags"].replace("'", "")
            return (*path, "kind"), f"{context['tag']!r} is not legal; must be one of {legal}"
        case "value_error" | "one_of" | "virtual_bias" | "no_bias" | "range" | "bits" | "levels":
            return path, detail["msg"].removeprefix("Value error, ")
        case _:
            must = detail["msg"].replace("Input should", "must", 1)
            return path, f"{_shown(detail['input'])} is not legal; {must[0].lower()}{must[1:]}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
