"""Random draws that topologies share: distinct places in rows of different width, and lists in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soensim.netlist.topology.edges import Edges, IndexArray


def distinct(rng: np.random.Generator, widths: IndexArray, counts: IndexArray) -> IndexArray:
    """Draw ``counts[r]`` distinct places of the ``widths[r]`` in every row; every set is equally likely.

    Memory is in proportion to the places drawn, whatever the widths.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    widths, counts
        Shape (rows,): places in a row, and how many of them to draw, ``counts <= widths``.

    Returns
    -------
    Sorted places, counted on from row to row: row r holds ``sum(widths[:r])`` to ``sum(widths[: r + 1]) - 1``.
    """
    starts = np.concatenate(([0], np.cumsum(widths)))
    dense = 2 * counts > widths  # few are left out: draw those instead
    places = _few(rng, starts, widths, np.where(dense, widths - counts, counts))
    if not dense.any():
        return places
    rows = np.searchsorted(starts, places, side="right") - 1
    left_out = dense[rows]
    # the dense rows, side by side, without the others
    offsets = np.concatenate(([0], np.cumsum(np.where(dense, widths, 0))))
    shift = starts[:-1] - offsets[:-1]
    free = np.ones(offsets[-1], dtype=bool)
    free[places[left_out] - shift[rows[left_out]]] = False
    kept = np.flatnonzero(free)
    kept += shift[np.searchsorted(offsets, kept, side="right") - 1]
    merged = np.concatenate((places[~left_out], kept))
    merged.sort(kind="stable")
    return merged


def _few(rng: np.random.Generator, starts: IndexArray, widths: IndexArray, counts: IndexArray) -> IndexArray:
    """Draw again whatever repeats, and never more than are missing, so that every set is equally likely."""
    places = np.empty(0, dtype=np.int64)
    while True:
        missing = counts - np.diff(np.searchsorted(places, starts))
        rows = np.repeat(np.arange(len(widths)), missing)
        if not len(rows):
            return places
        drawn = starts[rows] + rng.integers(0, widths[rows])
        places = without_repeats(np.concatenate((places, drawn)))


def without_repeats(values: IndexArray) -> IndexArray:
    """Sort, and keep each value once: several times as fast as `np.unique`, which goes by a hash table."""
    values.sort(kind="stable")  # merges what is sorted in parts
    first: NDArray[np.bool_] = np.diff(values, prepend=-1) != 0
    return values[first]


def spread(rng: np.random.Generator, mean: float, n: int) -> IndexArray:
    """Share ``round(mean x n)`` among n targets so that none has two more than another; who has one more is drawn."""
    total = round(mean * n)
    shares = np.full(n, total // n, dtype=np.int64)
    shares[rng.choice(n, size=total % n, replace=False)] += 1
    return shares


def in_order(sources: IndexArray, targets: IndexArray, n_sources: int) -> Edges:
    """Sort a list of pairs, none of which repeats, by target, then source."""
    places = targets * n_sources + sources
    places.sort()
    return Edges(places % n_sources, places // n_sources)
