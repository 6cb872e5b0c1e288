"""Efficacies of existing synapses alone, for networks whose dense matrix would be mostly zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.errors import SimulationError

Int64 = NDArray[np.int64]


class SortedEntries(NamedTuple):
    """Entries of a block in one order: those of target (or source) i are order[starts[i] : starts[i + 1]]."""

    order: Int64
    starts: Int64
    places: Int64
    """The source (or target) of each entry, in this order."""


class SparsePattern:
    """Places of the entries of a matrix (lags x sources, neurons). Built once per chip, used in every step.

    Parameters
    ----------
    rows, columns
        Place of each entry, shape (entries,); no place twice.
    shape
        (lags x sources, neurons).
    lags
        Number of blocks that are stacked in the rows.

    Raises
    ------
    SimulationError
        A place outside the matrix, or rows that are no whole number of sources.
    """

    def __init__(self, rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int], lags: int = 1) -> None:
        self.rows, self.columns = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        self.shape, self.lags = shape, lags
        for name, places, end in (("rows", self.rows, shape[0]), ("columns", self.columns, shape[1])):
            if places.size and (places.min() < 0 or places.max() >= end):
                raise SimulationError(
                    f"sparse pattern: {name} reach from {places.min()} to {places.max()}; legal is 0 to {end - 1}"
                )
        if shape[0] % lags:
            raise SimulationError(f"sparse pattern: {shape[0]} rows are no whole number of sources for {lags} lags")

    @property
    def sources(self) -> int:
        """Number of upstream neurons."""
        return self.shape[0] // self.lags

    @cached_property
    def by_target(self) -> list[SortedEntries]:
        """Per lag, the entries sorted by target, then source."""
        return [
            self._sort(lag, self.columns, self.rows - lag * self.sources, self.shape[1]) for lag in range(self.lags)
        ]

    @cached_property
    def by_source(self) -> list[SortedEntries]:
        """Per lag, the entries sorted by source, then target."""
        return [self._sort(lag, self.rows - lag * self.sources, self.columns, self.sources) for lag in range(self.lags)]

    def _sort(self, lag: int, at: Int64, other: Int64, count: int) -> SortedEntries:
        own = np.flatnonzero(self.rows // max(self.sources, 1) == lag)
        order = own[np.lexsort((other[own], at[own]))]
        starts = np.concatenate([[0], np.cumsum(np.bincount(at[order], minlength=count))])
        return SortedEntries(order, starts.astype(np.int64), np.ascontiguousarray(other[order]))


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Efficacies of the entries of a pattern, a tensor (entries,), in the place of a dense `Term.weights`."""

    pattern: SparsePattern
    values: Any

    def dense(self) -> Any:
        """Return the matrix (lags x sources, neurons), for the reference."""
        import torch  # a simulation does not load it

        places = torch.from_numpy(self.pattern.rows), torch.from_numpy(self.pattern.columns)
        return self.values.new_zeros(self.pattern.shape).index_put(places, self.values)
