"""Seeded order: stratified splits and shuffled batches, as pure functions of their seeds.

Orders come from sorting the raw 64-bit stream of PCG64. NumPy guarantees the streams of its bit generators
across versions, unlike those of `Generator.permutation` (NEP 19), so a recorded seed keeps its meaning.
"""

import operator

import numpy as np

from soensim.data.dataset import IntArray
from soensim.errors import DataError

_SPLITS, _BATCHES = 0, 1  # separate streams, so that equal seeds do not correlate splits and batches


def _whole(value: int, what: str, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise DataError(f"{what} is {value!r}; it must be a whole number, {least} or more")
    return number


def _permutation(count: int, seed: int, *stream: int) -> IntArray:
    raw = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream)).random_raw(count)
    return np.argsort(raw, kind="stable").astype(np.int64, copy=False)


def check_seed(data_seed: int) -> int:
    """Return the seed as an int; raise `DataError` unless it is a whole number, 0 or more."""
    return _whole(data_seed, "data_seed", 0)


def fraction_of(samples: int, fraction: float | None, default: int) -> int:
    """Return the size of a validation split: `default`, or the stated fraction of the samples, rounded.

    Raises
    ------
    DataError
        If the fraction is not in [0, 1).
    """
    if fraction is None:
        return default
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
        raise DataError(f"validation_fraction is {fraction!r}; legal: 0 (no validation split) up to below 1")
    return round(samples * fraction)


def stratified(labels: IntArray, sizes: tuple[int, ...], seed: int, *, source: str) -> list[IntArray]:
    """Draw disjoint samples in which every class has its share, and return the rest as the last part.

    A class gets `size * count / samples`, rounded down; what is missing goes to the largest remainders.

    Parameters
    ----------
    labels : int64 array (samples,)
        Classes 0 .. classes - 1.
    sizes : tuple of int
        Samples in each part but the last. A part does not depend on the sizes after it.
    seed : int
        Determines the draw.
    source : str
        What the samples are called in an error.

    Returns
    -------
    list of int64 arrays
        One more than `sizes`; each ascending.

    Raises
    ------
    DataError
        If a class would have no sample left for the last part.
    """
    counts = np.bincount(labels)
    order = _permutation(len(labels), seed, _SPLITS)
    waiting = [order[labels[order] == label] for label in range(len(counts))]
    parts = []
    for size in sizes:
        share, remainder = np.divmod(size * counts, len(labels))
        share[np.argsort(-remainder, kind="stable")[: size - share.sum()]] += 1
        parts.append([members[:take] for members, take in zip(waiting, share, strict=True)])
        waiting = [members[take:] for members, take in zip(waiting, share, strict=True)]
    parts.append(waiting)
    for label, members in enumerate(waiting):
        if len(members) == 0:
            raise DataError(
                f"{source}: class {label} has {counts[label]} samples and none is left for training after "
                f"{' and '.join(map(str, sizes))} are held out; add samples or hold out fewer"
            )
    return [np.sort(np.concatenate(part)) for part in parts]


def batches(samples: int, batch_size: int, *, seed: int, epoch: int) -> list[IntArray]:
    """Shuffle the samples of one epoch into batches; a pure function, so a resumed training sees the same.

    Parameters
    ----------
    samples : int
        Number of samples; each appears once.
    batch_size : int
        Samples per batch; the last batch holds what remains.
    seed, epoch : int
        Determine the order; every epoch has its own.

    Returns
    -------
    list of int64 arrays
        ceil(samples / batch_size) arrays of positions 0 .. samples - 1.

    Raises
    ------
    DataError
        If `samples` or `batch_size` is below 1, or `seed` or `epoch` below 0, or any is not whole.
    """
    count, size = _whole(samples, "samples", 1), _whole(batch_size, "batch_size", 1)
    order = _permutation(count, _whole(seed, "seed", 0), _BATCHES, _whole(epoch, "epoch", 0))
    return [order[start : start + size] for start in range(0, count, size)]
