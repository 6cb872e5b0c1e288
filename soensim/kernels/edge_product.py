"""Products of signals with the efficacies of existing edges alone, behind `torch.autograd`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from soensim._runtime.kernel_cache import njit
from soensim.kernels.llvm_intrinsics import wide_vectors
from soensim.kernels.memory_layout import parallel_for
from soensim.kernels.sparse import SparsePattern, SparseWeights
from soensim.kernels.vector_math import FLAGS


class SparseBlock(NamedTuple):
    """Efficacies of one lag of `SparseWeights`."""

    pattern: SparsePattern
    part: int
    values: Any
    """Of all lags."""


def sparse_blocks(weights: SparseWeights) -> list[SparseBlock]:
    """Return the efficacies of each lag."""
    return [SparseBlock(weights.pattern, part, weights.values) for part in range(weights.pattern.lags)]


def sparse_product(signal: Tensor, block: SparseBlock) -> Tensor:
    """Multiply signals (..., sources) with the efficacies of a block; (..., neurons)."""
    flat = signal.flatten(0, -2)
    product: Tensor = _SparseProduct.apply(block.pattern, block.part, flat, block.values)  # type: ignore[no-untyped-call]
    return product.view(*signal.shape[:-1], -1)


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pattern: SparsePattern, part: int, signal: Tensor, values: Tensor) -> Tensor:
        ctx.pattern, ctx.part = pattern, part
        by_neuron = signal.detach().T.contiguous()
        ctx.save_for_backward(by_neuron, values)
        order, starts, places = pattern.by_target[part]
        out = by_neuron.new_zeros(pattern.shape[1], by_neuron.shape[1])
        edges = starts, places, values.detach().numpy()[order]
        parallel_for(_add_rows, len(out), torch.get_num_threads(), *edges, by_neuron.numpy(), out.numpy())
        return out.T.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        by_neuron, values = ctx.saved_tensors
        gradient = gradients[0].T.contiguous()
        order, starts, places = ctx.pattern.by_source[ctx.part]
        threads, arrays = torch.get_num_threads(), (gradient.numpy(), by_neuron.numpy())
        grad_signal, grad_values = torch.zeros_like(by_neuron), torch.zeros_like(values)
        edges = starts, places, values.detach().numpy()[order]
        parallel_for(_add_rows, len(by_neuron), threads, *edges, arrays[0], grad_signal.numpy())
        found = np.empty(len(order), arrays[0].dtype)
        parallel_for(_dot_rows, len(by_neuron), threads, starts, places, *arrays, found)
        grad_values.numpy()[order] = found
        return None, None, grad_signal.T, grad_values


@njit(cache=True, fastmath=FLAGS, error_model="numpy", nogil=True)
def _add_rows(first, last, starts, places, values, signals, out):  # type: ignore[no-untyped-def]
    """Add to each row of ``out`` the signals of its edges, which are those from starts[row] to starts[row + 1]."""
    wide_vectors()
    for row in range(first, last):
        own = out[row]
        for e in range(starts[row], starts[row + 1]):
            value, other = values[e], signals[places[e]]
            for k in range(own.size):
                own[k] += value * other[k]


@njit(cache=True, fastmath=FLAGS, error_model="numpy", nogil=True)
def _dot_rows(first, last, starts, places, signals, others, out):  # type: ignore[no-untyped-def]
    """Compute for each edge of a row the product of that row of ``others`` with the signal at its other end."""
    wide_vectors()
    for row in range(first, last):
        own = others[row]
        for e in range(starts[row], starts[row + 1]):
            other, total = signals[places[e]], out.dtype.type(0)
            for k in range(own.size):
                total += own[k] * other[k]
            out[e] = total
