"""Pydantic's errors in plain words, at the place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from soensim._runtime.words import number_meant, whole_number_meant
from soensim.errors import NetlistError, SoensimError
from soensim.files.yaml_loader import looks_like_number
from soensim.files.yaml_source import PathParts, YamlSource
from soensim.netlist.base import NAME_PATTERN, nearest, shown
from soensim.netlist.schema.waivers import RULE_PATTERN
from soensim.netlist.yaml.legal_numbers import number_legal, whole_range

_MAX_LOOKED_AT = 1000  # of a list of a million wrong edges, the first ones will do

_MUST_BE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "string_too_long": "at most {max_length} characters long",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "dict_type": "a mapping (`name: value`)",
    "model_type": "a mapping (`key: value`)",
    "model_attributes_type": "a mapping (`key: value`)",
    "tuple_type": "a list",
    "missing": "a pair [source, target]",
}


def explain(
    error: ValidationError, source: YamlSource, schema: Mapping[str, Any], kind: type[SoensimError] = NetlistError
) -> SoensimError:
    """Make one error of all that pydantic found, in the order of the file; ``schema`` is the JSON Schema of such files.

    What an alias repeats is wrong in one place, and so is one fault.
    """
    details = [d for d in error.errors(include_url=False) if not _is_echo(d)]
    lines: dict[tuple[tuple[int, int], str], str] = {}
    for detail in details[:_MAX_LOOKED_AT]:
        path, message, key = _sentence(detail, source.value, schema)
        lines.setdefault((source.position(path, key=key), message), str(source.error(path, message, key=key)))
    faults = [lines[place] for place in sorted(lines)]
    return kind.of_file(source.name, faults, len(details) if len(details) > _MAX_LOOKED_AT else None)


def _counted(value: Any) -> str:
    return "1 entry" if len(value) == 1 else f"{len(value) or 'no'} entries"


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether a list counts as short only because its entries are wrong, which has its own errors."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _sentence(detail: ErrorDetails, data: Any, schema: Mapping[str, Any]) -> tuple[PathParts, str, bool]:
    """Turn one error into the path to point at, a sentence, and whether it is about the key itself."""
    path = _path_in(data, detail["loc"])
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "fault":
        return (*path, *context["at"]), detail["msg"], context["key"]
    if kind == "too_short":
        return path, f"has {_counted(value)}; it must have {context['min_length']} or more entries", False
    if kind == "too_long":
        return path, f"has {_counted(value)}; it must have {context['max_length']} entries at most", False
    is_key = detail["loc"][-1:] == ("[key]",)

    def is_legal(number: float) -> bool:
        return number_legal(schema, detail["loc"], number)

    must_be, hint = _legal(kind, context, value)
    if value is None:
        return path, f"has no value; it must be {must_be}", is_key
    if (
        kind in ("int_type", "float_type")
        and isinstance(value, str)
        and looks_like_number(value)
        and is_legal(float(value))
    ):
        return path, f"{shown(value)} is text; it must be {must_be}, so remove the quotes", is_key
    legal = whole_range(schema, detail["loc"]) if kind.startswith("int_") else ""
    meant = _meant(kind, value, is_legal, f" {legal}" if legal else "")
    return path, f"{shown(value)} is not legal; {hint}it must be {must_be}{meant}", is_key


def _legal(kind: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """Say what the value must be, with a hint to put before it."""
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        hint = nearest(value, words) if isinstance(value, str) else ""
        return f"one of {', '.join(words)}", hint
    if kind == "string_pattern_mismatch":
        if context["pattern"] == NAME_PATTERN:
            return "a letter, followed by letters, digits, `_` and `-`", ""
        if context["pattern"] == RULE_PATTERN:
            return "the ID of a design rule, such as SOEN-RT-001", ""
        return "text, in one line and without control characters", ""
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        return _MUST_BE["finite_number"], ""
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "text; put it in quotes", ""
    if kind in _MUST_BE:
        return _MUST_BE[kind].format(**{name: _short(limit) for name, limit in context.items()}), ""
    return f"something else ({kind.replace('_', ' ')})", ""


def _meant(kind: str, value: Any, is_legal: Callable[[float], bool], legal: str) -> str:
    """Say how to write what is nearly a number of the right kind, or its range where that number is not legal."""
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}" if abs(value) < 1e15 and is_legal(int(value)) else legal
    if kind not in ("int_type", "float_type") or not isinstance(value, str):
        return ""
    whole = whole_number_meant(value) if kind == "int_type" or "_" in value or "x" in value else None
    if whole is not None:
        return f"; write {whole}" if is_legal(whole) else legal
    advice = number_meant(value, is_legal)
    return f"; {advice}" if advice else ""


def _short(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _path_in(data: Any, location: tuple[int | str, ...]) -> PathParts:
    """Leave out of pydantic's location what is not in the file: which member of a union it tried, `[key]`."""
    path: list[int | str] = []
    for part in location:
        is_key = isinstance(data, Mapping) and part in data and part != data.get("kind")
        if is_key or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
            path.append(part)
    return tuple(path)
