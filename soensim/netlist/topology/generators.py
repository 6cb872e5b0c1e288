"""Generators of edges: all-to-all, one-to-one, random; memory in proportion to the edges that they make."""

from __future__ import annotations

import numpy as np

from soensim.netlist.topology.edges import Edges, IndexArray


def all_to_all(n_sources: int, n_targets: int, self_connections: bool) -> Edges:
    """Every source to every target; without ``self_connections`` the diagonal is left out."""
    width = n_sources if self_connections else n_sources - 1
    return _from_places(np.arange(width * n_targets, dtype=np.int64), width, self_connections)


def one_to_one(n: int) -> Edges:
    """Source k to target k."""
    index = np.arange(n, dtype=np.int64)
    return Edges(index, index)


def random_edges(
    n_sources: int, n_targets: int, count: int, seed: int, min_fan_in: int, self_connections: bool
) -> Edges:
    """Draw exactly ``count`` edges, uniformly among the sets that give every target ``min_fan_in`` first.

    Parameters
    ----------
    n_sources, n_targets
        Sizes of the populations.
    count
        Number of edges, between ``min_fan_in * n_targets`` and the number of possible edges.
    seed
        The same seed gives the same edges.
    min_fan_in
        Edges that every target has at least.
    self_connections
        Whether source k may drive target k.
    """
    rng = np.random.default_rng(seed)
    width = n_sources if self_connections else n_sources - 1
    possible = width * n_targets
    places = np.empty(0, dtype=np.int64)
    if min_fan_in > width // 2:  # few are left out: draw those instead
        places = _others(_drawn(rng, places, n_targets, width, width - min_fan_in), possible)
    elif min_fan_in:
        places = _drawn(rng, places, n_targets, width, min_fan_in)
    if count > possible // 2:
        free = _others(places, possible)
        more = rng.choice(free, size=count - len(places), replace=False, shuffle=False)
        places = np.sort(np.concatenate((places, more)))
    else:
        places = _drawn(rng, places, 1, possible, count)
    return _from_places(places, width, self_connections)


def _drawn(rng: np.random.Generator, places: IndexArray, rows: int, width: int, per_row: int) -> IndexArray:
    """Add distinct random places until each of the rows has ``per_row`` of its ``width``; sorted.

    Repeats are drawn anew, and never more than are missing, so every set of new places is equally likely.
    """
    row_starts = np.arange(rows + 1, dtype=np.int64) * width
    while True:
        missing = per_row - np.diff(np.searchsorted(places, row_starts))
        drawn = np.repeat(row_starts[:-1], missing)
        if not len(drawn):
            return places
        drawn += rng.integers(0, width, size=len(drawn))
        drawn.sort()
        places = np.concatenate((places, drawn))
        places.sort(kind="stable")  # merges the two sorted runs
        places = places[np.diff(places, prepend=-1) != 0]


def _others(places: IndexArray, possible: int) -> IndexArray:
    """Every place that is not among these; called where the result is no shorter than half of all."""
    free = np.ones(possible, dtype=bool)
    free[places] = False
    return np.flatnonzero(free)


def _from_places(places: IndexArray, width: int, self_connections: bool) -> Edges:
    """Turn sorted places, target x width + source, into edges; ``width`` skips the diagonal if it must."""
    targets = places // width
    sources = np.remainder(places, width, out=places)
    if not self_connections:
        sources += sources >= targets
    return Edges(sources, targets)
