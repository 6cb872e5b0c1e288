"""The fused time loop behind `torch.autograd`: `soensim.dynamics.unroll` in one kernel each way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from soensim.dynamics.fused.block import ROWS
from soensim.dynamics.fused.gradient import weight_gradients
from soensim.dynamics.fused.kernel import backward_blocks, forward_blocks
from soensim.dynamics.fused.plan import Entry, Products, neurons_of, products_of, recurrent
from soensim.dynamics.fused.sparse import SparseWeights
from soensim.dynamics.fused.threads import share_out
from soensim.dynamics.unroll import Cell
from soensim.errors import SimulationError


def supports(cells: Sequence[Cell], *, heun: bool = False) -> bool:
    """Say whether `unroll_fused` can run these cells; else `soensim.dynamics.unroll` has to.

    Not supported: Heun's step; a source function without a fused form (a table with noise, or trained on without its
    smooth form); a SQUID biased outside its fitted currents; gradients of retention, gain or bias_current; numbers
    other than float32 and float64; tensors that are not in main memory; efficacies that are scipy arrays.
    """
    if heun:
        return False
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for c in cells for t in c.terms]
    if not all(isinstance(t, Tensor) and t.device.type == "cpu" for t in tensors):
        return False
    kinds = {t.dtype for t in tensors}
    return len(kinds) == 1 and kinds <= {torch.float32, torch.float64} and all(_cell_supported(c) for c in cells)


def _cell_supported(cell: Cell) -> bool:
    source = cell.source
    fixed = (cell.retention, cell.gain, cell.bias_current)
    if source.fused is None or any(isinstance(v, Tensor) and v.requires_grad for v in fixed):
        return False
    if source.virtual:
        return True
    bias = torch.as_tensor(cell.bias_current)
    return bool((bias >= 0).all() and (bias <= source.max_current).all())


def project(signals: Tensor, weights: Tensor) -> Tensor:
    """Multiply inputs with efficacies: the drive of a population, laid out as `unroll_fused` reads it fastest.

    Parameters
    ----------
    signals
        (batch, samples, channels).
    weights
        (channels, neurons).

    Returns
    -------
    Tensor
        Flux (samples, batch, neurons), neuron by neuron in memory.
    """
    batch, samples, channels = signals.shape
    flat = signals.permute(2, 1, 0).reshape(channels, samples * batch)
    return (weights.T @ flat).view(-1, samples, batch).permute(1, 2, 0)


def unroll_fused(
    cells: Sequence[Cell],
    drives: Sequence[Tensor],
    initial: Sequence[Tensor],
    *,
    substeps: int,
    steps_per_frame: int | None = None,
) -> list[Tensor]:
    """Run coupled populations; the same states and gradients as `soensim.dynamics.unroll`, without its graph.

    Agrees with it to 1e-5 of the largest value in float32 and 1e-10 in float64; the way back takes one pass. Every row
    of the batch and every gradient is the same to the last bit for any number of threads (torch.get_num_threads()).

    Parameters
    ----------
    cells
        The populations, in update order. Of their terms only the recurrent ones are used. A lag of -1 reads the state
        that an earlier population has just taken.
    drives
        Flux of the input terms, one per population: (frames, batch, neurons).
    initial
        States at the start, one (batch, neurons) tensor per population.
    substeps
        Steps per sample.
    steps_per_frame
        Steps that a frame of the drives is held; ``substeps`` if left out.

    Returns
    -------
    list
        States after every sample, one (batch, samples, neurons) tensor per population.

    Raises
    ------
    SimulationError
        Shapes that do not fit, or a SQUID that starts outside 0 <= s <= bias_current.
    """
    per_frame = substeps if steps_per_frame is None else steps_per_frame
    sizes = tuple(int(start.shape[-1]) for start in initial)
    _check_shapes(cells, drives, initial, sizes, substeps, per_frame)
    drive = _joined([d.permute(2, 0, 1) for d in drives])
    start = _joined([s.T for s in initial])
    offset = _joined(
        [torch.as_tensor(c.flux_offset, dtype=drive.dtype).expand(n) for c, n in zip(cells, sizes, strict=True)]
    )
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for _, _, t in recurrent(cells)]
    loop = _Loop(cells, sizes, substeps, per_frame)
    loop.backward = torch.is_grad_enabled() and any(t.requires_grad for t in (drive, start, offset, *tensors))
    states: Tensor = _FusedLoop.apply(loop, drive, start, offset, *tensors)  # type: ignore[no-untyped-call]
    if len(sizes) == 1:
        return [states.permute(2, 1, 0)]
    return [part.permute(2, 1, 0) for part in torch.split(states, list(sizes))]


class _Loop:
    """What stays the same on both ways: structure, not values."""

    def __init__(self, cells: Sequence[Cell], sizes: tuple[int, ...], substeps: int, per_frame: int) -> None:
        self.cells, self.sizes, self.substeps, self.per_frame = cells, sizes, substeps, per_frame
        terms = recurrent(cells)
        self.edges = tuple(t.weights.edges if isinstance(t.weights, SparseWeights) else None for _, _, t in terms)
        self.entries = tuple(
            Entry(k, part, lag, source, target)
            for k, (source, target, term) in enumerate(terms)
            for part, lag in enumerate(term.lags)
        )
        self.first = (0, *accumulate(sizes))
        self.depth = 1 + max(0, *(entry.lag for entry in self.entries)) if self.entries else 1
        self.backward = False

    def products(self, tensors: Sequence[Tensor], dtype: Any, back: bool) -> Products:
        weights = [t.detach().contiguous().numpy() for t in tensors]
        return products_of(self.entries, self.edges, weights, self.first, dtype, back)


class _FusedLoop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loop: _Loop, drive: Tensor, initial: Tensor, offset: Tensor, *tensors: Tensor) -> Tensor:
        count, frames, batch = drive.shape
        steps = frames * loop.per_frame
        drives, start = (t.detach().contiguous().numpy() for t in (drive.flatten(1), initial))
        neurons = neurons_of(loop.cells, loop.sizes, offset.detach().contiguous().numpy())
        products = loop.products(tensors, drives.dtype, back=False)
        before, per_record = (loop.depth, 1) if loop.backward else (0, loop.substeps)
        record = _rows(drive, count, before + steps // per_record, batch)
        kept = _rows(drive, count, steps if loop.backward else 0, batch)
        share_out(
            forward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, drives, start, neurons, products,
            loop.depth, loop.per_frame, per_record, before, record.numpy(), kept.numpy(),
        )  # fmt: skip
        states = record[:, before * batch : (before + steps // per_record) * batch].view(count, -1, batch)
        if not loop.backward:
            return states
        ctx.loop, ctx.neurons, ctx.shape = loop, neurons, (count, frames, batch)
        ctx.save_for_backward(record, kept, *tensors)
        return states[:, loop.substeps - 1 :: loop.substeps]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        loop, neurons, (count, frames, batch) = ctx.loop, ctx.neurons, ctx.shape
        record, kept, *tensors = ctx.saved_tensors
        by_state = gradients[0].contiguous().flatten(1).numpy()
        steps = frames * loop.per_frame
        by_flux = _rows(record, count, steps, batch)
        by_drive = by_flux if loop.per_frame == 1 else _rows(record, count, frames, batch)
        by_initial = record.new_empty(count, batch)
        products = loop.products(tensors, by_state.dtype, back=True)
        share_out(
            backward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, by_state, neurons, products,
            loop.depth, loop.per_frame, loop.substeps,
            record.numpy(), kept.numpy(), by_flux.numpy(), by_drive.numpy(), by_initial.numpy(),
        )  # fmt: skip
        drive = by_drive[:, : frames * batch]
        by_offset = drive.sum(1) if ctx.needs_input_grad[3] else None
        wanted = ctx.needs_input_grad[4:]
        by_weights = weight_gradients(
            loop.entries, loop.edges, loop.first, loop.depth, record, by_flux, steps, batch, tensors, wanted
        )
        return None, drive.view(count, frames, batch), by_initial, by_offset, *by_weights


def _rows(like: Tensor, count: int, steps: int, batch: int) -> Tensor:
    """Make an array (neurons, steps x batch and a little more).

    Rows whose distance is a multiple of 4096 bytes, as that of a power of two is, compete for the same few lines of the
    cache: they are made longer, by a line at least.
    """
    if steps == 0:
        return like.new_empty(count, 0)
    size = like.element_size()
    length = -(-steps * batch * size // 128) * 128
    return like.new_empty(count, (length + 128 * (1 + length // 128 % 2)) // size)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _check_shapes(
    cells: Sequence[Cell],
    drives: Sequence[Tensor],
    initial: Sequence[Tensor],
    sizes: tuple[int, ...],
    substeps: int,
    per_frame: int,
) -> None:
    if not len(cells) == len(drives) == len(initial):
        raise SimulationError(f"{len(cells)} cells, {len(drives)} drives, {len(initial)} initial states: give one each")
    frames, batch = drives[0].shape[:2]
    if frames * per_frame % substeps:
        raise SimulationError(
            f"{frames} frames of {per_frame} steps are no whole number of samples of {substeps} steps"
        )
    for p, (cell, drive, start, size) in enumerate(zip(cells, drives, initial, sizes, strict=True)):
        if drive.shape != (frames, batch, size) or start.shape != (batch, size):
            raise SimulationError(
                f"population {p}: drive {tuple(drive.shape)} and initial state {tuple(start.shape)} do not fit; "
                f"expected {(frames, batch, size)} and {(batch, size)}"
            )
        if not cell.source.virtual:
            highest = torch.as_tensor(cell.bias_current)
            if bool(((start < 0) | (start > highest)).any()):
                raise SimulationError(f"population {p}: a SQUID must start at 0 <= s <= bias_current")
