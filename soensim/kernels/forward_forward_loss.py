"""Temporal forward-forward as one kernel, time loop, loss and gradients of both signs; and goodness alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.time_loop import Cell
from soensim.errors import SimulationError
from soensim.kernels.forward_forward_kernel import BlockResults, DifferenceLoss, SignedData, forward_forward_blocks
from soensim.kernels.memory_layout import ROWS, parallel_for
from soensim.kernels.packed_network import Inputs, Loop, joined, offsets, recurrent
from soensim.kernels.sparse import SparseWeights
from soensim.kernels.supported import check_shapes
from soensim.kernels.vector_math import FLAGS

# Columns of a pass of `mean_square`: their sums stay in the first-level cache.
_CHUNK = 1024


class ForwardForwardLoss(NamedTuple):
    """Loss, a scalar with a gradient, and the mean goodness of each population, shape (populations,)."""

    loss: Tensor
    positive: Tensor
    negative: Tensor


def temporal_forward_forward(
    cells: Sequence[Cell],
    inputs: Sequence[Inputs],
    sizes: Sequence[int],
    *,
    substeps: int,
    weights: Tensor,
    margin: float,
    sharpness: float,
) -> ForwardForwardLoss:
    """Compute sum_t w(t) softplus(k (margin - (G+(t) - G-(t)))) / k, batch mean, summed over the populations.

    G(t) = mean_i s_i(t)^2 after every frame. The same, gradients included, as `unroll_fused` from rest, `mean_square`
    and torch, to 1e-5 of the largest value in float32 and 1e-10 in float64; but only the states of one block of rows
    are in memory at a time, and the gradients of the loss (by efficacies, offsets and held flux) are computed with it.
    Every number is the same for any number of threads.

    Parameters
    ----------
    cells, sizes
        The populations, in update order, and their numbers of neurons.
    inputs
        One per population: signals (rows, frames, channels), the same tensor for all; held flux (2 x rows, neurons),
        first under the true labels, then under the wrong ones.
    substeps
        Steps per frame.
    weights
        w, shape (populations, frames); 0 for a population that is not read.
    margin, sharpness
        margin and k.

    Raises
    ------
    SimulationError
        Shapes that do not fit, or sparse efficacies.
    """
    rows = inputs[0].signals.shape[0]
    rest = [weights.new_zeros(2 * rows, n) for n in sizes]
    frames = check_shapes(cells, inputs, rest, tuple(sizes), substeps, substeps)
    if weights.shape != (len(sizes), frames):
        raise SimulationError(f"weights {tuple(weights.shape)} do not fit {len(sizes)} populations and {frames} frames")
    tensors = [t.weights for _, _, t in recurrent(cells)]
    if any(isinstance(t, SparseWeights) for t in tensors):
        raise SimulationError("the forward-forward kernel takes dense efficacies; give their matrix")
    loop = Loop(cells, tuple(sizes), frames, substeps, substeps, inputs)
    offset = offsets(cells, sizes, weights.dtype)
    held_parts = [d.held for d in inputs]
    held = weights.new_empty(0, len(offset))
    if any(h is not None for h in held_parts):
        held = joined([r if h is None else h for h, r in zip(held_parts, rest, strict=True)], 1)
    tensors += [d.weights for d in inputs if d.weights is not None]
    real = weights.numpy().dtype.type
    loss = DifferenceLoss(weights.numpy(), real(margin), real(sharpness))
    signals = inputs[0].signals.contiguous()
    results = _ForwardForward.apply(loop, signals, loss, offset, held, *tensors)  # type: ignore[no-untyped-call]
    return ForwardForwardLoss(*results)


class _ForwardForward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: Loop, signals: Tensor, loss: DifferenceLoss, offset: Tensor, held: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, frames, dtype = len(signals), loop.frames, loss.weights.dtype
        blocks, sizes = -(-rows // ROWS), [t.numel() for t in tensors]
        grad_held, grad_weights = offset.new_empty(2 * rows, len(offset)), offset.new_empty(blocks, sum(sizes))
        scores = offset.new_empty(blocks, 3 * len(loop.sizes))
        fixed = offset.detach().contiguous().numpy(), held.detach().contiguous().numpy()
        parallel_for(
            forward_forward_blocks,
            blocks,
            torch.get_num_threads(),
            (loop.network(tensors, dtype, back=False), loop.network(tensors, dtype, back=True)),
            loop.depth,
            SignedData(signals.numpy(), loop.input_products(tensors, dtype), *fixed, loop.substeps),
            loss,
            BlockResults(scores.numpy(), grad_held.numpy(), grad_weights.numpy()),
        )
        shares = grad_weights.sum(0).split_with_sizes(sizes)
        gradients = [g.view(t.shape) for g, t in zip(shares, tensors, strict=True)]
        ctx.save_for_backward(grad_held.sum(0), grad_held, *gradients)
        total, positive, negative = scores.sum(0).view(-1, 3).unbind(1)
        positive, negative = positive / (rows * frames), negative / (rows * frames)
        ctx.mark_non_differentiable(positive, negative)
        return total.sum() / rows, positive, negative

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        pairs = zip(ctx.saved_tensors, ctx.needs_input_grad[3:], strict=True)
        return (None,) * 3 + tuple(gradients[0] * g if wanted else None for g, wanted in pairs)


def mean_square(states: Tensor) -> Tensor:
    """Compute the goodness of every frame, mean_i s_i^2, shape (batch, frames), of states (batch, frames, neurons).

    The same as `states.square().mean(-1)`, of which torch makes six passes over the states. States from `unroll_fused`
    with one step per frame are read as they lie in memory; others go through torch.
    """
    batch, frames, _ = states.shape
    in_rows = states.stride()[:2] == (1, batch) and states.stride(2) >= frames * batch
    if states.device.type != "cpu" or not in_rows or states.dtype not in (torch.float32, torch.float64):
        return states.square().mean(-1)
    means: Tensor = _MeanSquare.apply(states)  # type: ignore[no-untyped-call]
    return means.T


class _MeanSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor) -> Tensor:
        ctx.save_for_backward(states)
        out: Tensor = states.new_empty(states.shape[1], states.shape[0])
        _mean_square(_flat(states), states.stride(2), states.shape[2], out.view(-1).numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (states,) = ctx.saved_tensors
        batch, frames, neurons = states.shape
        grad_states: Tensor = states.new_empty(neurons, frames, batch)
        grad_mean = gradients[0].contiguous().view(-1).numpy()
        _mean_square_gradient(_flat(states), states.stride(2), grad_mean, grad_states.view(neurons, -1).numpy())
        return grad_states.permute(2, 1, 0)


def _flat(states: Tensor) -> Any:
    """All numbers from the first of the first neuron to the last of the last one."""
    batch, frames, neurons = states.shape
    return states.detach().as_strided(((neurons - 1) * states.stride(2) + frames * batch,), (1,)).numpy()


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def _mean_square(states, stride, neurons, out):  # type: ignore[no-untyped-def]
    share = out.dtype.type(1.0 / neurons)
    for low in range(0, out.size, _CHUNK):
        sums = out[low : low + _CHUNK]
        sums[:] = 0
        for n in range(neurons):
            line = states[n * stride + low : n * stride + low + sums.size]
            for k in range(sums.size):
                sums[k] += line[k] * line[k]
        for k in range(sums.size):
            sums[k] *= share


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def _mean_square_gradient(states, stride, grad_mean, grad_states):  # type: ignore[no-untyped-def]
    neurons, length = grad_states.shape
    share = grad_mean.dtype.type(2.0 / neurons)
    for low in range(0, length, _CHUNK):
        high = min(low + _CHUNK, length)
        own = grad_mean[low:high]
        for n in range(neurons):
            line, target = states[n * stride + low : n * stride + high], grad_states[n, low:high]
            for k in range(high - low):
                target[k] = share * own[k] * line[k]
