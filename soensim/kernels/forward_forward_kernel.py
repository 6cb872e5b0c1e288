"""The time loop, the difference loss of temporal forward-forward, and the way back, block by block.

A block of rows goes through all steps with its true label and with its wrong one, is scored, and turns round. All of it
stays in the second-level cache meanwhile: states and slopes of every step, as (steps, signs, neurons, ROWS).
"""

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_rows import ROWS
from soensim.kernels.forward_kernel import advance, retreat
from soensim.kernels.matmul import SUMS, block_gradient
from soensim.kernels.packed_network import COUNT_IN, COUNT_OUT, FIRST_IN, FIRST_OUT, LAG, add_product
from soensim.kernels.transpose import load_frames
from soensim.kernels.vector_math import FLAGS, exp_down, log1p_unit

# Rows after the last neuron or channel, which products may read and write.
_SPARE = 3


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _mean_square(states, first, last, out):  # type: ignore[no-untyped-def]
    share = states.dtype.type(1.0 / (last - first))
    out[:] = 0
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


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _score(plus, minus, margin, sharpness, width, loss, slope):  # type: ignore[no-untyped-def]
    """Leave k times the loss of every row in ``loss``, and dloss/dG- in ``slope``; both 0 from ``width`` on."""
    real = plus.dtype.type
    zero, one = real(0.0), real(1.0)
    for r in range(ROWS):
        short = sharpness * (margin - (plus[r] - minus[r]))
        above = max(short, zero)
        e = exp_down(short - (above + above))  # type: ignore[no-untyped-call]
        loss[r] = above + log1p_unit(e)  # type: ignore[no-untyped-call]
        slope[r] = (one if short > zero else e) / (one + e)
    loss[width:] = zero
    slope[width:] = zero


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _add(one, other, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to the sum, neurons x rows; an array expression would make a new array first."""
    for n in range(out.shape[0]):
        for r in range(out.shape[1]):
            out[n, r] = one[n, r] + other[n, r]


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _add_to(new, total):  # type: ignore[no-untyped-def]
    for n in range(new.shape[0]):
        for r in range(new.shape[1]):
            total[n, r] += new[n, r]


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _accumulate(new, total, copy):  # type: ignore[no-untyped-def]
    """Add to the total, and copy."""
    for n in range(new.shape[0]):
        for r in range(new.shape[1]):
            total[n, r] += new[n, r]
            copy[n, r] = new[n, r]


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def _add_seeds(slope, factor, states, first, last, adjoint):  # type: ignore[no-untyped-def]
    """Add dL/ds of a goodness with dL/dG = factor slope."""
    for n in range(first, last):
        for r in range(slope.size):
            adjoint[n, r] += factor * slope[r] * states[n, r]


@njit(cache=True, error_model="numpy", nogil=True)
def contrast_blocks(  # type: ignore[no-untyped-def]
    first_block, last_block, signals, inputs, offset, held, neurons, to, back, depth, substeps, weights, margin,
    sharpness, scores, by_held, by_weights
):  # fmt: skip
    """Run blocks of rows through all samples, score them, and run them back.

    Parameters
    ----------
    signals
        What both signs share, (rows, samples, channels).
    inputs
        Products of the signals with their efficacies, dense.
    offset
        Flux that never changes, (neurons,).
    held
        Flux that stays the same in all samples, (2 x rows, neurons), the true labels first; or no rows.
    to, back
        Products between populations that end in targets, and those that lead back to sources; dense.
    weights
        Of every sample in the loss, (populations, samples).
    scores
        Takes sums over samples and the rows of a block: (blocks, 3 x populations), loss, G+ and G- of each.
    by_held
        Takes dL/d held of every row.
    by_weights
        Takes the share of each block in dL/dW, products ``to`` first: (blocks, numbers in all efficacies).
    """
    count, populations, real = offset.size, neurons.kind.size, offset.dtype
    rows, samples, channels = signals.shape
    steps = samples * substeps
    slots = steps + depth  # every state is kept; the last `depth - 1` slots stand for those before the first step
    size = (count + _SPARE) * ROWS
    states = np.empty((slots, 2, count + _SPARE, ROWS), real)
    states[0] = 0
    states[steps + 1 :] = 0
    fluxes = np.empty((steps, 2, count + _SPARE, ROWS), real)
    frames = np.zeros((samples, channels + _SPARE, ROWS), real)
    ring = np.zeros((depth + 1, 2, count + _SPARE, ROWS), real)
    fixed, adjoints = np.zeros((2, count + _SPARE, ROWS), real), np.zeros((2, count + _SPARE, ROWS), real)
    totals, drive = np.zeros((2, count + _SPARE, ROWS), real), np.zeros((count + _SPARE, ROWS), real)
    loss, slopes = np.zeros(ROWS, real), np.zeros((samples, populations, ROWS), real)
    goodness, sums = np.zeros((2, ROWS), real), np.zeros(SUMS, real)
    for n in range(count):
        fixed[:, n] = offset[n]
    for block in range(first_block, last_block):
        low = block * ROWS
        width = min(ROWS, rows - low)
        if held.shape[0] > 0:
            for b in range(2):
                for n in range(count):
                    for r in range(width):
                        fixed[b, n, r] = held[b * rows + low + r, n] + offset[n]
        load_frames(signals, low, width, frames)
        scores[block] = 0
        for sample in range(samples):
            drive[:] = 0
            for k in range(inputs.table.shape[0]):
                add_product(inputs, k, frames[sample], drive)
            for m in range(sample * substeps, (sample + 1) * substeps):
                for b in range(2):
                    _add(fixed[b], drive, fluxes[m, b])
                    advance(states, b, fluxes[m, b], m, slots, neurons, to)
            for p in range(populations):
                first, last = neurons.first[p], neurons.first[p + 1]
                for b in range(2):
                    _mean_square(states[m + 1, b], first, last, goodness[b])
                _score(goodness[0], goodness[1], margin, sharpness, width, loss, slopes[sample, p])
                scores[block, 3 * p] += weights[p, sample] * loss.sum() / sharpness
                scores[block, 3 * p + 1] += goodness[0, :width].sum()
                scores[block, 3 * p + 2] += goodness[1, :width].sum()
        ring[:] = 0
        adjoints[:] = 0
        totals[:] = 0
        for m in range(steps - 1, -1, -1):
            if (m + 1) % substeps == 0:
                for p in range(populations):
                    first, last = neurons.first[p], neurons.first[p + 1]
                    factor = weights[p, m // substeps] * weights.dtype.type(2.0 / ((last - first) * rows))
                    slope = slopes[m // substeps, p]
                    _add_seeds(slope, -factor, states[m + 1, 0], first, last, adjoints[0])
                    _add_seeds(slope, factor, states[m + 1, 1], first, last, adjoints[1])
            for b in range(2):
                retreat(ring, b, adjoints[b], fluxes[m, b], states[m, b], m, steps, depth + 1, neurons, back)
                _accumulate(ring[m % (depth + 1), b], totals[b], fluxes[m, b])  # the slopes give way to dL/dphi
        for b in range(2):
            for r in range(width):
                for n in range(count):
                    by_held[b * rows + low + r, n] = totals[b, n, r]
        at = 0
        for k in range(to.table.shape[0]):
            row = to.table[k]
            lag, n_in, n_out = row[LAG], row[COUNT_IN], row[COUNT_OUT]
            seen = 2 * max(0, -lag) * size + row[FIRST_IN] * ROWS  # at rest it was zero: what is older adds nothing
            got = 2 * max(0, lag) * size + row[FIRST_OUT] * ROWS
            out = by_weights[block, at : at + n_in * n_out]
            block_gradient(states, seen, size, n_in, fluxes, got, size, n_out, 2 * (steps - max(0, lag)), sums, out)
            at += out.size
        for sample in range(samples):  # signs and substeps share the frame
            frame = fluxes[sample * substeps]
            for m in range(substeps):
                if m > 0:
                    _add_to(fluxes[sample * substeps + m, 0], frame[0])
                _add_to(fluxes[sample * substeps + m, 1], frame[0])
        for k in range(inputs.table.shape[0]):
            row = inputs.table[k]
            n_in, n_out = row[COUNT_IN], row[COUNT_OUT]
            out = by_weights[block, at : at + n_in * n_out]
            per_frame, got = (channels + _SPARE) * ROWS, row[FIRST_OUT] * ROWS
            block_gradient(frames, 0, per_frame, n_in, fluxes, got, 2 * substeps * size, n_out, samples, sums, out)
            at += out.size
