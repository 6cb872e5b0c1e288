"""Independent pairs whose probability falls with distance, drawn without looking at every pair.

A pair at distance d exists with probability p(d) = min(1, c f(d)), independently of all others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from soensim.netlist.topology.edges import Edges, IndexArray
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.sampling import in_order, without_repeats

Float64 = NDArray[np.float64]
Law = Callable[[Float64], Float64]

LEAST = 1e-300  # where exp(-d / length) would be zero: the mean fan-in can always be met
_GROUPS = 1 << 20  # groups of pairs, and edges, that are worked on at a time: about 100 MB
_DISTINCT = 2000  # distances along one axis, before they are taken together for the mean fan-in


def decaying_edges(n_sources: int, n_targets: int, law: Law, fan_in: float, seed: int, *, skip_self: bool) -> Edges:
    """Draw every pair with its probability, in time and memory that grow with edges, not with pairs.

    Pairs are grouped: one row of targets, one row of sources, and a band of distances along the rows. In a group
    every pair is first a candidate with the chance q of its nearest pair (with chance 1, if q is above 0.5), and
    stays with p/q. That each of N pairs is a candidate with chance q, independently, is the same as a Poisson number
    of draws with replacement, of mean -N ln(1 - q), from which repeats are removed.

    Parameters
    ----------
    n_sources, n_targets
        Sizes of the populations, which are laid out on lattices scaled onto the rectangle of the target's.
    law
        f: from distances (pitches of the target population) to values that fall from 1 and stay above zero.
    fan_in
        Expected number of edges per target; c follows from it.
    seed
        The same seed gives the same edges.
    skip_self
        Whether source k may not drive target k, for populations of one size.
    """
    rng = np.random.default_rng(seed)
    scale = scale_for(n_sources, n_targets, law, fan_in, skip_self)
    (target_rows, target_columns), (source_rows, source_columns) = lattice(n_targets), lattice(n_sources)
    across = _apart(target_rows, source_rows)
    along = _apart(target_columns, source_columns).ravel()
    order = np.argsort(along, kind="stable")  # all pairs of columns, by distance
    along = along[order]
    starts = _bands(along)
    sizes = np.diff(starts, append=len(along))
    edges = []
    at_once = max(1, int(min(_GROUPS / (source_rows * len(starts)), _GROUPS / (fan_in * target_columns))))
    for row in range(0, target_rows, at_once):
        dy = across[row : row + at_once]
        chance = scale * law(np.hypot(dy[:, :, None], along[starts])).ravel()
        chance[chance > 0.5] = 1.0  # all of them
        group, pair = _candidates(rng, chance, np.tile(sizes, dy.size))
        rows, band = np.divmod(group, len(starts))
        pair += starts[band]
        probability = np.minimum(1.0, scale * law(np.hypot(dy.ravel()[rows], along[pair])))
        kept = rng.random(len(pair)) * chance[group] < probability
        target_row, source_row = np.divmod(rows[kept], source_rows)
        target_column, source_column = np.divmod(order[pair[kept]], source_columns)
        targets = (row + target_row) * target_columns + target_column
        sources = source_row * source_columns + source_column
        there = (targets < n_targets) & (sources < n_sources)  # the last row may be short
        if skip_self:
            there &= targets != sources
        edges.append((sources[there], targets[there]))
    sources, targets = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    return in_order(sources, targets, n_sources)


def _candidates(rng: np.random.Generator, chance: Float64, sizes: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Take every member of every group with the group's chance, up to 0.5, or 1; return groups and members, sorted."""
    certain = chance == 1.0
    number = np.where(certain, sizes, rng.poisson(-sizes * np.log1p(-np.where(certain, 0.0, chance))))
    group = np.repeat(np.arange(len(sizes)), number)
    member = np.arange(len(group)) - np.repeat(np.cumsum(number) - number, number)
    drawn = ~certain[group]
    member[drawn] = rng.integers(0, sizes[group[drawn]])
    key = without_repeats(group * int(sizes.max()) + member)
    return np.divmod(key, int(sizes.max()))


def scale_for(n_sources: int, n_targets: int, law: Law, fan_in: float, skip_self: bool) -> float:
    """Find c, with which the expected number of edges, the sum of min(1, c f(d)), is ``fan_in x n_targets``.

    Exact, except for populations of different sizes with more than 2000 different distances along one axis, where
    neighbouring distances are taken together (about 1e-4 of the mean fan-in).
    """
    distance, number = _distances(n_sources, n_targets)
    if skip_self:
        number[distance == 0] = 0.0
    wanted = fan_in * n_targets
    order = np.argsort(distance, kind="stable")
    weight, number = law(distance[order]), number[order]
    # the k nearest have probability 1, the others c f: find the k that fits
    certain = np.concatenate(([0.0], np.cumsum(number)))[:-1]
    others = np.cumsum((number * weight)[::-1])[::-1]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # nothing is left, or next to nothing
        scale = np.maximum(wanted - certain, 0.0) / others
        fits = np.flatnonzero(scale * weight <= 1.0)
    return float(scale[fits[0]]) if len(fits) else float("inf")


def _distances(n_sources: int, n_targets: int) -> tuple[Float64, Float64]:
    """List the distances of all pairs of members, and how many pairs have each."""
    (target_rows, target_columns), (source_rows, source_columns) = lattice(n_targets), lattice(n_sources)
    across, along = _apart(target_rows, source_rows), _apart(target_columns, source_columns)
    last_target, last_source = (n_targets - 1) % target_columns + 1, (n_sources - 1) % source_columns + 1
    distances, numbers = [], []
    # rows are full, but for the last one of each lattice
    for rows, columns in (
        (across[:-1, :-1], along),
        (across[:-1, -1:], along[:, :last_source]),
        (across[-1:, :-1], along[:last_target]),
        (across[-1:, -1:], along[:last_target, :last_source]),
    ):
        dy, number_y = _tally(rows)
        dx, number_x = _tally(columns)
        distances.append(np.hypot(dy[:, None], dx).ravel())
        numbers.append((number_y[:, None] * number_x).ravel())
    return np.concatenate(distances), np.concatenate(numbers)


def _tally(apart: Float64) -> tuple[Float64, Float64]:
    values, numbers = np.unique(apart, return_counts=True)
    weights = numbers.astype(np.float64)
    if len(values) <= _DISTINCT:
        return values, weights
    starts = np.linspace(0, len(values), _DISTINCT, endpoint=False).astype(np.int64)
    together = np.add.reduceat(weights, starts)
    return np.add.reduceat(values * weights, starts) / together, together


def _apart(n_targets: int, n_sources: int) -> Float64:
    """Distance of every target to every source on one axis, in pitches of the targets; shape (targets, sources)."""
    target, source = 2 * np.arange(n_targets)[:, None] + 1, 2 * np.arange(n_sources) + 1
    apart: Float64 = np.abs(target * n_sources - source * n_targets) / (2.0 * n_sources)
    return apart


def _bands(along: Float64) -> IndexArray:
    """Cut sorted distances where the next is a quarter and at least half a pitch more than the first of the band."""
    starts = [0]
    while True:
        first = along[starts[-1]]
        start = int(np.searchsorted(along, max(first * 1.25, first + 0.5), side="right"))
        if start == len(along):
            return np.array(starts)
        starts.append(start)
