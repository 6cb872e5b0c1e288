"""The content of a technology file: its quantities, and all that is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soensim._runtime.words import closest, nearest, shown
from soensim.limits import UNITS
from soensim.technology.derived import DERIVED_KEYS
from soensim.technology.layer_map import Layer, parse_layers
from soensim.technology.legal_ranges import LEGAL
from soensim.technology.quantity import Quantity

_TOP_KEYS = ("schema", "name", "description", "extends", "quantities", "layout")
_ENTRY_KEYS = ("value", "unit", "range", "range_reason", "source")
_NEEDED_KEYS = ("value", "unit", "range", "source")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a part of the file.

    Attributes
    ----------
    at
        Keys from the top of the file to the part.
    message
        What is wrong, what is legal.
    key
        Whether the key itself is wrong, and not its value.
    """

    at: tuple[str, ...]
    message: str
    key: bool = False


def parse_layout(raw: Mapping[str, Any]) -> tuple[dict[str, Layer], list[Fault]]:
    """Read the layers of a file that is a mapping, and what is wrong with them."""
    layers, wrong = parse_layers(raw.get("layout"))
    return layers, [Fault(("layout", *at), message, key) for at, message, key in wrong]


def parse_quantities(raw: Mapping[str, Any]) -> tuple[dict[str, Quantity], list[Fault]]:
    """Read the quantities of a file that is a mapping; the faults are those of the whole file but its layers."""
    faults = _unknown_keys(raw, (), _TOP_KEYS)
    if not isinstance(raw.get("name"), str) or not raw["name"].strip():
        faults.append(Fault(("name",), f"{shown(raw.get('name'))} is not legal; it must be text that is not empty"))
    if not isinstance(raw.get("description", ""), str):
        faults.append(Fault(("description",), f"{shown(raw['description'])} is not legal; it must be text"))
    parent = raw.get("extends")
    if parent is not None and not isinstance(parent, str):
        faults.append(Fault(("extends",), f"{shown(parent)} is not legal; it must be the name of a preset, or a path"))
    quantities = raw.get("quantities")
    if quantities is not None and not isinstance(quantities, Mapping):
        return {}, [*faults, Fault(("quantities",), f"{shown(quantities)} is not legal; it must be a mapping")]
    entries: dict[str, Quantity] = {}
    for key, entry in (quantities or {}).items():
        at = ("quantities", str(key))
        wrong = _entry_faults(entry, at)
        if key in DERIVED_KEYS:
            wrong = [Fault(at, "follows from other quantities; leave it out", key=True)]
        wrong = wrong or _limit_faults(str(key), entry, at)
        faults += wrong
        if not wrong:
            entries[str(key)] = _quantity(entry)
    return entries, faults


def _unknown_keys(raw: Mapping[Any, Any], at: tuple[str, ...], legal: tuple[str, ...]) -> list[Fault]:
    faults: list[Fault] = []
    for key in raw:
        if key not in legal:
            known = "the legal keys are listed above" if faults else f"legal keys are {', '.join(legal)}"
            faults.append(
                Fault((*at, str(key)), f"unknown key {shown(key)}; {nearest(str(key), legal)}{known}", key=True)
            )
    return faults


def _entry_faults(entry: Any, at: tuple[str, ...]) -> list[Fault]:
    """Find all that is wrong with a quantity."""
    if not isinstance(entry, Mapping):
        legal = f"it must be a mapping with {', '.join(_NEEDED_KEYS)}"
        return [Fault(at, f"{shown(entry)} is not legal; {legal}")]
    faults = _unknown_keys(entry, at, _ENTRY_KEYS)
    meant = {closest(str(key), _ENTRY_KEYS) for key in entry if key not in _ENTRY_KEYS}  # missing since misspelt
    faults += [
        Fault((*at, key), "is missing; a quantity needs value, unit, range and source", key=True)
        for key in _NEEDED_KEYS
        if key not in entry and key not in meant
    ]
    for key in ("unit", "source"):
        text = entry.get(key)
        if key in entry and not (isinstance(text, str) and text.strip()):
            faults.append(Fault((*at, key), f"{shown(text)} is not legal; it must be text that is not empty"))
    value, source = entry.get("value"), entry.get("source")
    if value is not None:
        faults += _number_faults(value, (*at, "value"))
    elif "value" in entry and isinstance(source, str) and not _is_not_found(source):
        faults.append(Fault((*at, "value"), "has no value; only a quantity whose source says 'not found' may lack one"))
    return faults + _range_faults(entry, at) if "range" in entry else faults


def _number_faults(value: Any, at: tuple[str, ...]) -> list[Fault]:
    if _is_number(value):
        return []
    return [Fault(at, f"{shown(value)} is not legal; it must be a finite number")]


def _range_faults(entry: Mapping[str, Any], at: tuple[str, ...]) -> list[Fault]:
    limits, value, reason = entry["range"], entry.get("value"), entry.get("range_reason")
    if limits is None:
        if isinstance(reason, str) and reason.strip():
            return []
        return [Fault((*at, "range_reason"), "must say, in text, why there is no range", key=True)]
    if not isinstance(limits, list) or len(limits) != 2:
        return [Fault((*at, "range"), f"{shown(limits)} is not legal; it must be [low, high], or null")]
    wrong = [fault for limit in limits for fault in _number_faults(limit, (*at, "range"))]
    if wrong:
        return wrong
    low, high = limits
    if low > high or (_is_number(value) and not low <= value <= high):
        return [Fault((*at, "range"), f"needs low <= value <= high; got {low}, {shown(value)}, {high}")]
    return []


def _limit_faults(key: str, entry: Mapping[str, Any], at: tuple[str, ...]) -> list[Fault]:
    """Find a unit that is not that of the quantity, or a value that cannot be; of an entry without other faults."""
    limits = LEGAL.get(key)
    if limits is None or entry["value"] is None:
        return []
    unit = "1" if limits.unit in ("relative", "fraction") else limits.unit
    if entry["unit"] != unit:
        told = f"{shown(entry['unit'])} is not legal; this quantity is {UNITS[limits.unit]}: write unit {unit!r}"
        return [Fault((*at, "unit"), f"{told}, and the value in it")]
    value = entry["value"]
    if limits.hold(value):
        return []
    return [Fault((*at, "value"), f"{value:.10g} is not legal; {limits.fault(value)}")]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of a float
        return False


def _is_not_found(source: str) -> bool:
    return source.strip().startswith("not found")


def _quantity(entry: Mapping[str, Any]) -> Quantity:
    """Make a quantity of an entry without faults."""
    value, limits = entry["value"], entry["range"]
    low, high = (None, None) if limits is None else (float(limits[0]), float(limits[1]))
    reason, source = (" ".join(str(entry.get(key, "")).split()) for key in ("range_reason", "source"))
    return Quantity(None if value is None else float(value), entry["unit"], low, high, source, reason)
