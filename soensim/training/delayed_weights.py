"""Where the values of a projection stand in the matrix over its delayed signals."""

from __future__ import annotations

import torch
from torch import Tensor

from soensim.kernels import SparsePattern, SparseWeights
from soensim.network import DelayLine

SPARSE_BELOW = 0.2
"""Share of entries below which a product over the edges alone is the faster one (measured at 100 to 1000 neurons)."""


class LineTensors:
    """Where the values of a projection stand in the matrix over its delayed signals."""

    def __init__(self, line: DelayLine, dtype: torch.dtype) -> None:
        self.lags, self.shape = line.lags, line.shape
        self.rows, self.columns = torch.tensor(line.rows), torch.tensor(line.columns)
        self.place = torch.tensor(line.rows * line.shape[1] + line.columns)
        self.edges = torch.tensor(line.edges)
        self.targets = torch.zeros(int(line.edges.max(initial=-1)) + 1, dtype=torch.int64)
        self.targets[self.edges] = self.columns
        self.part = torch.tensor(line.part, dtype=dtype)
        # edges are sorted by target, then source: where all exist, undelayed, their values are the transposed matrix
        whole = len(line.lags) == 1 and len(line.edges) == line.shape[0] * line.shape[1]
        self.whole = whole and bool((self.part == 1).all())
        self.few = len(line.edges) < SPARSE_BELOW * line.shape[0] * line.shape[1]
        self._pattern = SparsePattern(line.rows, line.columns, line.shape, max(1, len(line.lags)))

    def matrix(self, values: Tensor) -> Tensor:
        """Efficacies as (lags x sources or channels, targets)."""
        if self.whole:
            return values.view(self.shape[1], self.shape[0]).T.contiguous()
        parts = values[self.edges] * self.part
        return values.new_zeros(self.shape[0] * self.shape[1]).index_put((self.place,), parts).view(self.shape)

    def sparse(self, values: Tensor) -> SparseWeights:
        """Return the entries of `matrix` that are not zero for want of an edge."""
        return SparseWeights(self._pattern, values[self.edges] * self.part)
