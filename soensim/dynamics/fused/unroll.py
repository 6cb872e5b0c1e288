"""The fused time loop behind `torch.autograd`: `soensim.dynamics.unroll` in one kernel each way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from soensim.dynamics.fused.block import ROWS
from soensim.dynamics.fused.door import check_shapes
from soensim.dynamics.fused.gradient import input_gradients, weight_gradients
from soensim.dynamics.fused.kernel import backward_blocks, forward_blocks
from soensim.dynamics.fused.plan import Entry, Inputs, Products, input_products, neurons_of, products_of, recurrent
from soensim.dynamics.fused.sparse import SparseWeights
from soensim.dynamics.fused.threads import share_out
from soensim.dynamics.unroll import Cell


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


def by_channel(signals: Tensor) -> Tensor:
    """Return the same (batch, samples, channels) laid out channel by channel, as the kernel reads it."""
    return signals.permute(2, 1, 0).contiguous().permute(2, 1, 0)


def unroll_fused(
    cells: Sequence[Cell],
    drives: Sequence[Tensor | Inputs],
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
        Flux of the input terms, one per population: (frames, batch, neurons). Or `Inputs`: the kernel multiplies them,
        provided that all populations share the signals and these need no gradient (else `project` does).
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
    drives, signals = _as_drives(drives)
    frames = check_shapes(cells, drives, initial, sizes, substeps, per_frame)
    start = _joined([s.T for s in initial])
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for _, _, t in recurrent(cells)]
    if signals is None:
        drive = _joined([d.permute(2, 0, 1) for d in drives if isinstance(d, Tensor)])
        seen = start.new_empty(0, 0)
    else:
        drive = start.new_empty(len(start), 0, start.shape[1])
        seen = signals.permute(2, 1, 0).flatten(1)
        tensors += [d.weights for d in drives if isinstance(d, Inputs)]
    offset = _joined(
        [torch.as_tensor(c.flux_offset, dtype=drive.dtype).expand(n) for c, n in zip(cells, sizes, strict=True)]
    )
    loop = _Loop(cells, sizes, frames, substeps, per_frame, signals is not None)
    loop.backward = torch.is_grad_enabled() and any(t.requires_grad for t in (drive, start, offset, *tensors))
    states: Tensor = _FusedLoop.apply(loop, drive, seen, start, offset, *tensors)  # type: ignore[no-untyped-call]
    if len(sizes) == 1:
        return [states.permute(2, 1, 0)]
    return [part.permute(2, 1, 0) for part in torch.split(states, list(sizes))]


def _as_drives(drives: Sequence[Tensor | Inputs]) -> tuple[Sequence[Tensor | Inputs], Tensor | None]:
    """Return the drives, and the signals if the kernel is to multiply them; else all drives are tensors."""
    signals = [d.signals for d in drives if isinstance(d, Inputs)]
    shared = len(signals) == len(drives) and all(s is signals[0] for s in signals) and not signals[0].requires_grad
    if shared:
        return drives, signals[0]
    return [project(d.signals, d.weights) if isinstance(d, Inputs) else d for d in drives], None


class _Loop:
    """What stays the same on both ways: structure, not values."""

    def __init__(
        self, cells: Sequence[Cell], sizes: tuple[int, ...], frames: int, substeps: int, per_frame: int, inputs: bool
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
        self.with_inputs, self.backward = inputs, False

    def products(self, tensors: Sequence[Tensor], dtype: Any, back: bool) -> Products:
        """Recurrent products; their tensors come first."""
        weights = [t.detach().contiguous().numpy() for t in tensors[: len(self.edges)]]
        return products_of(self.entries, self.edges, weights, self.first, dtype, back)

    def inputs(self, tensors: Sequence[Tensor], channels: int, dtype: Any) -> Products:
        """Products of the inputs, one per population, or none."""
        weights = [t.detach().contiguous().numpy() for t in tensors[len(self.edges) :]]
        return input_products(weights, channels, self.sizes, dtype)


class _FusedLoop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: _Loop, drive: Tensor, signals: Tensor, initial: Tensor, offset: Tensor, *tensors: Tensor
    ) -> Tensor:
        count, batch = initial.shape
        steps = loop.frames * loop.per_frame
        drives, seen, start = (t.detach().contiguous().numpy() for t in (drive.flatten(1), signals, initial))
        neurons = neurons_of(loop.cells, loop.sizes, offset.detach().contiguous().numpy())
        products = loop.products(tensors, drives.dtype, back=False)
        inputs = loop.inputs(tensors, len(seen), drives.dtype)
        before, per_record = (loop.depth, 1) if loop.backward else (0, loop.substeps)
        record = _rows(drive, count, before + steps // per_record, batch)
        kept = _rows(drive, count, steps if loop.backward else 0, batch)
        share_out(
            forward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, drives, seen, start, neurons, inputs,
            products, loop.depth, steps, loop.per_frame, per_record, before, record.numpy(), kept.numpy(),
        )  # fmt: skip
        states = record[:, before * batch : (before + steps // per_record) * batch].view(count, -1, batch)
        if not loop.backward:
            return states
        ctx.loop, ctx.neurons = loop, neurons
        ctx.save_for_backward(record, kept, signals, *tensors)
        return states[:, loop.substeps - 1 :: loop.substeps]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        loop, neurons = ctx.loop, ctx.neurons
        record, kept, signals, *tensors = ctx.saved_tensors
        count, _, batch = gradients[0].shape
        by_state = gradients[0].contiguous().flatten(1).numpy()
        steps = loop.frames * loop.per_frame
        by_flux = _rows(record, count, steps, batch)
        by_drive = by_flux if loop.per_frame == 1 else _rows(record, count, loop.frames, batch)
        by_initial = record.new_empty(count, batch)
        products = loop.products(tensors, by_state.dtype, back=True)
        share_out(
            backward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, by_state, neurons, products,
            loop.depth, loop.per_frame, loop.substeps,
            record.numpy(), kept.numpy(), by_flux.numpy(), by_drive.numpy(), by_initial.numpy(),
        )  # fmt: skip
        _, drive_wanted, _, initial_wanted, offset_wanted, *wanted = ctx.needs_input_grad
        drive = by_drive[:, : loop.frames * batch]
        terms = len(loop.edges)
        by_recurrent = weight_gradients(
            loop.entries, loop.edges, loop.first, loop.depth, record, by_flux, steps, batch,
            tensors[:terms], wanted[:terms],
        )  # fmt: skip
        by_inputs = input_gradients(loop.first, signals, by_drive, tensors[terms:], wanted[terms:])
        return (
            None,
            drive.view(count, loop.frames, batch) if drive_wanted else None,
            None,
            by_initial if initial_wanted else None,
            drive.sum(1) if offset_wanted else None,
            *by_recurrent,
            *by_inputs,
        )


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
