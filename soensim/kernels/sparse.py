"""Efficacies of existing edges alone, for networks whose dense matrix would be mostly zeros."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.errors import SimulationError

Int64 = NDArray[np.int64]


class Sorted(NamedTuple):
    """Edges of a block in one order: those that end (or start) at neuron i are order[starts[i] : starts[i + 1]]."""

    order: Int64
    starts: Int64
    places: Int64
    """The neuron at the other side of each edge, in this order."""


class Edges:
    """Where the entries of a matrix (lags x sources, neurons) stand. Built once per chip, used in every step.

    Parameters
    ----------
    rows, columns
        Place of each entry, shape (entries,); no place twice.
    shape
        (lags x sources, neurons).
    lags
        Number of blocks that are stacked in the rows.
    """

    def __init__(self, rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int], lags: int = 1) -> None:
        self.rows, self.columns = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        self.shape, self.lags = shape, lags
        for name, places, end in (("rows", self.rows, shape[0]), ("columns", self.columns, shape[1])):
            if places.size and (places.min() < 0 or places.max() >= end):
                raise SimulationError(
                    f"edges: {name} reach from {places.min()} to {places.max()}; legal is 0 to {end - 1}"
                )
        if shape[0] % lags:
            raise SimulationError(f"edges: {shape[0]} rows are no whole number of sources for {lags} lags")

    @property
    def sources(self) -> int:
        """Number of upstream neurons."""
        return self.shape[0] // self.lags

    @cached_property
    def by_target(self) -> list[Sorted]:
        """Per lag, the edges sorted by target, then source."""
        return [
            self._sort(lag, self.columns, self.rows - lag * self.sources, self.shape[1]) for lag in range(self.lags)
        ]

    @cached_property
    def by_source(self) -> list[Sorted]:
        """Per lag, the edges sorted by source, then target."""
        return [self._sort(lag, self.rows - lag * self.sources, self.columns, self.sources) for lag in range(self.lags)]

    def _sort(self, lag: int, at: Int64, other: Int64, count: int) -> Sorted:
        own = np.flatnonzero(self.rows // max(self.sources, 1) == lag)
        order = own[np.lexsort((other[own], at[own]))]
        starts = np.concatenate([[0], np.cumsum(np.bincount(at[order], minlength=count))])
        return Sorted(order, starts.astype(np.int64), np.ascontiguousarray(other[order]))


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Efficacies of `Edges`, a tensor (entries,); stands where `Term.weights` has a dense one."""

    edges: Edges
    values: Any

    def dense(self) -> Any:
        """Return the matrix (lags x sources, neurons), for the reference."""
        height, width = self.edges.shape
        return self.values.new_zeros(height, width).index_put(self._places(), self.values)

    def _places(self) -> tuple[Any, Any]:
        import torch

        return torch.from_numpy(self.edges.rows), torch.from_numpy(self.edges.columns)
