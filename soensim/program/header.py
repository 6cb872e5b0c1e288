"""What the header of a program may hold: the type and range of every key that soensim writes or reads.

Keys that are not listed are kept and shown, never read: another version of soensim, or the user, may add some.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from soensim.errors import ProgramError


@dataclass(frozen=True)
class Rule:
    """What a value of the header must be: a test, and the words for it."""

    legal: str
    passes: Callable[[Any], bool]


def _whole(least: int) -> Rule:
    legal = f"a whole number from {least} to 2^63 - 1"
    return Rule(legal, lambda value: type(value) is int and least <= value < 2**63)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TEXT = Rule("text", lambda value: isinstance(value, str))
_TEXT_OR_NULL = Rule("text or null", lambda value: value is None or isinstance(value, str))
_NAME = Rule("a name", lambda value: isinstance(value, str) and value != "")
_SWITCH = Rule("true or false", lambda value: isinstance(value, bool))
_FRACTION = Rule("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
_ABOVE_ZERO = Rule("a number above 0", lambda value: _is_number(value) and value > 0)
_PLAIN = Rule(
    "text, a number, true, false or null", lambda value: value is None or isinstance(value, str | bool | int | float)
)
_NAMES = Rule(
    "a list of texts", lambda value: isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
)
_MAPPING = Rule("a mapping", lambda value: isinstance(value, Mapping))

_RULES: Mapping[str, Rule] = {
    "netlist": _TEXT,
    "command": _TEXT_OR_NULL,
    "substeps": _whole(1),
    "threads": _whole(1),
    "device": _TEXT,
    "data": _MAPPING,
    "data.name": _NAME,
    "data.data_seed": _whole(0),
    "data.fingerprint": _TEXT,
    "data.sha256": _TEXT,
    "data.data_dir": _TEXT_OR_NULL,
    "data.presentation": _TEXT,
    "data.class_names": _NAMES,
    "measured": _MAPPING,
    "measured.file": _TEXT,
    "measured.fingerprint": _TEXT,
    "seeds": _MAPPING,
    "seeds.train_seed": _whole(0),
    "seeds.data_seed": _whole(0),
    "results": _MAPPING,
    "results.validation_accuracy": _FRACTION,
    "results.epoch": _whole(1),
    "results.trained_readout": _FRACTION,
    "results.refitted_readout": _FRACTION,
    "versions": _MAPPING,
    "versions.*": _TEXT,
    "recipe": _MAPPING,
    "recipe.rule": _NAME,
    "recipe.epochs": _whole(1),
    "recipe.ideal_epochs": _whole(0),
    "recipe.batch_size": _whole(1),
    "recipe.refine": _whole(1),
    "recipe.train_seed": _whole(0),
    "recipe.learning_rate": _ABOVE_ZERO,
    "recipe.quantise": _SWITCH,
    "recipe.*": _PLAIN,
}
_TOGETHER = {
    "data": ("name", "data_seed", "fingerprint"),
    "recipe": ("rule",),
    "measured": ("file", "fingerprint"),
}  # one without the others says nothing


def check_header(header: Mapping[str, Any]) -> None:
    """Refuse a header that holds a value of another type or beyond its range; a missing key is legal.

    Raises
    ------
    ProgramError
        With the key, its value, and what is legal.
    """
    if not isinstance(header, Mapping):
        raise ProgramError(f"the program's header is {_shown(header)}; it must be a mapping")
    for path, value in _parts("", header):
        if isinstance(value, float) and not math.isfinite(value):
            raise ProgramError(f"the program's header has {path}: {value}; numbers in it must be finite")
        if isinstance(value, str) and not value.isascii() and _has_surrogate(value):
            raise ProgramError(f"the program's header has {path}: {_shown(value)}, which is no Unicode text")
    for path, rule in _RULES.items():
        section, _, key = path.rpartition(".")
        within = header.get(section, {}) if section else header
        for name in within if key == "*" else [key] if key in within else []:
            if not rule.passes(within[name]):
                place = _shown_path(f"{section}.{name}" if section else name)
                raise ProgramError(f"the program's header has {place}: {_shown(within[name])}; it must be {rule.legal}")
    for section, keys in _TOGETHER.items():
        for key in keys:
            if header.get(section) and key not in header[section]:
                raise ProgramError(f"the program's header has {section} without {key}; it needs {', '.join(keys)}")


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every plain value within a header, its keys as well, with its path."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            inner = _shown_path(f"{path}.{key}" if path else str(key))
            yield inner, key
            yield from _parts(inner, part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(path, part)
    else:
        yield path, value


def _has_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def _shown_path(path: str) -> str:
    return path if path.isascii() and path.isprintable() and len(path) <= 60 else f"{ascii(path)[1:60]}"


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
