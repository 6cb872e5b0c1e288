"""How many other waveguides each straight piece of waveguide crosses."""

from __future__ import annotations

import numpy as np
from numba import prange

from soensim._runtime.kernel_cache import njit
from soensim.routing.placement import FloatArray, IntArray


def count_grid_crossings(
    at_um: FloatArray, low_um: FloatArray, high_um: FloatArray, other: tuple[FloatArray, FloatArray, FloatArray]
) -> IntArray:
    """Count the pieces of one direction that cross each piece of the other.

    Parameters
    ----------
    at_um, low_um, high_um
        Shape (pieces,): where each piece is across its direction, and its ends along it.
    other
        The same three of the pieces at right angles, shape (others,).

    Returns
    -------
    array
        Shape (pieces,). Pieces that only touch do not cross.
    """
    other_at, other_low, other_high = other
    # sweep along the pieces: at each of their ends, how many of the others lie behind and span the piece
    levels = np.unique(at_um)
    level = np.searchsorted(levels, at_um)
    first, last = np.searchsorted(levels, other_low, side="right"), np.searchsorted(levels, other_high, side="left")
    swept = np.argsort(other_at, kind="stable")
    behind_low = np.searchsorted(other_at[swept], low_um, side="right")
    behind_high = np.searchsorted(other_at[swept], high_um, side="left")
    counts: IntArray = _spanning(
        np.concatenate((behind_high, behind_low)), np.tile(level, 2), first[swept], last[swept], len(levels)
    )
    pieces = len(at_um)
    between: IntArray = np.maximum(counts[:pieces] - counts[pieces:], 0)
    return between


def count_chord_crossings(x1: FloatArray, y1: FloatArray, x2: FloatArray, y2: FloatArray) -> IntArray:
    """Count the crossings of each straight line with all others, pair by pair, shape (lines,).

    Lines that share an end, touch, or lie on one another do not cross.
    """
    counts: IntArray = _chords(x1, y1, x2, y2)
    return counts


@njit(cache=True)
def _spanning(behind, level, first, last, levels):  # type: ignore[no-untyped-def]
    """For each query: of the first ``behind`` intervals [first, last), how many hold ``level`` (Fenwick tree)."""
    order = np.argsort(behind, kind="mergesort")
    tree = np.zeros(levels + 2, dtype=np.int64)
    counts = np.zeros(len(behind), dtype=np.int64)
    added = 0
    for query in order:
        while added < behind[query]:
            if first[added] < last[added]:
                k = first[added] + 1
                while k <= levels:
                    tree[k] += 1
                    k += k & -k
                k = last[added] + 1
                while k <= levels:
                    tree[k] -= 1
                    k += k & -k
            added += 1
        k, total = level[query] + 1, 0
        while k > 0:
            total += tree[k]
            k -= k & -k
        counts[query] = total
    return counts


@njit(cache=True, parallel=True)
def _chords(x1, y1, x2, y2):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(x1), dtype=np.int64)
    for a in prange(len(x1)):
        dx, dy = x2[a] - x1[a], y2[a] - y1[a]
        for b in range(len(x1)):
            start = dx * (y1[b] - y1[a]) - dy * (x1[b] - x1[a])
            end = dx * (y2[b] - y1[a]) - dy * (x2[b] - x1[a])
            if start * end < 0:
                ex, ey = x2[b] - x1[b], y2[b] - y1[b]
                own_start = ex * (y1[a] - y1[b]) - ey * (x1[a] - x1[b])
                own_end = ex * (y2[a] - y1[b]) - ey * (x2[a] - x1[b])
                if own_start * own_end < 0:
                    counts[a] += 1
    return counts
