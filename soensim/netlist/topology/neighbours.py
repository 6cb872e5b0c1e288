"""Pairs that are near on the lattices of two populations, as runs of neighbouring sources in each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from soensim.netlist.topology.edges import Edges, IndexArray
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.sampling import distinct

Float64 = NDArray[np.float64]
HalfWidth = Callable[[Float64], Float64]

_TOLERANCE = 1e-9  # pitches: rounding must not decide whether a pair at exactly the limit is near

Runs = tuple[IndexArray, IndexArray]


def runs(n_sources: int, n_targets: int, half_width: HalfWidth, skip_self: bool) -> Iterator[Runs]:
    """List the sources near each target, one row of targets at a time.

    Both lattices are scaled onto the rectangle of the target's: distances are in pitches of the target population,
    and for two populations of one size member k has the same place in both.

    Parameters
    ----------
    n_sources, n_targets
        Sizes of the populations.
    half_width
        How far a source may be from a target along the row (pitches), from their distance across rows (pitches, an
        array); negative: none is near.
    skip_self
        Leave the pairs (k, k) out, for populations of one size.

    Yields
    ------
    For every row of targets, arrays of shape (targets, runs): the first source of each run, and its length.
    """
    (target_rows, target_columns), (source_rows, source_columns) = lattice(n_targets), lattice(n_sources)
    y_source = (np.arange(source_rows) + 0.5) * target_rows / source_rows
    lengths = np.minimum(source_columns, n_sources - np.arange(source_rows) * source_columns)
    for row in range(target_rows):
        width = half_width(np.abs(y_source - (row + 0.5)))
        rows = np.flatnonzero(width >= 0)
        width = width[rows] + _TOLERANCE
        column = np.arange(min(target_columns, n_targets - row * target_columns))[:, None]
        scale = source_columns / target_columns
        first = np.ceil((column + 0.5 - width) * scale - 0.5).astype(np.int64).clip(0)
        end = np.floor((column + 0.5 + width) * scale + 0.5).astype(np.int64)
        end = np.minimum(end, lengths[rows])
        if skip_self and row in rows:  # its own row in two runs, left and right of the neuron
            own = int(np.searchsorted(rows, row))
            rows = np.insert(rows, own, row)
            first = np.insert(first, own + 1, column[:, 0] + 1, axis=1)
            end = np.insert(end, own, column[:, 0], axis=1)
        yield rows * source_columns + first, (end - first).clip(0)


def pairs_in(all_runs: Iterator[Runs], limit: float) -> int:
    """Count the pairs, or stop as soon as there are more than ``limit``."""
    count = 0
    for _, length in all_runs:
        count += int(length.sum())
        if count > limit:
            break
    return count


def edges_in(all_runs: Iterator[Runs]) -> Edges:
    """Make an edge of every pair."""
    sources, targets = [], []
    row_start = 0
    for first, length in all_runs:
        flat = length.ravel()
        within = np.arange(flat.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
        sources.append(np.repeat(first.ravel(), flat) + within)
        targets.append(np.repeat(row_start + np.arange(len(length)), length.sum(axis=1)))
        row_start += len(length)
    return Edges(np.concatenate(sources), np.concatenate(targets))


def drawn_edges_in(all_runs: Iterator[Runs], possible: int, count: int, rng: np.random.Generator) -> Edges:
    """Make edges of ``count`` of the ``possible`` pairs, drawn uniformly; memory in proportion to ``count``."""
    places = distinct(rng, np.array([possible]), np.array([count]))
    sources, targets = [], []
    place = row_start = 0
    for first, length in all_runs:
        starts = place + np.cumsum(length.ravel()) - length.ravel()
        before, place = place, place + int(length.sum())
        here = places[slice(*np.searchsorted(places, (before, place)))]
        run = np.searchsorted(starts, here, side="right") - 1
        sources.append(first.ravel()[run] + here - starts[run])
        targets.append(row_start + run // max(1, length.shape[1]))
        row_start += len(length)
    return Edges(np.concatenate(sources), np.concatenate(targets))
