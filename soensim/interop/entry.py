"""Values of another tool's file: each is read with its type and shape, and its errors name its place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown
from soensim.errors import ModelError
from soensim.files.yaml_source import PathParts, dotted

FloatArray = NDArray[np.float64]

_LARGEST = 1e100  # sums and squares of such numbers are finite


@dataclass(frozen=True)
class Entry:
    """A value of a file, and where it is.

    Attributes
    ----------
    file
        Name of the file, for messages.
    path
        Keys and indices from the top.
    value
        Plain data: what JSON and YAML hold.
    """

    file: str
    path: PathParts
    value: Any

    def error(self, message: str) -> ModelError:
        """Make the error ``file: path: message``."""
        return ModelError(f"{self.file}: " + (f"{dotted(self.path)}: " if self.path else "") + message)

    def illegal(self, legal: str) -> ModelError:
        """Make the error that the value is not what it must be."""
        return self.error(f"{shown(self.value)} is not legal; it must be {legal}")

    def at(self, part: str | int, value: Any) -> Entry:
        """Return an entry below this one."""
        return Entry(self.file, (*self.path, part), value)

    def mapping(self) -> Mapping[str, Any]:
        """Return the value, which must be a mapping with words as keys."""
        if not isinstance(self.value, dict) or not all(isinstance(key, str) for key in self.value):
            raise self.illegal("a mapping")
        return self.value

    def get(self, key: str) -> Entry | None:
        """Return the entry of a key, or None where it is missing or null."""
        value = self.mapping().get(key)
        return None if value is None else self.at(key, value)

    def __getitem__(self, key: str) -> Entry:
        """Return the entry of a key.

        Raises
        ------
        ModelError
            It is missing or null, or this is no mapping.
        """
        found = self.get(key)
        if found is None:
            raise self.error(f"lacks the key {key!r}")
        return found

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield the keys and entries of a mapping."""
        for key, value in self.mapping().items():
            yield key, self.at(key, value)

    def entries(self) -> list[Entry]:
        """Return the entries of a list."""
        if not isinstance(self.value, list):
            raise self.illegal("a list")
        return [self.at(k, value) for k, value in enumerate(self.value)]

    def word(self) -> str:
        """Return the value, which must be text."""
        if not isinstance(self.value, str):
            raise self.illegal("a word")
        return self.value

    def switch(self) -> bool:
        """Return the value, which must be true or false; their files also write the words."""
        words = {True: True, False: False, "true": True, "false": False}
        key = self.value.lower() if isinstance(self.value, str) else self.value
        if not isinstance(key, bool | str) or key not in words:
            raise self.illegal("true or false")
        return words[key]

    def number(self) -> float:
        """Return the value, which must be a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.illegal("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.illegal("a finite number")
        return number

    def whole(self, least: int = 0, most: int = 2**31) -> int:
        """Return the value, which must be a whole number in this range."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= most:
            raise self.illegal(f"a whole number from {least} to {most}")
        return self.value

    def array(self, shape: tuple[int, ...]) -> FloatArray:
        """Return numbers of a shape, from lists in lists.

        Raises
        ------
        ModelError
            The shape is another one, or a value is no finite number.
        """
        try:
            array = np.array(self.value)
        except ValueError:
            raise self.error(f"is ragged; its shape must be {shape}") from None
        if array.dtype.kind not in "biuf":
            raise self.error(f"holds what is no number; it must hold numbers, in the shape {shape}")
        if array.shape != shape:
            raise self.error(f"has the shape {array.shape}; it must be {shape}")
        if not (np.abs(array.astype(np.float64)) <= _LARGEST).all():
            raise self.error(f"holds a value that is no number up to {_LARGEST:g}")
        return array.astype(np.float64)
