"""How many other waveguides each straight piece of waveguide crosses.

Nothing here is decided by a rounded number. Pieces along the grid are compared by their coordinates alone. For lines in
any direction the side of a line that a point is on, the sign of

    (q - p) x (r - p) = (q_x - p_x) (r_y - p_y) - (q_y - p_y) (r_x - p_x),

is exact for the coordinates as they are stored: a floating-point filter decides nearly all, an expansion of the six
products without rounding the rest (J. R. Shewchuk, Discrete Comput. Geom. 18 (1997) 305). That holds while no product
underflows or overflows, far beyond any die (1e-140 to 1e140 um).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from soensim._runtime.kernel_cache import njit
from soensim.routing.placement import FloatArray, IntArray

# 2^27 + 1 splits a double into halves of 26 bits; (3 + 16 u) u, with u = 2^-53, bounds the error of the area by that of
# its two products (Shewchuk, section 4.3).
_SPLITTER = 134217729.0
_FILTER = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
# Lines are dealt out to this many parts, each with counts of its own: threads share nothing.
_PARTS = 16


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

    Two lines cross where each has its ends strictly on both sides of the other. Lines that share an end, touch (an end
    of one lies on the other), or lie on one another do not cross; nor does a line without length.
    """
    lines = (np.ascontiguousarray(v, dtype=np.float64) for v in (x1, y1, x2, y2))
    counts: IntArray = _chords(*lines)
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


@njit(cache=True, inline="always")
def _two_product(a, b):  # type: ignore[no-untyped-def]
    """Product as the sum of a rounded number and its error, both exact (Veltkamp, Dekker)."""
    product = a * b
    t = _SPLITTER * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLITTER * b
    b_high = t - (t - b)
    b_low = b - b_high
    return product, a_low * b_low - (product - a_high * b_high - a_low * b_high - a_high * b_low)


@njit(cache=True)
def _exact_side(px, py, qx, qy, rx, ry, parts):  # type: ignore[no-untyped-def]
    """Sign of (q - p) x (r - p) without rounding; ``parts`` is work space for 12 numbers.

    With every product written out, the sum has 12 terms. They are added one by one to an expansion: numbers that do not
    overlap, smallest first, whose last one other than zero has the sign of the whole (Shewchuk, figure 7).
    """
    n = 0
    for k in range(6):
        if k == 0:
            product, error = _two_product(px, qy)
        elif k == 1:
            product, error = _two_product(-py, qx)
        elif k == 2:
            product, error = _two_product(qx, ry)
        elif k == 3:
            product, error = _two_product(-qy, rx)
        elif k == 4:
            product, error = _two_product(rx, py)
        else:
            product, error = _two_product(-ry, px)
        for half in range(2):
            carried = error if half == 0 else product
            for j in range(n):
                part = parts[j]
                total = carried + part
                virtual = total - carried
                parts[j] = (carried - (total - virtual)) + (part - virtual)
                carried = total
            parts[n] = carried
            n += 1
    for j in range(n - 1, -1, -1):
        if parts[j] != 0.0:
            return 1 if parts[j] > 0.0 else -1
    return 0


@njit(cache=True, inline="always")
def _side(px, py, qx, qy, rx, ry, parts):  # type: ignore[no-untyped-def]
    """Sign of (q - p) x (r - p): 1 if r is on the left of the line from p to q, -1 on the right, 0 on it."""
    left, right = (qx - px) * (ry - py), (qy - py) * (rx - px)
    area = left - right
    bound = _FILTER * (abs(left) + abs(right))
    if area > bound:
        return 1
    if -area > bound:
        return -1
    if bound == 0.0:  # a difference is zero in each product, and differences of unequal numbers are not
        return 0
    return _exact_side(px, py, qx, qy, rx, ry, parts)


@njit(cache=True, parallel=True)
def _chords(x1, y1, x2, y2):  # type: ignore[no-untyped-def]
    n = len(x1)
    counts = np.zeros((_PARTS, n), dtype=np.int64)
    for part in prange(_PARTS):
        work = np.empty(12)
        for a in range(part, n, _PARTS):
            ax, ay, bx, by = x1[a], y1[a], x2[a], y2[a]
            left, right, low, high = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
            for k in range(a):
                cx, cy, dx, dy = x1[k], y1[k], x2[k], y2[k]
                # lines that cross have a point in both of their boxes
                if max(cx, dx) < left or min(cx, dx) > right or max(cy, dy) < low or min(cy, dy) > high:
                    continue
                start = _side(ax, ay, bx, by, cx, cy, work)
                if start == 0 or _side(ax, ay, bx, by, dx, dy, work) != -start:
                    continue
                start = _side(cx, cy, dx, dy, ax, ay, work)
                if start == 0 or _side(cx, cy, dx, dy, bx, by, work) != -start:
                    continue
                counts[part, a] += 1
                counts[part, k] += 1
    return counts.sum(axis=0)
