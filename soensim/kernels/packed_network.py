"""Cells as the kernels see them: all populations as one vector of neurons, all terms as a list of products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.source_functions import FusedForm
from soensim.dynamics.time_loop import Cell
from soensim.kernels.emitter import PAIR
from soensim.kernels.matmul import AT, COLUMNS, Products, pack
from soensim.kernels.memory_layout import make_rows
from soensim.kernels.source_steps import Sources, VirtualSources, source_set
from soensim.kernels.sparse import Int64, SparsePattern, SparseWeights

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Real = NDArray[Any]  # float32 or float64


class Inputs(NamedTuple):
    """Inputs and their efficacies, in the place of an input flux. The signals have no gradient.

    Parameters
    ----------
    signals
        (rows, frames, channels), the same tensor for all populations; the batch repeats the rows. One that lies
        channel by channel in memory, as `soensim.kernels.by_channel` makes it, needs no copy.
    weights
        (channels, neurons), or None: they do not reach the population.
    held
        Flux that stays the same in all frames, (batch, neurons), or None.
    """

    signals: Any
    weights: Any
    held: Any = None


class PackedNetwork(NamedTuple):
    """What a kernel takes of the cells: all neurons in one vector; the arrays per neuron have shape (neurons,)."""

    first: Int64
    """Where each population starts, and the end: (populations + 1,)."""
    retention: Real
    gain: Real
    bias_current: Real
    sources: Sources
    uses_states: bool
    """Whether slopes of the sources depend on the states: not those of virtual ones."""
    products: Products
    """To the targets for a forward pass, back to the sources for a backward pass."""


_NO_PRODUCTS = Products(np.zeros((0, COLUMNS), np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))


class Entry(NamedTuple):
    """One lag of one recurrent term."""

    term: int
    """Which of the recurrent terms, in the order of cells and terms."""
    part: int
    """Which of its lags."""
    lag: int
    source: int
    target: int


class Structure(NamedTuple):
    """What the layout of the recurrent products depends on."""

    entries: tuple[Entry, ...]
    patterns: tuple[SparsePattern | None, ...]
    """One per recurrent term; None where it is dense."""
    first: tuple[int, ...]
    """Where each population starts, and the end."""


class _Layout(NamedTuple):
    table: Int64
    starts: Int64
    places: Int64
    orders: tuple[Int64 | None, ...]
    """Per entry, the order of the synapses of a sparse block."""
    size: int
    """Numbers in all packed efficacies."""


class Loop:
    """What a forward and a backward pass have in common: cells and structure, no values of efficacies or inputs.

    Parameters
    ----------
    cells, sizes
        The populations, in update order, and their numbers of neurons.
    frames
        Entries of the input flux, each held for ``steps_per_entry`` steps.
    substeps
        Steps after which a state is an output.
    inputs
        One per population, or none if the flux itself is given.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        sizes: tuple[int, ...],
        frames: int,
        substeps: int,
        steps_per_entry: int,
        inputs: Sequence[Inputs],
    ) -> None:
        self.cells, self.sizes = cells, sizes
        self.frames, self.substeps, self.steps_per_entry = frames, substeps, steps_per_entry
        terms = recurrent(cells)
        entries = tuple(
            Entry(k, part, lag, source, target)
            for k, (source, target, term) in enumerate(terms)
            for part, lag in enumerate(term.lags)
        )
        patterns = tuple(t.weights.pattern if isinstance(t.weights, SparseWeights) else None for _, _, t in terms)
        self.structure = Structure(entries, patterns, (0, *accumulate(sizes)))
        self.depth = 1 + max((0, *(entry.lag for entry in entries)))
        self.driven = [p for p, d in enumerate(inputs) if d.weights is not None]
        self.rows = inputs[0].signals.shape[0] if inputs else None
        self.backward = False
        self._neurons: PackedNetwork | None = None

    @property
    def terms(self) -> int:
        """Number of recurrent terms; their tensors come before those of the inputs."""
        return len(self.structure.patterns)

    @property
    def steps(self) -> int:
        """Integration steps."""
        return self.frames * self.steps_per_entry

    def network(self, tensors: Sequence[Tensor], dtype: Any, *, back: bool) -> PackedNetwork:
        """Lay out the cells with the efficacies of their recurrent terms, whose tensors come first.

        Parameters per neuron are those at the first call: a backward pass has those of its forward pass.
        """
        if self._neurons is None:
            forms = tuple(cell.source.fused for cell in self.cells)
            self._neurons = packed_neurons(self.cells, self.sizes, forms, dtype)
        weights = [t.detach().contiguous().numpy() for t in tensors[: self.terms]]
        return self._neurons._replace(products=_recurrent_products(self.structure, weights, dtype, back))

    def input_products(self, tensors: Sequence[Tensor], dtype: Any) -> Products:
        """Lay out the products of inputs with their efficacies (channels, neurons), one per population with inputs."""
        blocks = [
            Block(p, 0, 0, self.structure.first[p], tensor.detach().contiguous().numpy())
            for tensor, p in zip(tensors[self.terms :], self.driven, strict=True)
        ]
        return packed_products(blocks, dtype)

    def input_flux(self, signals: Tensor, rows: int, tensors: Sequence[Tensor]) -> Tensor:
        """Multiply signals (channels, frames x rows) with the efficacies of the populations that have inputs."""
        import torch  # a simulation does not load it

        flux = make_rows(signals, self.structure.first[-1], self.frames, rows)
        length = self.frames * rows
        by_population = dict(zip(self.driven, tensors[self.terms :], strict=True))
        for p, (first, last) in enumerate(pairwise(self.structure.first)):
            if p in by_population:
                torch.mm(by_population[p].detach().T, signals[:, :length], out=flux[first:last, :length])
            else:
                flux[first:last] = 0
        return flux


def recurrent(cells: Sequence[Cell]) -> list[tuple[int, int, Any]]:
    """Return (source, target, term) of every recurrent term, in the order of cells and terms."""
    return [(t.source, target, t) for target, cell in enumerate(cells) for t in cell.terms if t.source is not None]


def joined(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Concatenate along the axis of the neurons; one part needs no copy."""
    import torch

    return parts[0] if len(parts) == 1 else torch.cat(list(parts), axis)


def offsets(cells: Sequence[Cell], sizes: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Flux offsets of all cells, (neurons,)."""
    import torch

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


def packed_neurons(
    cells: Sequence[Cell], sizes: tuple[int, ...], forms: tuple[FusedForm | None, ...], dtype: Any
) -> PackedNetwork:
    """Lay out the cells, without products; copies, which a change of the cells does not reach.

    ``forms`` are those of the cells' source functions; there is one for each where the kernels run these cells.
    """

    def per_neuron(name: str) -> Real:
        values = [_array(getattr(cell, name)) for cell in cells]
        if len(cells) == 1:
            return np.full(sizes[0], values[0], dtype)
        return np.concatenate([np.full(n, v, dtype) for n, v in zip(sizes, values, strict=True)])

    first, sources = _first_and_sources(sizes, forms, dtype)
    return PackedNetwork(
        first,
        per_neuron("retention"),
        per_neuron("gain"),
        per_neuron("bias_current"),
        sources,
        uses_states=not isinstance(sources, VirtualSources),
        products=_NO_PRODUCTS,
    )


@lru_cache(maxsize=64)
def _first_and_sources(sizes: tuple[int, ...], forms: tuple[Any, ...], dtype: Any) -> tuple[Int64, Sources]:
    return np.array([0, *accumulate(sizes)], dtype=np.int64), source_set(forms, dtype)


@lru_cache(maxsize=64)
def _layout(structure: Structure, back: bool) -> _Layout:
    first = structure.first
    rows: list[list[int]] = []
    orders: list[Int64 | None] = []
    at = 0
    starts, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for entry in structure.entries:
        begin, end = (entry.target, entry.source) if back else (entry.source, entry.target)
        n_in, n_out = first[begin + 1] - first[begin], first[end + 1] - first[end]
        pattern = structure.patterns[entry.term]
        row = [int(pattern is not None), entry.lag, end, first[begin], n_in, first[end], n_out, at]
        if pattern is None:
            rows.append([*row, 0, 0])
            orders.append(None)
            at += n_in * (n_out + n_out % PAIR)
        else:
            order, own_starts, own_places = (pattern.by_source if back else pattern.by_target)[entry.part]
            rows.append([*row, sum(s.size for s in starts), sum(p.size for p in places)])
            orders.append(order)
            starts.append(own_starts)
            places.append(own_places)
            at += order.size
    return _Layout(_table(rows), np.concatenate(starts), np.concatenate(places), tuple(orders), at)


def _recurrent_products(structure: Structure, weights: Sequence[Real], dtype: Any, back: bool) -> Products:
    """Lay out the products that end in targets, or those that lead back to sources.

    ``weights`` are one array per recurrent term: a dense matrix (lags x sources, neurons), or the entries of a pattern.
    """
    layout = _layout(structure, back)
    values = np.empty(layout.size, dtype)
    for entry, order, row in zip(structure.entries, layout.orders, layout.table, strict=True):
        at, own = row[AT], weights[entry.term]
        if order is not None:
            values[at : at + order.size] = own[order]
        else:
            height = structure.first[entry.source + 1] - structure.first[entry.source]
            pack(own[entry.part * height : (entry.part + 1) * height], back, values[at:])
    return Products(layout.table, values, layout.starts, layout.places)


class Block(NamedTuple):
    """Efficacies of one product on their way to `Products`."""

    owner: int
    """The population that it drives."""
    lag: int
    first_in: int
    first_out: int
    weights: Any
    """(sources, targets), a contiguous array or scipy sparse."""


def packed_products(blocks: Sequence[Block], dtype: Any) -> Products:
    """Lay out products that end in targets, dense ones and sparse ones."""
    rows: list[list[int]] = []
    values, starts, places = [np.zeros(0, dtype)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    at = starts_at = places_at = 0
    for block in blocks:
        (n_in, n_out), sparse = block.weights.shape, not isinstance(block.weights, np.ndarray)
        row = [int(sparse), block.lag, block.owner, block.first_in, n_in, block.first_out, n_out, at]
        rows.append([*row, starts_at, places_at])
        if sparse:
            by_target = block.weights.tocsc()
            values.append(by_target.data.astype(dtype))
            starts.append(by_target.indptr.astype(np.int64))
            places.append(by_target.indices.astype(np.int64))
            starts_at, places_at = starts_at + starts[-1].size, places_at + places[-1].size
        else:
            values.append(np.empty(n_in * (n_out + n_out % PAIR), dtype))
            pack(block.weights, False, values[-1])
        at += values[-1].size
    return Products(_table(rows), np.concatenate(values), np.concatenate(starts), np.concatenate(places))


def _table(rows: list[list[int]]) -> Int64:
    return np.array(rows, dtype=np.int64).reshape(-1, COLUMNS)


def _array(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value
