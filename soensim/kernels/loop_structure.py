"""What a fused time loop is made of, whatever it computes: structure, products, the flux of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from soensim.dynamics.time_loop import Cell
from soensim.kernels.memory_layout import make_rows
from soensim.kernels.packed_network import Entry, Inputs, Products, products_of, recurrent
from soensim.kernels.sparse import SparseWeights


def joined(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Concatenate along the axis of the neurons; one part needs no copy."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), axis)


def offsets(cells: Sequence[Cell], sizes: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Flux offsets of all cells, (neurons,)."""
    return joined([torch.as_tensor(c.flux_offset, dtype=dtype).expand(n) for c, n in zip(cells, sizes, strict=True)])


def held_flux(cells: Sequence[Cell], inputs: Sequence[Inputs], sizes: tuple[int, ...], start: Tensor) -> Tensor:
    """Flux that all frames share, (neurons, batch), or (neurons, 1) if it is the cells' offsets alone."""
    offset = offsets(cells, sizes, start.dtype)[:, None]
    if all(d.held is None for d in inputs):
        return offset
    zero = start.new_zeros(())
    parts = [
        (zero if d.held is None else d.held.T).expand(n, start.shape[1]) for d, n in zip(inputs, sizes, strict=True)
    ]
    return offset + joined(parts)


class Loop:
    """What stays the same on both ways: structure, not values."""

    def __init__(
        self,
        cells: Sequence[Cell],
        sizes: tuple[int, ...],
        frames: int,
        substeps: int,
        per_frame: int,
        inputs: Sequence[Inputs],
    ) -> None:
        self.cells, self.sizes, self.substeps, self.per_frame = cells, sizes, substeps, per_frame
        self.frames = frames
        terms = recurrent(cells)
        self.edges = tuple(t.weights.edges if isinstance(t.weights, SparseWeights) else None for _, _, t in terms)
        self.entries = tuple(
            Entry(k, part, lag, source, target)
            for k, (source, target, term) in enumerate(terms)
            for part, lag in enumerate(term.lags)
        )
        self.first = (0, *accumulate(sizes))
        self.depth = 1 + max((0, *(entry.lag for entry in self.entries)))
        self.driven = [p for p, d in enumerate(inputs) if d.weights is not None]
        self.rows = inputs[0].signals.shape[0] if inputs else None
        self.backward = False

    def products(self, tensors: Sequence[Tensor], dtype: Any, back: bool) -> Products:
        """Recurrent products; their tensors come first."""
        weights = [t.detach().contiguous().numpy() for t in tensors[: len(self.edges)]]
        return products_of(self.entries, self.edges, weights, self.first, dtype, back)

    def drive(self, signals: Tensor, rows: int, tensors: Sequence[Tensor]) -> Tensor:
        """Multiply signals (channels, frames x rows) with the efficacies of the populations that they drive."""
        flux = make_rows(signals, self.first[-1], self.frames, rows)
        length = self.frames * rows
        by_population = dict(zip(self.driven, tensors[len(self.edges) :], strict=True))
        for p, (first, last) in enumerate(pairwise(self.first)):
            if p in by_population:
                torch.mm(by_population[p].detach().T, signals[:, :length], out=flux[first:last, :length])
            else:
                flux[first:last] = 0
        return flux
