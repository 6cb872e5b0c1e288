"""How messages show what was given, and name what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_LONGEST = 60


def closest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the known word that is nearest, or None if none is near."""
    near = difflib.get_close_matches(word[:200], list(known), n=1, cutoff=cutoff)  # its time grows with the length
    return near[0] if near else None


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Write "did you mean 'x'? ", or nothing if no known word is near."""
    near = closest(word, known, cutoff)
    return f"did you mean {near!r}? " if near else ""


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
