"""The fused time loop behind `torch.autograd`: `soensim.dynamics.time_loop` in one kernel for each pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soensim.dynamics.time_loop import Cell
from soensim.kernels.matmul import Factors, dense_gradient, sparse_gradient
from soensim.kernels.memory_layout import ROWS, channel_rows, make_rows, parallel_for
from soensim.kernels.packed_network import Inputs, Loop, held_flux, joined, recurrent
from soensim.kernels.sparse import SparseWeights
from soensim.kernels.supported import check_shapes
from soensim.kernels.unroll_kernel import FluxAndStart, Gradients, Schedule, backward_blocks, forward_blocks


def project(signals: Tensor, weights: Tensor) -> Tensor:
    """Multiply inputs with efficacies: the input flux of a population, laid out as `unroll_fused` reads it fastest.

    Parameters
    ----------
    signals
        (batch, frames, channels).
    weights
        (channels, neurons).

    Returns
    -------
    Tensor
        Flux (frames, batch, neurons), neuron by neuron in memory.
    """
    batch, frames, channels = signals.shape
    flat = signals.permute(2, 1, 0).reshape(channels, frames * batch)
    return (weights.T @ flat).view(-1, frames, batch).permute(1, 2, 0)


def unroll_fused(
    cells: Sequence[Cell],
    input_flux: Sequence[Tensor | Inputs],
    initial: Sequence[Tensor],
    *,
    substeps: int,
    steps_per_entry: int | None = None,
) -> list[Tensor]:
    """Run coupled populations; the same states and gradients as `soensim.dynamics.time_loop`, without its graph.

    Agrees with it to 1e-5 of the largest value in float32 and 1e-10 in float64; the backward pass is one more loop over
    the steps. Every row of the batch and every gradient is the same to the last bit for any number of threads
    (torch.get_num_threads()).

    Parameters
    ----------
    cells
        The populations, in update order. Of their terms only the recurrent ones are used. A lag of -1 reads the state
        that an earlier population has just taken.
    input_flux
        Flux of the input terms, one per population: (entries, batch, neurons). Or `Inputs` for all of them, on the same
        signals, which need no gradient: what the batch repeats is multiplied once.
    initial
        States at the start, one (batch, neurons) tensor per population.
    substeps
        Steps per frame.
    steps_per_entry
        Steps that an entry of the input flux is held; ``substeps``, an entry per frame, if left out.

    Returns
    -------
    list
        States after every frame, one (batch, frames, neurons) tensor per population.

    Raises
    ------
    SimulationError
        Shapes that do not fit, or a SQUID that starts outside 0 <= s <= bias_current.
    """
    per_entry = substeps if steps_per_entry is None else steps_per_entry
    sizes = tuple(int(start.shape[-1]) for start in initial)
    inputs = [d for d in input_flux if isinstance(d, Inputs)]
    entries = check_shapes(cells, input_flux, initial, sizes, substeps, per_entry)
    start = joined([s.T for s in initial])
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for _, _, t in recurrent(cells)]
    if inputs:
        flux, signals = start.new_empty(len(start), 0), channel_rows(inputs[0].signals)
        tensors += [d.weights for d in inputs if d.weights is not None]
    else:
        flux = joined([d.permute(2, 0, 1) for d in input_flux if isinstance(d, Tensor)]).flatten(1)
        signals = start.new_empty(0, 0)
    held = held_flux(cells, inputs, sizes, start)
    loop = Loop(cells, sizes, entries, substeps, per_entry, inputs)
    loop.backward = torch.is_grad_enabled() and any(t.requires_grad for t in (flux, held, start, *tensors))
    states: Tensor = _FusedLoop.apply(loop, signals, flux, held, start, *tensors)  # type: ignore[no-untyped-call]
    if len(sizes) == 1:
        return [states.permute(2, 1, 0)]
    return [part.permute(2, 1, 0) for part in torch.split(states, list(sizes))]


class _FusedLoop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: Loop, signals: Tensor, flux: Tensor, held: Tensor, initial: Tensor, *tensors: Tensor
    ) -> Tensor:
        count, batch = initial.shape
        rows = loop.rows or batch
        flux = flux if loop.rows is None else loop.input_flux(signals, rows, tensors)
        fluxes, helds, start = (t.detach().contiguous().numpy() for t in (flux, held, initial))
        before, per_output = (loop.depth, 1) if loop.backward else (0, loop.substeps)
        outputs = loop.steps // per_output
        record = make_rows(initial, count, before + outputs, batch)
        saved = make_rows(initial, count, loop.steps if loop.backward else 0, batch)
        parallel_for(
            forward_blocks,
            -(-batch // ROWS),
            torch.get_num_threads(),
            loop.network(tensors, fluxes.dtype, back=False),
            Schedule(batch, loop.steps, loop.depth, loop.steps_per_entry, per_output, before),
            FluxAndStart(fluxes, rows, helds, start),
            record.numpy(),
            saved.numpy(),
        )
        states = record[:, before * batch : (before + outputs) * batch].view(count, -1, batch)
        if not loop.backward:
            return states
        ctx.loop, ctx.shared = loop, held.shape[1] == 1
        ctx.save_for_backward(record, saved, signals, *tensors)
        return states[:, loop.substeps - 1 :: loop.substeps]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        loop = ctx.loop
        record, saved, signals, *tensors = ctx.saved_tensors
        count, _, batch = gradients[0].shape
        grad_states = gradients[0].contiguous().flatten(1).numpy()
        grad_flux = make_rows(record, count, loop.steps, batch)
        grad_input_flux = grad_flux if loop.steps_per_entry == 1 else make_rows(record, count, loop.frames, batch)
        grad_held, grad_initial = record.new_empty(count, batch), record.new_empty(count, batch)
        parallel_for(
            backward_blocks,
            -(-batch // ROWS),
            torch.get_num_threads(),
            loop.network(tensors, grad_states.dtype, back=True),
            Schedule(batch, loop.steps, loop.depth, loop.steps_per_entry, loop.substeps, loop.depth),
            grad_states,
            (record.numpy(), saved.numpy()),
            Gradients(grad_flux.numpy(), grad_input_flux.numpy(), grad_held.numpy(), grad_initial.numpy()),
        )
        _, _, flux_wanted, held_wanted, initial_wanted, *wanted = ctx.needs_input_grad
        outs = [t.new_empty(t.shape) if w else None for t, w in zip(tensors, wanted, strict=True)]
        _recurrent_gradients(loop, record, grad_flux, batch, outs[: loop.terms])
        _input_gradients(loop, signals, grad_input_flux, batch, outs[loop.terms :])
        if ctx.shared and held_wanted:
            grad_held = grad_held.sum(1, keepdim=True)
        return (
            None,
            None,
            grad_input_flux[:, : loop.frames * batch] if flux_wanted else None,
            grad_held if held_wanted else None,
            grad_initial if initial_wanted else None,
            *outs,
        )


def _recurrent_gradients(
    loop: Loop, record: Tensor, grad_flux: Tensor, batch: int, outs: Sequence[Tensor | None]
) -> None:
    """Compute dL/dW of every recurrent term: sums over all steps and rows of the signal seen times dL/dphi."""
    signals, gradient = record.numpy(), grad_flux.numpy()
    entries, patterns, first = loop.structure
    for entry in entries:
        out, pattern = outs[entry.term], patterns[entry.term]
        if out is None:
            continue
        own = signals[first[entry.source] : first[entry.source + 1]]
        start = (loop.depth - 1 - entry.lag) * batch
        factors = Factors(own, start, gradient[first[entry.target] : first[entry.target + 1]], loop.steps * batch)
        if pattern is None:
            _dense_gradient(factors, out[entry.part * len(own) : (entry.part + 1) * len(own)])
        else:
            order, _, places = pattern.by_target[entry.part]
            share = np.empty(order.size, own.dtype)
            columns = pattern.columns[order]
            parallel_for(sparse_gradient, order.size, torch.get_num_threads(), factors, places, columns, share)
            out.numpy()[order] = share


def _input_gradients(loop: Loop, signals: Tensor, grad_flux: Tensor, batch: int, outs: Sequence[Tensor | None]) -> None:
    """Compute dL/dW of the inputs of every population that has some.

    Signals are (channels, frames x rows), ``grad_flux`` is (neurons, frames x batch), both with more at the end of a
    row perhaps; the batch repeats the rows.
    """
    if all(out is None for out in outs):
        return
    rows, frames = loop.rows or batch, loop.frames
    if batch > rows:
        repeated = grad_flux[:, : frames * batch].view(-1, frames, batch // rows, rows)
        grad_flux = make_rows(grad_flux, len(grad_flux), frames, rows)
        torch.sum(repeated, 2, out=grad_flux[:, : frames * rows].view(-1, frames, rows))
    first, gradient = loop.structure.first, grad_flux.numpy()
    for p, out in zip(loop.driven, outs, strict=True):
        if out is not None:
            _dense_gradient(Factors(signals.numpy(), 0, gradient[first[p] : first[p + 1]], frames * rows), out)


def _dense_gradient(factors: Factors, out: Tensor) -> None:
    parallel_for(dense_gradient, -(-len(out) // 2), torch.get_num_threads(), factors, out.numpy())
