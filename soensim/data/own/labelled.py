"""Labelled samples as a reader finds them, before anything is split, scaled or laid onto lines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import IntArray
from soensim.errors import DataError


@dataclass(frozen=True)
class Labelled:
    """Samples and their labels.

    Attributes
    ----------
    values
        Real numbers: (samples, channels), (samples, frames, channels), (samples, frames, rows, columns), or (samples,)
        of arrays (frames, channels) of unequal lengths. A missing value is NaN.
    labels
        (samples,), whole numbers or text.
    """

    values: NDArray[Any]
    labels: NDArray[Any]


@dataclass(frozen=True)
class Raw:
    """What a reader returns.

    Attributes
    ----------
    train, validation, test
        Samples that are given for these purposes. Those without `validation` or `test` are drawn from `train`.
    class_names
        All classes in their order, where the file says them.
    """

    train: Labelled
    validation: Labelled | None = None
    test: Labelled | None = None
    class_names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, parts: Mapping[str, Labelled]) -> Raw:
        """Make it of samples by purpose, of which `train` must be there."""
        return cls(parts["train"], parts.get("validation"), parts.get("test"))

    @property
    def parts(self) -> Mapping[str, Labelled]:
        """Samples by the prefix of their arrays' names."""
        named = {"": self.train, "validation_": self.validation, "test_": self.test}
        return {name: part for name, part in named.items() if part is not None}


def unequal(samples: list[NDArray[Any]]) -> NDArray[Any]:
    """Return samples (frames, channels) as one array, (samples,) of arrays where their lengths differ."""
    if len({sample.shape for sample in samples}) == 1:
        return np.stack(samples)
    whole = np.empty(len(samples), dtype=object)
    whole[:] = samples
    return whole


def as_sequences(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Return samples as (samples, frames, channels), or as (samples,) of arrays (frames, channels).

    Raises
    ------
    DataError
        Their shape or type is another one, or there is none.
    """
    if values.dtype == object:
        return _checked_list(values, where)
    legal = "(samples, channels), (samples, frames, channels) or (samples, frames, rows, columns)"
    if values.ndim not in (2, 3, 4) or values.size == 0:
        raise DataError(f"{where} have shape {values.shape}; legal: {legal}, none of them 0")
    _check_type(values, where)
    if values.ndim == 2:
        return values[:, None]
    return values.reshape(*values.shape[:2], -1)


def _checked_list(values: NDArray[Any], where: str) -> NDArray[Any]:
    samples = list(values)
    for number, sample in enumerate(samples):
        if not isinstance(sample, np.ndarray) or sample.ndim != 2 or sample.size == 0:
            shape = getattr(sample, "shape", "none")
            raise DataError(f"{where}: sample {number} has shape {shape}; legal: (frames, channels), none of them 0")
        _check_type(sample, f"{where}: sample {number}")
        if sample.shape[1] != samples[0].shape[1]:
            raise DataError(
                f"{where}: sample {number} has {sample.shape[1]} channels, sample 0 has {samples[0].shape[1]}"
            )
    return unequal(samples)


def _check_type(values: NDArray[Any], where: str) -> None:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{where} are of type {values.dtype}; legal: real numbers")


def check_present(values: NDArray[Any], where: str, *, may_miss: bool) -> None:
    """Refuse values that are infinite and, unless they are filled, those that are missing; name the first one."""
    for number, sample in enumerate(values if values.dtype == object else [values]):
        if sample.dtype.kind != "f":
            continue
        bad = np.isinf(sample) if may_miss else ~np.isfinite(sample)
        if bad.any():
            where_in = np.argwhere(bad)[0].tolist()
            place = [number, *where_in] if values.dtype == object else where_in
            value = sample[tuple(where_in)]
            fill = "" if np.isinf(value) else "; fill in what is missing with missing=hold, linear or a number"
            raise DataError(f"{where}: element {place} is {value}; values must be finite numbers{fill}")


def as_classes(
    labels: Mapping[str, NDArray[Any]], where: str, names: tuple[str, ...] | None
) -> tuple[dict[str, IntArray], tuple[str, ...]]:
    """Number the classes: in the order of `names`, else whole numbers by size, text by letters.

    Parameters
    ----------
    labels
        By the prefix of their arrays' names; those of the training samples, "", say which classes there are.
    where
        File or object, for messages.
    names
        Classes in their order, where they are known.

    Raises
    ------
    DataError
        A label is no whole number or text, or is none of the classes; there are less than two.
    """
    text = {prefix: _as_text(part, f"{where}: {prefix}labels") for prefix, part in labels.items()}
    known = _ordered(text[""]) if names is None else names
    if len(known) < 2:
        raise DataError(f"{where}: labels are {', '.join(known)}; legal: two classes or more")
    numbers = {name: number for number, name in enumerate(known)}
    for prefix, part in text.items():
        if unknown := sorted(set(part) - numbers.keys()):
            shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
            whose = "the training samples have" if names is None else "the classes are"
            raise DataError(f"{where}: {prefix}labels have {unknown[0]!r}; {whose} {shown}")
    classes = {prefix: np.array([numbers[name] for name in part], dtype=np.int64) for prefix, part in text.items()}
    return classes, tuple(known)


def _as_text(labels: NDArray[Any], where: str) -> list[str]:
    if labels.ndim != 1 or labels.dtype.kind not in "biuU":
        raise DataError(
            f"{where} have shape {labels.shape}, type {labels.dtype}; legal: (samples,), whole numbers or text"
        )
    whole = labels.astype(np.int64) if labels.dtype.kind == "b" else labels
    return [str(label) for label in whole.tolist()]


def _ordered(names: list[str]) -> tuple[str, ...]:
    """Put names into the order of the numbers that they all are, else of their letters."""
    different = set(names)
    try:
        return tuple(sorted(different, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(sorted(different))


def digest_of(raw: Raw) -> str:
    """SHA-256 over the arrays of a data set: of what they hold, not of how a file packs it."""
    digest = hashlib.sha256(b"soensim own data 1")
    arrays: dict[str, NDArray[Any]] = {}
    for prefix, part in raw.parts.items():
        arrays[f"{prefix}labels"] = part.labels
        if part.values.dtype == object:
            arrays[f"{prefix}inputs"] = np.concatenate(list(part.values))
            arrays[f"{prefix}lengths"] = np.array([len(sample) for sample in part.values])
        else:
            arrays[f"{prefix}inputs"] = part.values
    for name, array in sorted(arrays.items()):
        stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"|{name}{stored.dtype.str}{stored.shape}|".encode())
        digest.update(stored.tobytes() if stored.dtype.kind == "U" else stored.data)
    return digest.hexdigest()
