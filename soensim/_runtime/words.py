"""How messages show what was given, and name what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping

_LONGEST = 60

DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_WITH_UNIT = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*[A-Za-zµΩ]+")


def whole_number(word: str) -> int:
    """Read a whole number in decimal digits; `int` also takes `1_000` and the digits of other scripts.

    Raises
    ------
    ValueError
        It is none.
    """
    if not _WHOLE.fullmatch(word):
        raise ValueError("not a whole number")
    return int(word)


def real_number(word: str) -> float:
    """Read a number with a decimal point, or `inf` or `nan`; `float` also takes `1_000` and other digits.

    Raises
    ------
    ValueError
        It is none.
    """
    if "_" in word or not word.isascii():
        raise ValueError("not a number")
    return float(word)


def whole_number_meant(word: str) -> int | None:
    """Return the whole number that was written as `1e3`, `4.0`, `0x10`, `1_000` or `1,000`; None if it was none."""
    if len(word) > 30:
        return None
    if DECIMAL.fullmatch(word):
        value = float(word)
        return int(value) if abs(value) < 1e15 and value.is_integer() else None
    try:
        return int(word.replace(",", "_"), 0)
    except ValueError:
        return None


def number_meant(word: str, legal: Callable[[float], bool] | None = None) -> str:
    """Write what to do with a text that is nearly a number: with a decimal comma, or with a unit; else nothing.

    A number that is not `legal` either is not advised.
    """
    if _COMMA.fullmatch(word):
        meant = word.replace(",", ".")
        return f"write {meant}" if legal is None or legal(float(meant)) else ""
    if not DECIMAL.fullmatch(word) and _WITH_UNIT.fullmatch(word):
        return "write the number alone; the name says its unit, if it has one"
    return ""


def closest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known word that is nearest, or None if none is near."""
    near = difflib.get_close_matches(word[:200], list(known), n=1, cutoff=cutoff)  # its time grows with the length
    return near[0] if near else None


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Write "did you mean 'x'? ", or nothing if no known word is near."""
    near = closest(word, known, cutoff)
    return f"did you mean {near!r}? " if near else ""


def shown_path(path: object) -> str:
    """Write a path in one line: control characters escaped, one that no file system takes cut short."""
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
    return (text if len(text) <= 1000 else f"{text[:200]}…") or "''"


def shown(value: object) -> str:
    """Write a value as a message shows it: short, and in the words of YAML."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…")
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
