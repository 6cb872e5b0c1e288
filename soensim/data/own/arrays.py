"""Data sets made of arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import Dataset
from soensim.data.own.labelled import Labelled, Raw, unequal
from soensim.data.own.make import Asked, make_dataset
from soensim.data.presentation import KEYS, words_of
from soensim.data.splits import check_seed
from soensim.errors import DataError


def make_from_arrays(
    parts: Mapping[str, tuple[Any, Any] | None], *, lines: int | None, presentation: str, data_seed: int, name: str
) -> Dataset:
    """Make a data set of pairs of values and labels, as `Dataset.from_arrays` takes them.

    Raises
    ------
    DataError
        As `Dataset.from_arrays`.
    """
    if lines is not None and (not isinstance(lines, int) or isinstance(lines, bool) or lines < 1):
        raise DataError(f"lines is {lines!r}; it must be a whole number, 1 or more")
    settings = words_of(presentation, tuple(KEYS), f"the presentation {presentation!r}")
    labelled = {purpose: _labelled(pair, purpose) for purpose, pair in parts.items() if pair is not None}
    return make_dataset(name, name, Raw.of(labelled), Asked(check_seed(data_seed), None, lines, settings))


def make_from_samples(
    parts: Mapping[str, Any], *, lines: int | None, presentation: str, data_seed: int, name: str
) -> Dataset:
    """Make a data set of objects that give pairs, as `Dataset.from_samples` takes them.

    Raises
    ------
    DataError
        As `Dataset.from_samples`.
    """
    classes = getattr(parts["train"], "classes", None)
    names = [str(word) for word in classes] if isinstance(classes, list | tuple) else []
    pairs = {purpose: None if part is None else _pairs(part, purpose, names) for purpose, part in parts.items()}
    return make_from_arrays(pairs, lines=lines, presentation=presentation, data_seed=data_seed, name=name)


def _pairs(part: Any, purpose: str, names: list[str]) -> tuple[list[NDArray[Any]], list[Any]]:
    """Read all values and labels of an object; labels that number `names` become these."""
    values, labels = [], []
    try:
        count = len(part)
        for number in range(count):
            value, label = part[number]
            image = np.asarray(value)
            values.append(image[0] if image.ndim == 3 and len(image) == 1 else image)
            labels.append(label.item() if hasattr(label, "item") else label)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise DataError(
            f"{purpose} is {type(part).__name__}; legal: an object with a length that gives pairs of value and label "
            f"({error})"
        ) from error
    if len(set(names)) == len(names) > 0 and all(type(k) is int and 0 <= k < len(names) for k in labels):
        labels = [names[k] for k in labels]
    return values, labels


def _labelled(pair: tuple[Any, Any], purpose: str) -> Labelled:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"{purpose} is {type(pair).__name__}; legal: a pair of values and labels, (x, y)")
    return Labelled(_values(pair[0]), _plain(pair[1], f"{purpose} labels"))


def _values(values: Any) -> NDArray[Any]:
    """Return values as one array, or as an array of arrays where their lengths differ."""
    if not isinstance(values, list | tuple) and getattr(values, "dtype", None) != np.dtype(object):
        return _plain(values, "values")
    samples = [_plain(sample, f"sample {number}") for number, sample in enumerate(values)]
    if not samples:
        raise DataError("there are no samples")
    if len({sample.shape for sample in samples}) == 1:
        return np.stack(samples)
    return unequal(samples)


def _plain(values: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors on a device
        raise DataError(f"{what} cannot become an array: {error}") from error
