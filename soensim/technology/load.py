"""Read a technology from YAML: a preset of this room, or a file of the user's."""

import difflib
import math
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from soensim.errors import TechnologyError
from soensim.technology.derived import DERIVED_KEYS
from soensim.technology.quantity import Quantity, Technology
from soensim.units import Junction

SCHEMA = "soensim-technology/1"
_PRESETS = Path(__file__).parent / "presets"
_TOP_KEYS = ("schema", "name", "description", "extends", "quantities")
_ENTRY_KEYS = ("value", "unit", "range", "range_reason", "source")
_JUNCTION_KEYS = ("critical_current_a", "gamma_c_f_per_a", "beta_c")


def preset_names() -> tuple[str, ...]:
    """Names of the presets that come with soensim."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.yaml")))


def load_technology(name_or_path: str | Path) -> Technology:
    """Load a technology by preset name, or from a YAML file.

    Parameters
    ----------
    name_or_path
        A preset's name, or the path of a file (recognised by `.yaml`, `.yml` or a directory separator).
        A file may say `extends: nist-2023` and give only what differs.

    Returns
    -------
    Technology
        Frozen; loading the same content twice gives equal objects and equal hashes.

    Raises
    ------
    TechnologyError
        If there is no such preset or file, or if the file is not a valid technology.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return _load_file(Path(text), ())
    return _load_preset(text)


@cache
def _load_preset(name: str) -> Technology:
    names = preset_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
        raise TechnologyError(
            f"unknown technology {name!r}; the nearest preset is {near!r}; presets: {', '.join(names)}"
        )
    return _load_file(_PRESETS / f"{name}.yaml", ())


def _load_file(path: Path, seen: tuple[Path, ...]) -> Technology:
    if path.resolve() in seen:
        raise TechnologyError(f"{path}: extends: the file extends itself")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TechnologyError(f"{path}: no such file; presets: {', '.join(preset_names())}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TechnologyError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise TechnologyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    raw = _mapping(raw, f"{path}", _TOP_KEYS)
    if raw.get("schema") != SCHEMA:
        raise TechnologyError(f"{path}: schema: got {raw.get('schema')!r}; this soensim reads {SCHEMA!r}")
    entries = _parent_quantities(path, raw.get("extends"), (*seen, path.resolve()))
    for key, entry in _mapping(raw.get("quantities") or {}, f"{path}: quantities", None).items():
        if key in DERIVED_KEYS:
            raise TechnologyError(f"{path}: quantities.{key}: it follows from other quantities; leave it out")
        entries[key] = _quantity(entry, f"{path}: quantities.{key}")
    junction = _junction(entries, path)
    name, description = raw.get("name"), raw.get("description", "")
    if not isinstance(name, str) or not name or not isinstance(description, str):
        raise TechnologyError(f"{path}: name: must be a non-empty text, and description a text")
    return Technology(name, " ".join(description.split()), junction, entries)


def _parent_quantities(path: Path, parent: Any, seen: tuple[Path, ...]) -> dict[str, Quantity]:
    if parent is None:
        return {}
    if not isinstance(parent, str):
        raise TechnologyError(f"{path}: extends: must be the name of a preset or a path; got {parent!r}")
    if parent.endswith((".yaml", ".yml")):
        return dict(_load_file(path.parent / parent, seen).stored)
    return dict(_load_preset(parent).stored)


def _mapping(raw: Any, where: str, legal: tuple[str, ...] | None) -> dict[str, Any]:
    """Check that something is a mapping from text, with legal keys only."""
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise TechnologyError(f"{where}: must be a mapping of named values; got {type(raw).__name__}")
    for key in raw:
        if legal is not None and key not in legal:
            near = difflib.get_close_matches(key, legal, n=1, cutoff=0.0)[0]
            raise TechnologyError(f"{where}: unknown key {key!r}; did you mean {near!r}? Legal: {', '.join(legal)}")
    return raw


def _number(raw: Any, where: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise TechnologyError(f"{where}: must be a finite number; got {raw!r} (YAML needs 1.0e-4, not 1e-4)")
    return float(raw)


def _quantity(raw: Any, where: str) -> Quantity:
    entry = _mapping(raw, where, _ENTRY_KEYS)
    for key in ("value", "unit", "range", "source"):
        if key not in entry:
            raise TechnologyError(f"{where}: {key} is missing; a number needs value, unit, range and source")
    for key in ("unit", "source"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise TechnologyError(f"{where}.{key}: must be a non-empty text; got {entry[key]!r}")
    reason = entry.get("range_reason", "")
    source = " ".join(entry["source"].split())
    value = None if entry["value"] is None else _number(entry["value"], f"{where}.value")
    if value is None and not source.startswith("not found"):
        raise TechnologyError(f"{where}.value: only a quantity whose source says 'not found' may have none")
    limits = entry["range"]
    if limits is None:
        if not isinstance(reason, str) or not reason.strip():
            raise TechnologyError(f"{where}.range_reason: say why there is no range")
        return Quantity(value, entry["unit"], None, None, source, " ".join(reason.split()))
    if not isinstance(limits, list) or len(limits) != 2:
        raise TechnologyError(f"{where}.range: must be [low, high] or null; got {limits!r}")
    low, high = (_number(limit, f"{where}.range") for limit in limits)
    if not low <= high or (value is not None and not low <= value <= high):
        raise TechnologyError(f"{where}.range: needs low <= value <= high; got {low}, {value}, {high}")
    return Quantity(value, entry["unit"], low, high, source, " ".join(str(reason).split()))


def _junction(entries: dict[str, Quantity], path: Path) -> Junction:
    values = []
    for key in _JUNCTION_KEYS:
        quantity = entries.get(key)
        if quantity is None or quantity.value is None:
            raise TechnologyError(f"{path}: quantities.{key}: missing; a technology needs {_JUNCTION_KEYS}")
        values.append(quantity.value)
    return Junction(*values)
