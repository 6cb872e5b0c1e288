"""The time loop of chips of which few edges exist, behind `torch.autograd`: `soensim.kernels.edge_kernel`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.dynamics.input_flux import InputSignal
from soensim.dynamics.time_loop import Cell
from soensim.kernels.edge_kernel import (
    SPARE,
    EdgeGradients,
    Edges,
    EdgeSchedule,
    InputEdges,
    backward_edges,
    forward_edges,
)
from soensim.kernels.memory_layout import ROWS, parallel_for
from soensim.kernels.packed_network import PackedNetwork, offsets, packed_neurons
from soensim.kernels.sparse import Int64, SparsePattern, SparseWeights

# Bytes of an array of one group of blocks, at most: the C library keeps no larger one for the next step.
_GROUP_BYTES = 24 * 2**20


def edges_alone(cells: Sequence[Cell], signals: Sequence[InputSignal]) -> bool:
    """Say whether `unroll_edges` can run these cells, of those that `supports` accepts.

    It wants `SparseWeights` of every term, and one input port whose frames are taken one after the other, the same for
    every hypothesis on a label, without a gradient.
    """
    if len(signals) != 1 or len(signals[0].blocks) != 1:
        return False
    (block,) = signals[0].blocks
    whole = list(signals[0].frame_of) == list(range(block.shape[-2]))
    shared = block.ndim == 3 or block.shape[0] == 1
    if not whole or not shared or block.requires_grad:
        return False
    terms = [term for cell in cells for term in cell.terms]
    return all(isinstance(term.weights, SparseWeights) and not term.light for term in terms)


def unroll_edges(
    cells: Sequence[Cell],
    signals: Sequence[InputSignal],
    sizes: Sequence[int],
    *,
    substeps: int,
    window: range | None = None,
) -> list[Tensor]:
    """Run coupled populations from rest; the same states and gradients as `soensim.dynamics.time_loop`.

    Agrees with it to 1e-5 of the largest value in float32 and 1e-10 in float64. Every number is the same for any number
    of threads.

    Parameters
    ----------
    cells, sizes
        The populations, in update order, and their numbers of neurons; those of `supports` and `edges_alone`.
    signals
        Of the only port, (batch, frames, channels).
    substeps
        Steps per frame.
    window
        Frames whose states are wanted; None is all.

    Returns
    -------
    list
        States after these frames, one (batch, frames, neurons) tensor per population.
    """
    (block,) = signals[0].blocks
    rows = (block if block.ndim == 3 else block[0]).contiguous()
    frames = range(rows.shape[1]) if window is None else range(rows.shape[1])[window.start : window.stop]
    terms = tuple(
        _Ends(target, term.source, tuple(term.lags), term.weights.pattern)
        for target, cell in enumerate(cells)
        for term in cell.terms
    )
    values = [term.weights.values for cell in cells for term in cell.terms]
    offset = offsets(cells, sizes, rows.dtype)
    dtype = rows.numpy().dtype
    neurons = packed_neurons(cells, tuple(sizes), tuple(cell.source.fused for cell in cells), dtype)
    layout = _edge_layout(terms, tuple(sizes))
    schedule = EdgeSchedule(len(rows), rows.shape[1] * substeps, substeps, layout.depth, frames.start)
    run = _Run(layout, neurons, schedule, len(frames), [int(v.numel()) for v in values])
    run.backward = torch.is_grad_enabled() and any(t.requires_grad for t in (offset, *values))
    states: Tensor = _Edges.apply(run, rows, offset, *values)  # type: ignore[no-untyped-call]
    return [part.permute(2, 1, 0) for part in torch.split(states, list(sizes))]


class _Ends(NamedTuple):
    """What a term connects, without its efficacies."""

    target: int
    source: int | None
    lags: tuple[int, ...]
    pattern: SparsePattern


class _Order(NamedTuple):
    """Edges in one order, and which entry of all terms, one after the other, each of them is."""

    starts: Int64
    places: Int64
    order: Int64

    def edges(self, values: NDArray[Any]) -> Edges:
        return Edges(self.starts, self.places, values[self.order])


class _EdgeLayout(NamedTuple):
    """All that does not depend on efficacies."""

    forward: _Order
    back: _Order
    inputs: _Order
    lags: Int64
    """Of the inputs."""
    depth: int


class _Run:
    """What a forward and a backward pass have in common."""

    def __init__(
        self, layout: _EdgeLayout, neurons: PackedNetwork, schedule: EdgeSchedule, frames: int, counts: list[int]
    ) -> None:
        self.layout, self.neurons, self.schedule, self.frames, self.counts = layout, neurons, schedule, frames, counts
        self.backward = False
        self.groups: list[tuple[Any, Any]] = []

    def data(self, signals: Tensor, offset: Tensor, begin: int) -> tuple[Any, Any, int]:
        return signals.numpy(), offset.detach().numpy(), begin

    def inputs(self, values: NDArray[Any]) -> InputEdges:
        return InputEdges(self.layout.lags, self.layout.inputs.edges(values))

    def spans(self, itemsize: int) -> list[tuple[int, int]]:
        """Return first row and number of the blocks whose arrays are made together."""
        batch, steps = self.schedule.batch, self.schedule.steps + self.schedule.depth
        blocks = -(-batch // ROWS)
        size = max(1, torch.get_num_threads(), _GROUP_BYTES // (steps * self.height * ROWS * itemsize))
        return [(first * ROWS, min(size, blocks - first)) for first in range(0, blocks, size)]

    @property
    def height(self) -> int:
        return int(self.neurons.first[-1]) + SPARE


class _Edges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: _Run, signals: Tensor, offset: Tensor, *values: Tensor) -> Tensor:
        count, (batch, steps, _, depth, _) = len(offset), run.schedule
        own = _joined(values, offset)
        out: Tensor = offset.new_empty(count, run.frames * batch)
        edges, inputs, groups = run.layout.forward.edges(own), run.inputs(own), []
        for begin, blocks in run.spans(offset.element_size()):
            record = offset.new_empty(blocks, depth + steps, run.height, ROWS).numpy()
            saved = offset.new_empty(blocks, steps, run.height, ROWS).numpy()
            data, arrays = run.data(signals, offset, begin), (record, saved, out.numpy())
            common = run.neurons, edges, inputs, run.schedule, data
            parallel_for(forward_edges, blocks, torch.get_num_threads(), *common, *arrays)
            if run.backward:
                groups.append((record, saved))
        ctx.run, ctx.groups = run, groups
        ctx.save_for_backward(signals, offset, *values)
        return out.view(count, run.frames, batch)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        run, (signals, offset, *values) = ctx.run, ctx.saved_tensors
        grad_states, own = gradients[0].contiguous().flatten(1).numpy(), _joined(values, offset)
        edges, inputs, totals = run.layout.back.edges(own), run.inputs(own), []
        for (begin, blocks), saved in zip(run.spans(offset.element_size()), ctx.groups, strict=True):
            sizes = len(edges.values), len(inputs.edges.values), len(offset)
            found = EdgeGradients(*(np.empty((blocks, size), own.dtype) for size in sizes))
            common = run.neurons, edges, inputs, run.schedule, run.data(signals, offset, begin)
            parallel_for(backward_edges, blocks, torch.get_num_threads(), *common, saved, grad_states, found)
            totals.append(found)
        by_edge, by_input, by_neuron = (np.concatenate(parts).sum(0) for parts in zip(*totals, strict=True))
        shares = np.zeros(len(own), own.dtype)
        shares[run.layout.back.order], shares[run.layout.inputs.order] = by_edge, by_input
        return None, None, torch.from_numpy(by_neuron), *torch.split(torch.from_numpy(shares), run.counts)


def _joined(values: Sequence[Tensor], like: Tensor) -> NDArray[Any]:
    joined: NDArray[Any] = torch.cat([like.new_empty(0), *(v.detach() for v in values)]).numpy()
    return joined


@lru_cache(maxsize=16)
def _edge_layout(terms: tuple[_Ends, ...], sizes: tuple[int, ...]) -> _EdgeLayout:
    first = (0, *accumulate(sizes))
    height = first[-1] + SPARE
    recurrent, driving, at = [_nowhere()], [_nowhere()], 0
    for term in terms:
        pattern = term.pattern
        lag = np.array(term.lags, dtype=np.int64)[pattern.rows // max(pattern.sources, 1)]
        source = pattern.rows % max(pattern.sources, 1)
        entry = np.arange(at, at + len(lag))
        at += len(lag)
        target = first[term.target] + pattern.columns
        if term.source is None:
            driving.append(np.stack([entry, lag, source, target]))
        else:
            recurrent.append(np.stack([entry, lag, first[term.source] + source, target]))
    entry, lag, source, target = np.concatenate(recurrent, 1)
    forward = _sorted(entry, target, (source - lag * height) * ROWS, first[-1])
    back = _sorted(entry, source, (target + (1 + lag) * height) * ROWS, first[-1])
    depth = 1 + int(max(0, lag.max(initial=0)))
    entry, lag, source, target = np.concatenate(driving, 1)
    lags, group = np.unique(lag, return_inverse=True)
    inputs = _sorted(entry, group * first[-1] + target, source * ROWS, len(lags) * first[-1])
    starts = np.array([inputs.starts[k * first[-1] : (k + 1) * first[-1] + 1] for k in range(len(lags))])
    starts = starts.reshape(len(lags), first[-1] + 1)
    return _EdgeLayout(forward, back, inputs._replace(starts=starts), lags, depth)


def _nowhere() -> Int64:
    return np.zeros((4, 0), np.int64)


def _sorted(entry: Int64, end: Int64, places: Int64, ends: int) -> _Order:
    """Sort edges by the neuron at one end, then by the place of the signal at the other."""
    order = np.lexsort((places, end))
    starts = np.concatenate([[0], np.cumsum(np.bincount(end, minlength=ends))]).astype(np.int64)
    return _Order(starts, np.ascontiguousarray(places[order]), entry[order])
