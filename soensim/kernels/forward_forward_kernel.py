"""Temporal forward-forward, block by block: the time loop, the difference loss and the backward pass.

A block of rows goes through all steps with its true label and with its wrong one (the signs 0 and 1), is scored, and
goes back. All of it stays in the second-level cache meanwhile: states and slopes of every step, as
(steps, signs, neurons, ROWS).
"""

from typing import Any, NamedTuple

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_io import line_zeros, load_frames
from soensim.kernels.emitter import SUMS, TILE
from soensim.kernels.llvm_intrinsics import wide_vectors
from soensim.kernels.matmul import (
    COUNT_IN,
    COUNT_OUT,
    FIRST_IN,
    FIRST_OUT,
    LAG,
    Operand,
    add_product,
    block_gradient,
)
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.unroll_kernel import backward_step, forward_step
from soensim.kernels.vector_math import exp_down, inlined, inlined_exact, log1p_unit

# Rows after the last neuron or channel, which products may read and write.
_SPARE = TILE[1] - 1


class SignedData(NamedTuple):
    """What the kernel reads of the data, and how it reaches the neurons."""

    signals: Any
    """What both signs share, (rows, frames, channels)."""
    products: Any
    """`Products` of the signals with their efficacies, dense."""
    offset: Any
    """Flux that never changes, (neurons,)."""
    held: Any
    """Flux that stays the same in all frames, (2 x rows, neurons), the true labels first; or no rows."""
    substeps: int
    """Steps per frame."""


class DifferenceLoss(NamedTuple):
    """sum_t w(t) softplus(k (margin - (G+(t) - G-(t)))) / k, of the margin and the sharpness k."""

    weights: Any
    """w of every frame, (populations, frames)."""
    margin: Any
    sharpness: Any


class BlockResults(NamedTuple):
    """What the kernel computes."""

    scores: Any
    """Sums over frames and the rows of a block, (blocks, 3 x populations): loss, G+ and G- of each population."""
    grad_held: Any
    """dL/d held of every row, (2 x rows, neurons)."""
    grad_weights: Any
    """The share of each block in dL/dW, recurrent products first: (blocks, numbers in all efficacies)."""


class _Arrays(NamedTuple):
    """What a thread keeps of one block."""

    states: Any
    """The state before every step, then `depth` slots: that after the last step, and those before the first one."""
    fluxes: Any
    """Of every step: the flux, then what the forward pass leaves there, then dL/dphi."""
    frames: Any
    """Signals, (frames, channels, ROWS)."""
    ring: Any
    """dL/dphi of the last depth + 1 steps."""
    fixed: Any
    """Flux that stays the same in all frames, (signs, neurons, ROWS)."""
    adjoints: Any
    """dL/ds, (signs, neurons, ROWS)."""
    totals: Any
    """Sum of dL/dphi over all steps, (signs, neurons, ROWS)."""
    input_flux: Any
    """Of one frame, (neurons, ROWS)."""
    goodness: Any
    """(signs, ROWS)."""
    loss: Any
    """k times the loss of one frame and population, (ROWS,)."""
    slopes: Any
    """dloss/dG-, (frames, populations, ROWS)."""
    sums: Any


@inlined
def _mean_square(states, first, last, out):  # type: ignore[no-untyped-def]
    wide_vectors()
    share = states.dtype.type(1.0 / (last - first))
    for r in range(ROWS):
        out[r] = 0
    n = first
    while n + 4 <= last:  # fewer at a time are taken number by number
        for r in range(ROWS):
            a, b, c, d = states[n, r], states[n + 1, r], states[n + 2, r], states[n + 3, r]
            out[r] += (a * a + b * b) + (c * c + d * d)
        n += 4
    while n < last:
        for r in range(ROWS):
            out[r] += states[n, r] * states[n, r]
        n += 1
    for r in range(ROWS):
        out[r] *= share


@inlined
def _difference_loss(goodness, margin, sharpness, width, loss, slope):  # type: ignore[no-untyped-def]
    """Leave k times the loss of every row in ``loss``, and dloss/dG- in ``slope``; both 0 from ``width`` on."""
    wide_vectors()
    real = goodness.dtype.type
    zero, one = real(0.0), real(1.0)
    for r in range(ROWS):
        short = sharpness * (margin - (goodness[0, r] - goodness[1, r]))
        above = max(short, zero)
        e = exp_down(short - (above + above))  # type: ignore[no-untyped-call]
        loss[r] = above + log1p_unit(e)  # type: ignore[no-untyped-call]
        slope[r] = (one if short > zero else e) / (one + e)
    for r in range(width, ROWS):
        loss[r] = zero
        slope[r] = zero


@inlined
def _add(one, other, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to the sum, neurons x rows; an array expression would make a new array first."""
    wide_vectors()
    for n in range(out.shape[0]):
        for r in range(out.shape[1]):
            out[n, r] = one[n, r] + other[n, r]


@inlined
def _accumulate(new, total, copy):  # type: ignore[no-untyped-def]
    """Add to the total, and copy."""
    wide_vectors()
    for n in range(new.shape[0]):
        for r in range(new.shape[1]):
            total[n, r] += new[n, r]
            copy[n, r] = new[n, r]


@inlined
def _add_goodness_gradient(slope, factor, states, first, last, adjoint):  # type: ignore[no-untyped-def]
    """Add dL/ds of a goodness with dL/dG = factor slope."""
    wide_vectors()
    for n in range(first, last):
        for r in range(slope.size):
            adjoint[n, r] += factor * slope[r] * states[n, r]


@inlined_exact
def _arrays(data, network, depth):  # type: ignore[no-untyped-def]
    count, populations, real = data.offset.size, network.first.size - 1, data.offset.dtype
    _, frames, channels = data.signals.shape
    steps = frames * data.substeps
    rows = count + _SPARE
    arrays = _Arrays(
        line_zeros(data.offset, (steps + depth) * 2 * rows * ROWS).reshape((steps + depth, 2, rows, ROWS)),
        line_zeros(data.offset, steps * 2 * rows * ROWS).reshape((steps, 2, rows, ROWS)),
        line_zeros(data.offset, frames * (channels + _SPARE) * ROWS).reshape((frames, channels + _SPARE, ROWS)),
        line_zeros(data.offset, (depth + 1) * 2 * rows * ROWS).reshape((depth + 1, 2, rows, ROWS)),
        line_zeros(data.offset, 2 * rows * ROWS).reshape((2, rows, ROWS)),
        line_zeros(data.offset, 2 * rows * ROWS).reshape((2, rows, ROWS)),
        line_zeros(data.offset, 2 * rows * ROWS).reshape((2, rows, ROWS)),
        line_zeros(data.offset, rows * ROWS).reshape((rows, ROWS)),
        np.zeros((2, ROWS), real),
        np.zeros(ROWS, real),
        np.zeros((frames, populations, ROWS), real),
        np.zeros(SUMS, real),
    )
    arrays.states[0] = 0
    arrays.states[steps + 1 :] = 0
    for b in range(2):
        for n in range(count):
            for r in range(ROWS):
                arrays.fixed[b, n, r] = data.offset[n]
    return arrays


@inlined_exact
def _load(data, low, width, arrays):  # type: ignore[no-untyped-def]
    """Read the flux that stays the same, and the signals, of rows ``low`` to ``low + width``."""
    rows = data.signals.shape[0]
    if data.held.shape[0] > 0:
        for b in range(2):
            for n in range(data.offset.size):
                for r in range(width):
                    arrays.fixed[b, n, r] = data.held[b * rows + low + r, n] + data.offset[n]
    load_frames(data.signals, low, width, arrays.frames)


@inlined_exact
def _forward(data, network, arrays):  # type: ignore[no-untyped-def]
    """Take the steps of all frames, with both signs."""
    states, fluxes, fixed, input_flux = arrays.states, arrays.fluxes, arrays.fixed, arrays.input_flux
    products, frames, substeps = data.products, arrays.frames, data.substeps
    for frame in range(frames.shape[0]):
        input_flux[:] = 0
        for k in range(products.table.shape[0]):
            add_product(products, k, frames[frame], input_flux)
        for m in range(frame * substeps, (frame + 1) * substeps):
            for b in range(2):
                flux = fluxes[m, b]
                _add(fixed[b], input_flux, flux)
                forward_step(states, b, flux, m, network)


@inlined_exact
def _score(data, first, width, loss, arrays, scores):  # type: ignore[no-untyped-def]
    """Sum up the loss and the goodness of the states after every frame; keep the slopes of the loss."""
    states, goodness, losses, slopes = arrays.states, arrays.goodness, arrays.loss, arrays.slopes
    weights, margin, sharpness = loss
    scores[:] = 0
    for frame in range(weights.shape[1]):
        after = states[(frame + 1) * data.substeps]
        for p in range(first.size - 1):
            for b in range(2):
                _mean_square(after[b], first[p], first[p + 1], goodness[b])
            _difference_loss(goodness, margin, sharpness, width, losses, slopes[frame, p])
            scores[3 * p] += weights[p, frame] * losses.sum() / sharpness
            scores[3 * p + 1] += goodness[0, :width].sum()
            scores[3 * p + 2] += goodness[1, :width].sum()


@inlined_exact
def _backward(data, network, weights, arrays):  # type: ignore[no-untyped-def]
    """Go back over all steps: dL/dphi of each overwrites the fluxes."""
    rows, substeps, first = data.signals.shape[0], data.substeps, network.first
    states, fluxes, ring, adjoints = arrays.states, arrays.fluxes, arrays.ring, arrays.adjoints
    totals, slopes = arrays.totals, arrays.slopes
    steps = fluxes.shape[0]
    ring[:] = 0
    adjoints[:] = 0
    totals[:] = 0
    for m in range(steps - 1, -1, -1):
        if (m + 1) % substeps == 0:
            for p in range(first.size - 1):
                factor = weights[p, m // substeps] * weights.dtype.type(2.0 / ((first[p + 1] - first[p]) * rows))
                slope = slopes[m // substeps, p]
                _add_goodness_gradient(slope, -factor, states[m + 1, 0], first[p], first[p + 1], adjoints[0])
                _add_goodness_gradient(slope, factor, states[m + 1, 1], first[p], first[p + 1], adjoints[1])
        for b in range(2):
            flux = fluxes[m, b]
            backward_step(ring, b, m, steps, adjoints[b], (flux, states[m, b]), network)
            _accumulate(ring[m % ring.shape[0], b], totals[b], flux)


@inlined_exact
def _recurrent_gradients(products, arrays, out):  # type: ignore[no-untyped-def]
    """Compute the share of a block in dL/dW of the recurrent products; return how many numbers these have."""
    states, fluxes, steps = arrays.states, arrays.fluxes, arrays.fluxes.shape[0]
    size = states.shape[2] * ROWS
    at = 0
    for k in range(products.table.shape[0]):
        row = products.table[k]
        lag, n_in, n_out = row[LAG], row[COUNT_IN], row[COUNT_OUT]
        seen = 2 * max(0, -lag) * size + row[FIRST_IN] * ROWS  # at rest it was zero: what is older adds nothing
        own = 2 * max(0, lag) * size + row[FIRST_OUT] * ROWS
        x, z = Operand(states, seen, size, n_in), Operand(fluxes, own, size, n_out)
        block_gradient(x, z, 2 * (steps - max(0, lag)), arrays.sums, out[at : at + n_in * n_out])
        at += n_in * n_out
    return at


@inlined_exact
def _input_gradients(data, arrays, out):  # type: ignore[no-untyped-def]
    """Compute the share of a block in dL/dW of the inputs, in ``out``."""
    frames, fluxes, substeps = arrays.frames, arrays.fluxes, data.substeps
    size = fluxes.shape[2] * ROWS
    for frame in range(frames.shape[0]):  # signs and substeps share the frame
        total = fluxes[frame * substeps]
        for m in range(substeps):
            if m > 0:
                _add(total[0], fluxes[frame * substeps + m, 0], total[0])
            _add(total[0], fluxes[frame * substeps + m, 1], total[0])
    at = 0
    for k in range(data.products.table.shape[0]):
        row = data.products.table[k]
        n_in, n_out = row[COUNT_IN], row[COUNT_OUT]
        x = Operand(frames, 0, frames.shape[1] * ROWS, n_in)
        z = Operand(fluxes, row[FIRST_OUT] * ROWS, 2 * substeps * size, n_out)
        block_gradient(x, z, frames.shape[0], arrays.sums, out[at : at + n_in * n_out])
        at += n_in * n_out


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def forward_forward_blocks(first_block, last_block, networks, depth, data, loss, results):  # type: ignore[no-untyped-def]
    """Run blocks of rows through all frames, score them, and run them back.

    Parameters
    ----------
    networks
        `PackedNetwork` twice: with the products to the targets, and with those back to the sources; dense.
    depth
        States that a step looks at: 1 + the largest lag.
    data, loss, results
        `SignedData`, `DifferenceLoss` and `BlockResults`, which are overwritten.
    """
    wide_vectors()
    network, transposed = networks
    rows = data.signals.shape[0]
    arrays = _arrays(data, network, depth)
    for block in range(first_block, last_block):
        low = block * ROWS
        width = min(ROWS, rows - low)
        _load(data, low, width, arrays)
        _forward(data, network, arrays)
        _score(data, network.first, width, loss, arrays, results.scores[block])
        _backward(data, transposed, loss.weights, arrays)
        for b in range(2):
            for r in range(width):
                for n in range(data.offset.size):
                    results.grad_held[b * rows + low + r, n] = arrays.totals[b, n, r]
        grad_weights = results.grad_weights[block]
        recurrent = _recurrent_gradients(network.products, arrays, grad_weights)
        _input_gradients(data, arrays, grad_weights[recurrent:])
