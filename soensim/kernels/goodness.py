"""Mean square of the states over the neurons, in one pass each way."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from soensim._runtime.kernel_cache import njit
from soensim.kernels.vector_math import FLAGS

# Columns at a time: what is summed up stays in the first-level cache.
_CHUNK = 1024


def mean_square(states: Tensor) -> Tensor:
    """Compute the goodness of every sample, mean_i s_i^2, shape (batch, samples), of states (batch, samples, neurons).

    The same as `states.square().mean(-1)`, of which torch makes six passes over the states. States from `unroll_fused`
    with one step per sample are taken as they lie in memory; others go through torch.
    """
    batch, samples, _ = states.shape
    as_kernel_leaves_them = states.stride()[:2] == (1, batch) and states.stride(2) >= samples * batch
    if states.device.type != "cpu" or not as_kernel_leaves_them or states.dtype not in (torch.float32, torch.float64):
        return states.square().mean(-1)
    found: Tensor = _MeanSquare.apply(states)  # type: ignore[no-untyped-call]
    return found.T


class _MeanSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor) -> Tensor:
        ctx.save_for_backward(states)
        out: Tensor = states.new_empty(states.shape[1], states.shape[0])
        _forward(_flat(states), states.stride(2), states.shape[2], out.view(-1).numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (states,) = ctx.saved_tensors
        batch, samples, neurons = states.shape
        by_state: Tensor = states.new_empty(neurons, samples, batch)
        own = gradients[0].contiguous().view(-1).numpy()
        _backward(_flat(states), states.stride(2), own, by_state.view(neurons, -1).numpy())
        return by_state.permute(2, 1, 0)


def _flat(states: Tensor) -> Any:
    """All numbers from the first of the first neuron to the last of the last one."""
    batch, samples, neurons = states.shape
    return states.detach().as_strided(((neurons - 1) * states.stride(2) + samples * batch,), (1,)).numpy()


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def _forward(states, stride, neurons, out):  # type: ignore[no-untyped-def]
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
def _backward(states, stride, by_mean, by_state):  # type: ignore[no-untyped-def]
    neurons, length = by_state.shape
    share = by_mean.dtype.type(2.0 / neurons)
    for low in range(0, length, _CHUNK):
        high = min(low + _CHUNK, length)
        own = by_mean[low:high]
        for n in range(neurons):
            line, target = states[n * stride + low : n * stride + high], by_state[n, low:high]
            for k in range(high - low):
                target[k] = share * own[k] * line[k]
