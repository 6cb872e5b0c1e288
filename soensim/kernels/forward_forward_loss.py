"""Temporal forward-forward as one kernel: time loop, loss and gradients of both signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from soensim.dynamics.time_loop import Cell
from soensim.errors import SimulationError
from soensim.kernels.block_rows import ROWS
from soensim.kernels.forward_forward_kernel import contrast_blocks
from soensim.kernels.loop_structure import Loop, joined, offsets
from soensim.kernels.packed_network import Inputs, input_products, neurons_of, recurrent
from soensim.kernels.parallel import share_out
from soensim.kernels.sparse import SparseWeights
from soensim.kernels.supported import check_shapes


class Contrast(NamedTuple):
    """Loss, a scalar with a gradient, and the mean goodness of each population, shape (populations,)."""

    loss: Tensor
    positive: Tensor
    negative: Tensor


def contrast(
    cells: Sequence[Cell],
    inputs: Sequence[Inputs],
    sizes: Sequence[int],
    *,
    substeps: int,
    weights: Tensor,
    margin: float,
    sharpness: float,
) -> Contrast:
    """Compute sum_t w(t) softplus(k (margin - (G+(t) - G-(t)))) / k, batch mean, summed over the populations.

    G(t) = mean_i s_i(t)^2 after every sample. The same, gradients included, as `unroll_fused` from rest, `mean_square`
    and torch, to 1e-5 of the largest value in float32 and 1e-10 in float64; but the states of one block of rows at a
    time are kept, and the gradients of the loss are found on the way: by efficacies, offsets and held flux. Every
    number is the same for any number of threads.

    Parameters
    ----------
    cells, sizes
        The populations, in update order, and their numbers of neurons.
    inputs
        One per population: signals (rows, samples, channels), the same tensor for all; held flux (2 x rows, neurons),
        first under the true labels, then under the wrong ones.
    substeps
        Steps per sample.
    weights
        w, shape (populations, samples); 0 for a population that is not read.
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
        raise SimulationError(
            f"weights {tuple(weights.shape)} do not fit {len(sizes)} populations and {frames} samples"
        )
    tensors = [t.weights for _, _, t in recurrent(cells)]
    if any(isinstance(t, SparseWeights) for t in tensors):
        raise SimulationError("contrast takes dense efficacies; give their matrix")
    loop = Loop(cells, tuple(sizes), frames, substeps, substeps, inputs)
    offset = offsets(cells, sizes, weights.dtype)
    helds = [d.held for d in inputs]
    held = weights.new_empty(0, len(offset))
    if any(h is not None for h in helds):
        held = joined([r if h is None else h for h, r in zip(helds, rest, strict=True)], 1)
    tensors += [d.weights for d in inputs if d.weights is not None]
    signals = inputs[0].signals.contiguous()
    found = _Contrast.apply(loop, signals, weights, margin, sharpness, offset, held, *tensors)  # type: ignore[no-untyped-call]
    return Contrast(*found)


class _Contrast(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        loop: Loop,
        signals: Tensor,
        weights: Tensor,
        margin: float,
        sharpness: float,
        offset: Tensor,
        held: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, frames, terms = len(signals), loop.frames, len(loop.edges)
        numbers = [t.detach().contiguous().numpy() for t in tensors]
        dtype, sizes = weights.numpy().dtype, [t.numel() for t in tensors]
        blocks, by_held = -(-rows // ROWS), weights.new_empty(2 * rows, len(offset))
        shares = weights.new_empty(blocks, sum(sizes))
        scores = weights.new_empty(blocks, 3 * len(loop.sizes))
        share_out(
            contrast_blocks, blocks, torch.get_num_threads(), signals.numpy(),
            input_products(numbers[terms:], loop.driven, loop.first, dtype), offset.detach().contiguous().numpy(),
            held.detach().contiguous().numpy(), neurons_of(loop.cells, loop.sizes, dtype),
            loop.products(tensors, dtype, back=False), loop.products(tensors, dtype, back=True), loop.depth,
            loop.substeps, weights.numpy(), dtype.type(margin), dtype.type(sharpness), scores.numpy(), by_held.numpy(),
            shares.numpy(),
        )  # fmt: skip
        by_tensors = [g.view(t.shape) for g, t in zip(shares.sum(0).split_with_sizes(sizes), tensors, strict=True)]
        ctx.save_for_backward(by_held.sum(0), by_held, *by_tensors)
        loss, positive, negative = scores.sum(0).view(-1, 3).unbind(1)
        positive, negative = positive / (rows * frames), negative / (rows * frames)
        ctx.mark_non_differentiable(positive, negative)
        return loss.sum() / rows, positive, negative

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        pairs = zip(ctx.saved_tensors, ctx.needs_input_grad[5:], strict=True)
        return (None,) * 5 + tuple(gradients[0] * g if wanted else None for g, wanted in pairs)
