"""Keys of a netlist by their paths, as a study sets them: `projections[*].efficacy.bits`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soensim._runtime.words import nearest, shown
from soensim.errors import StudyError
from soensim.netlist.schema.spiking import SOMA

ALL = "*"
_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([^\[\]]+)\]")
_NAMED_BY_USER = ("populations",)

Document = dict[str, Any]
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class KeyPath:
    """The path of a key, or of one key in all entries of a list.

    Attributes
    ----------
    text
        As it was written.
    parts
        Keys; for an entry of a list its number from 0, ``*`` for all entries, or `source->target` of a projection.
    """

    text: str
    parts: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> KeyPath:
        """Read a path such as `projections[0].efficacy.bits`, `projections[*].…` or `projections[a->b].…`.

        Raises
        ------
        StudyError
            It is no path.
        """
        parts, end = [], 0
        while end < len(text):
            match = _PART.match(text, end)
            if match is None or (end == 0 and (match[2] or text.startswith("."))):
                raise StudyError(
                    f"{shown(text)} is no path of a key; it is keys with dots between them and entries of lists in "
                    "brackets, such as projections[0].efficacy.bits"
                )
            parts.append(match[1] or match[2].strip())
            end = match.end()
        if not parts:
            raise StudyError("an empty text is no path of a key; give one such as projections[0].efficacy.bits")
        return cls(text, tuple(parts))

    def places(self, document: Document) -> list[Place]:
        """Find the places in a netlist that the path means.

        Raises
        ------
        StudyError
            A list has no such entry, or what should hold the rest of the path is neither a list nor a mapping.
        """
        places: list[Place] = [()]
        for part in self.parts:
            places = [(*place, step) for place in places for step in self._steps(_at(document, place), place, part)]
        return places

    def _steps(self, holder: Any, place: Place, part: str) -> list[str | int]:
        if not isinstance(holder, list):
            if place == _NAMED_BY_USER and isinstance(holder, Mapping) and part not in holder:
                raise StudyError(
                    f"{self.text}: there is no population {part!r}; {nearest(part, holder)}there are "
                    f"{', '.join(holder)}"
                )
            return [part]
        indices = list(range(len(holder)))
        if part == ALL:
            return list(indices)
        if part.isdecimal() and int(part) in indices:
            return [int(part)]
        names = [_entry_name(entry) for entry in holder]
        if part in names:
            return [names.index(part)]
        legal = [name for name in names if name is not None]
        raise StudyError(
            f"{self.text}: {_written(place)} has no entry {part}; {nearest(part, legal)}it has {len(holder)}: numbers "
            f"from 0, or all as [*]{', or ' + ', '.join(f'[{name}]' for name in legal) if legal else ''}"
        )


def with_value(document: Document, path: KeyPath, value: Any) -> Document:
    """Return a netlist's document with a value at every place that a path means; the document itself is not changed.

    A short form, such as `topology: all-to-all`, is expanded where one of its keys is set, and a mapping that the
    document does not have is added.

    Raises
    ------
    StudyError
        As `KeyPath.places`, or the value of a key that has a part is neither a mapping nor a word.
    """
    changed = document
    for place in path.places(document):
        changed = _set(changed, place, value, path.text)
    return changed


def value_at(document: Document, place: Place) -> Any:
    """Return the value at a place; None where there is none."""
    return _at(document, place)


def _set(holder: Any, place: Place, value: Any, text: str) -> Any:
    if not place:
        return value
    first, rest = place[0], place[1:]
    if isinstance(holder, list) and isinstance(first, int):
        return [_set(entry, rest, value, text) if k == first else entry for k, entry in enumerate(holder)]
    if isinstance(holder, str):
        holder = {"kind": holder}
    if holder is None:
        holder = {}
    if not isinstance(holder, Mapping):
        raise StudyError(f"{text}: {shown(holder)} has no key {first!r}: it is neither a mapping nor a list")
    return {**holder, str(first): _set(holder.get(str(first)), rest, value, text)}


def _at(document: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        if isinstance(document, list) and isinstance(part, int):
            document = document[part]
        elif isinstance(document, Mapping):
            document = document.get(part)
        else:
            return None
    return document


def _entry_name(entry: Any) -> str | None:
    if isinstance(entry, Mapping) and "source" in entry and "target" in entry:
        place = entry.get("place") or SOMA
        return f"{entry['source']}->{entry['target']}" + ("" if place == SOMA else f".{place}")
    return None


def _written(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
