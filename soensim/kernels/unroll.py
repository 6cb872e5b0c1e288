"""The fused time loop behind `torch.autograd`: `soensim.dynamics.time_loop` in one kernel each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from soensim.dynamics.time_loop import Cell
from soensim.kernels.backward_kernel import input_gradients, weight_gradients
from soensim.kernels.block_rows import ROWS
from soensim.kernels.forward_kernel import backward_blocks, forward_blocks
from soensim.kernels.loop_structure import Loop, held_flux, joined
from soensim.kernels.memory_layout import channel_rows, make_rows
from soensim.kernels.packed_network import Inputs, neurons_of, recurrent
from soensim.kernels.parallel import share_out
from soensim.kernels.sparse import SparseWeights
from soensim.kernels.supported import check_shapes


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
    drives: Sequence[Tensor | Inputs],
    initial: Sequence[Tensor],
    *,
    substeps: int,
    steps_per_frame: int | None = None,
) -> list[Tensor]:
    """Run coupled populations; the same states and gradients as `soensim.dynamics.time_loop`, without its graph.

    Agrees with it to 1e-5 of the largest value in float32 and 1e-10 in float64; the way back takes one pass. Every row
    of the batch and every gradient is the same to the last bit for any number of threads (torch.get_num_threads()).

    Parameters
    ----------
    cells
        The populations, in update order. Of their terms only the recurrent ones are used. A lag of -1 reads the state
        that an earlier population has just taken.
    drives
        Flux of the input terms, one per population: (frames, batch, neurons). Or `Inputs` for all of them, on the same
        signals, which need no gradient: what the batch repeats is multiplied once.
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
    inputs = [d for d in drives if isinstance(d, Inputs)]
    frames = check_shapes(cells, drives, initial, sizes, substeps, per_frame)
    start = joined([s.T for s in initial])
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for _, _, t in recurrent(cells)]
    if inputs:
        drive, seen = start.new_empty(len(start), 0), channel_rows(inputs[0].signals)
        tensors += [d.weights for d in inputs if d.weights is not None]
    else:
        drive = joined([d.permute(2, 0, 1) for d in drives if isinstance(d, Tensor)]).flatten(1)
        seen = start.new_empty(0, 0)
    held = held_flux(cells, inputs, sizes, start)
    loop = Loop(cells, sizes, frames, substeps, per_frame, inputs)
    loop.backward = torch.is_grad_enabled() and any(t.requires_grad for t in (drive, held, start, *tensors))
    states: Tensor = _FusedLoop.apply(loop, seen, drive, held, start, *tensors)  # type: ignore[no-untyped-call]
    if len(sizes) == 1:
        return [states.permute(2, 1, 0)]
    return [part.permute(2, 1, 0) for part in torch.split(states, list(sizes))]


class _FusedLoop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: Loop, signals: Tensor, drive: Tensor, held: Tensor, initial: Tensor, *tensors: Tensor
    ) -> Tensor:
        count, batch = initial.shape
        steps, rows = loop.frames * loop.per_frame, loop.rows or batch
        flux = drive if loop.rows is None else loop.drive(signals, rows, tensors)
        drives, helds, start = (t.detach().contiguous().numpy() for t in (flux, held, initial))
        neurons = neurons_of(loop.cells, loop.sizes, drives.dtype)
        products = loop.products(tensors, drives.dtype, back=False)
        before, per_record = (loop.depth, 1) if loop.backward else (0, loop.substeps)
        record = make_rows(initial, count, before + steps // per_record, batch)
        kept = make_rows(initial, count, steps if loop.backward else 0, batch)
        share_out(
            forward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, drives, rows, helds, start, neurons,
            products, loop.depth, steps, loop.per_frame, per_record, before, record.numpy(), kept.numpy(),
        )  # fmt: skip
        states = record[:, before * batch : (before + steps // per_record) * batch].view(count, -1, batch)
        if not loop.backward:
            return states
        ctx.loop, ctx.neurons, ctx.shared = loop, neurons, held.shape[1] == 1
        ctx.save_for_backward(record, kept, signals, *tensors)
        return states[:, loop.substeps - 1 :: loop.substeps]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        loop, neurons = ctx.loop, ctx.neurons
        record, kept, signals, *tensors = ctx.saved_tensors
        count, _, batch = gradients[0].shape
        by_state = gradients[0].contiguous().flatten(1).numpy()
        steps = loop.frames * loop.per_frame
        by_flux = make_rows(record, count, steps, batch)
        by_drive = by_flux if loop.per_frame == 1 else make_rows(record, count, loop.frames, batch)
        by_held, by_initial = record.new_empty(count, batch), record.new_empty(count, batch)
        products = loop.products(tensors, by_state.dtype, back=True)
        share_out(
            backward_blocks, -(-batch // ROWS), torch.get_num_threads(), batch, by_state, neurons, products,
            loop.depth, loop.per_frame, loop.substeps, record.numpy(), kept.numpy(), by_flux.numpy(),
            by_drive.numpy(), by_held.numpy(), by_initial.numpy(),
        )  # fmt: skip
        _, _, drive_wanted, held_wanted, initial_wanted, *wanted = ctx.needs_input_grad
        terms = len(loop.edges)
        by_recurrent = weight_gradients(
            loop.entries, loop.edges, loop.first, loop.depth, record, by_flux, steps, batch,
            tensors[:terms], wanted[:terms],
        )  # fmt: skip
        by_inputs = input_gradients(
            loop.first, signals, loop.rows or batch, by_drive, loop.frames, batch, loop.driven, tensors[terms:],
            wanted[terms:],
        )  # fmt: skip
        if ctx.shared and held_wanted:
            by_held = by_held.sum(1, keepdim=True)
        return (
            None,
            None,
            by_drive[:, : loop.frames * batch] if drive_wanted else None,
            by_held if held_wanted else None,
            by_initial if initial_wanted else None,
            *by_recurrent,
            *by_inputs,
        )
