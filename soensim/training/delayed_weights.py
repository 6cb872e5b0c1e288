"""Where the efficacies of a projection are in the matrix over its delayed signals."""

from __future__ import annotations

import torch
from torch import Tensor

from soensim.kernels import SparsePattern, SparseWeights
from soensim.network import DelayLayout

SPARSE_BELOW = 0.2
"""Share of entries below which a product over the edges alone is the faster one (measured at 100 to 1000 neurons)."""


class DelayedWeights:
    """Where the efficacies of a projection are in the matrix over its delayed signals."""

    def __init__(self, layout: DelayLayout, dtype: torch.dtype) -> None:
        self.lags, self.shape = layout.lags, layout.shape
        self.rows, self.columns = torch.tensor(layout.rows), torch.tensor(layout.columns)
        self.flat = torch.tensor(layout.rows * layout.shape[1] + layout.columns)
        self.edges = torch.tensor(layout.edges)
        self.targets = torch.zeros(int(layout.edges.max(initial=-1)) + 1, dtype=torch.int64)
        self.targets[self.edges] = self.columns
        self.part = torch.tensor(layout.part, dtype=dtype)
        # edges are sorted by target, then source: where all exist, undelayed, they are the transposed matrix
        whole = len(layout.lags) == 1 and len(layout.edges) == layout.shape[0] * layout.shape[1]
        self.whole = whole and bool((self.part == 1).all())
        self.few = len(layout.edges) < SPARSE_BELOW * layout.shape[0] * layout.shape[1]
        self._pattern = SparsePattern(layout.rows, layout.columns, layout.shape, max(1, len(layout.lags)))

    def matrix(self, efficacies: Tensor) -> Tensor:
        """Efficacies as (lags x sources or channels, targets)."""
        if self.whole:
            return efficacies.view(self.shape[1], self.shape[0]).T.contiguous()
        parts = efficacies[self.edges] * self.part
        return efficacies.new_zeros(self.shape[0] * self.shape[1]).index_put((self.flat,), parts).view(self.shape)

    def sparse(self, efficacies: Tensor) -> SparseWeights:
        """Return the entries of `matrix` that are not zero for want of an edge."""
        return SparseWeights(self._pattern, efficacies[self.edges] * self.part)
