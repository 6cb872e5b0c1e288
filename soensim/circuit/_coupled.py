"""Numba kernels of coupled circuits: many dendrites that drive each other, some samples side by side.

The circuit of every dendrite is that of `_rcsj`, at a constant bias. Within a step its flux is a straight line from
what arrives at the start to what arrives at the end, so that dendrites are solved one by one over a step. What has a
delay of a step or more is known then; what has less is foretold from the slope of the loop current at the start. Steps
are those of the classical Runge-Kutta method, order 4; the flux makes the whole of order 2, with a small error.

Memory: LANES samples lie side by side, so that a compiler takes them as vectors. A dendrite has a block of rows of
lanes: d1, v1, d2, v2, s, and the flux of the inputs, of the other dendrites at the start and at the end of a step.
Loop currents of the last steps are kept in a ring whose size, and whose rows, are powers of two.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Samples side by side, and numbers of a dendrite's block.
LANES, BLOCK = 8, 64
#: Where the rows of a block start, after that of d1.
V1, D2, V2, S, INPUT, NOW, NEXT = (k * LANES for k in range(1, 8))

# sin on [-pi/2, pi/2]: least squares at Chebyshev's nodes, off by 1.4e-11 at most. LLVM has no vector form of sin.
_C1, _C3, _C5 = 0.9999999998895772, -0.1666666654121643, 0.008333329259397492
_C7, _C9, _C11 = -0.00019840702393713908, 2.7518836630037744e-06, -2.379443341536025e-08
_INV_PI = 1.0 / math.pi
# Products and sums may be fused: one instruction, and one rounding less.
_FLAGS = {"contract"}


class Parameters(NamedTuple):
    """What all dendrites share, and arrays of shape (dendrites,) of what they do not; see `_rcsj.Circuit`."""

    inv_c: float
    beta_2: float
    inv_sum: float
    weight_1: float
    weight_2: float
    bias: Array
    inv_l: Array
    alpha: Array


class Recurrent(NamedTuple):
    """Efficacies (Phi_0 per I_c) of the couplings between dendrites.

    ``first[i]`` to ``first[i + 1]`` are those of dendrite i; ``back`` is how far before the newest state of the first
    dendrite in the ring each finds what it reads.
    """

    first: Whole
    back: Whole
    efficacy: Array


class FromInputs(NamedTuple):
    """Efficacies of the inputs, in the order of `within`: each takes effect `late` steps after its channel changes."""

    target: Whole
    channel: Whole
    late: Whole
    efficacy: Array


class Coupled(NamedTuple):
    """All circuits, and what couples them."""

    parameters: Parameters
    recurrent: Recurrent
    inputs: FromInputs


class Grid(NamedTuple):
    """Size of a step (tau_0), steps per input sample, and numbers of a row of the ring of loop currents."""

    h: float
    steps: int
    row: int


@njit(cache=True, error_model="numpy", inline="always")
def _sin(x):  # type: ignore[no-untyped-def]
    turns = math.floor(x * _INV_PI + 0.5)
    r = x - turns * math.pi
    t = r * r
    p = r * (_C1 + t * (_C3 + t * (_C5 + t * (_C7 + t * (_C9 + t * _C11)))))
    return p * (1.0 - 2.0 * (turns - 2.0 * math.floor(0.5 * turns)))


@njit(cache=True, error_model="numpy", inline="always")
def _slope(y, flux, own, shared):  # type: ignore[no-untyped-def]
    """Right-hand side at the state y = (d1, v1, d2, v2, s); ``own`` are bias, inv_l and alpha of the dendrite."""
    d1, v1, d2, v2, s = y
    bias, inv_l, alpha = own
    current = bias - s
    i1 = (2.0 * math.pi * flux - d1 + d2 + shared.beta_2 * current) * shared.inv_sum
    i2 = current - i1
    a1 = (i1 - v1 - _sin(d1)) * shared.inv_c
    a2 = (i2 - v2 - _sin(d2)) * shared.inv_c
    return v1, a1, v2, a2, inv_l * (shared.weight_1 * v1 + shared.weight_2 * v2 - alpha * s)


@njit(cache=True, error_model="numpy", inline="always")
def _ahead(y, w, k):  # type: ignore[no-untyped-def]
    """Return y + w k, element by element."""
    return y[0] + w * k[0], y[1] + w * k[1], y[2] + w * k[2], y[3] + w * k[3], y[4] + w * k[4]


@njit(cache=True, error_model="numpy", nogil=True, fastmath=_FLAGS)
def _advance(lanes, h, parameters):  # type: ignore[no-untyped-def]
    """Take one step of every dendrite."""
    for i in range(parameters.bias.size):
        own = (parameters.bias[i], parameters.inv_l[i], parameters.alpha[i])
        for lane in range(LANES):
            q = i * BLOCK + lane
            y = (lanes[q], lanes[q + V1], lanes[q + D2], lanes[q + V2], lanes[q + S])
            held, now, after = lanes[q + INPUT], lanes[q + NOW], lanes[q + NEXT]
            middle = held + 0.5 * (now + after)
            k1 = _slope(y, held + now, own, parameters)
            k2 = _slope(_ahead(y, 0.5 * h, k1), middle, own, parameters)
            k3 = _slope(_ahead(y, 0.5 * h, k2), middle, own, parameters)
            k4 = _slope(_ahead(y, h, k3), held + after, own, parameters)
            z = _ahead(_ahead(y, h / 6.0, k1), h / 6.0, k4)
            z = _ahead(_ahead(z, h / 3.0, k2), h / 3.0, k3)
            lanes[q], lanes[q + V1], lanes[q + D2], lanes[q + V2], lanes[q + S] = z


@njit(cache=True, error_model="numpy", nogil=True, fastmath=_FLAGS)
def _foretell(lanes, kept, at, h, parameters):  # type: ignore[no-untyped-def]
    """Write the loop currents at the end of a step, as the slopes at its start have them, to the ring at ``at``."""
    w1, w2 = parameters.weight_1, parameters.weight_2
    for i in range(parameters.bias.size):
        inv_l, alpha = parameters.inv_l[i], parameters.alpha[i]
        for lane in range(LANES):
            q = i * BLOCK + lane
            s = lanes[q + S]
            rise = inv_l * (w1 * lanes[q + V1] + w2 * lanes[q + V2] - alpha * s)
            kept[at + i * LANES + lane] = s + h * rise


@njit(cache=True, error_model="numpy", nogil=True)
def _keep(lanes, kept, at, dendrites):  # type: ignore[no-untyped-def]
    """Write the loop currents to the ring."""
    for i in range(dendrites):
        for lane in range(LANES):
            kept[at + i * LANES + lane] = lanes[i * BLOCK + S + lane]


@njit(cache=True, error_model="numpy", nogil=True, fastmath=_FLAGS)
def _collect(lanes, kept, at, couplings):  # type: ignore[no-untyped-def]
    """Write the flux that arrives from the others at the end of a step; that of the last step's end is its start."""
    mask = np.uint64(kept.size - 1)
    for i in range(couplings.first.size - 1):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for e in range(couplings.first[i], couplings.first[i + 1]):
            w, k = couplings.efficacy[e], np.uint64(at - couplings.back[e]) & mask
            a0 += w * kept[k]
            a1 += w * kept[k + np.uint64(1)]
            a2 += w * kept[k + np.uint64(2)]
            a3 += w * kept[k + np.uint64(3)]
            a4 += w * kept[k + np.uint64(4)]
            a5 += w * kept[k + np.uint64(5)]
            a6 += w * kept[k + np.uint64(6)]
            a7 += w * kept[k + np.uint64(7)]
        new = (a0, a1, a2, a3, a4, a5, a6, a7)
        q = i * BLOCK
        for lane in range(LANES):
            lanes[q + NOW + lane] = lanes[q + NEXT + lane]
            lanes[q + NEXT + lane] = new[lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _change_inputs(lanes, signals, step, steps, first, inputs):  # type: ignore[no-untyped-def]
    """Add what the inputs change at a step, from their entry ``first`` on; return the entry after the last of it."""
    within = step % steps
    e = first
    while e < inputs.late.size and inputs.late[e] % steps == within:
        sample = (step - inputs.late[e]) // steps
        if sample >= 0:
            w, channel, at = inputs.efficacy[e], inputs.channel[e], inputs.target[e] * BLOCK + INPUT
            for lane in range(LANES):
                before = signals[sample - 1, channel, lane] if sample > 0 else 0.0
                lanes[at + lane] += w * (signals[sample, channel, lane] - before)
        e += 1
    return e


@njit(cache=True, error_model="numpy", nogil=True)
def solve(lanes, kept, signals, span, grid, circuits, out):  # type: ignore[no-untyped-def]
    """Follow coupled circuits over some steps; before the first sample every loop is empty and every input dark.

    Parameters
    ----------
    lanes
        State at the first of these steps, shape (dendrites x BLOCK,); at the start of all with the constant flux in the
        rows of the inputs. Overwritten.
    kept
        The ring of loop currents, zeros at the start of all; overwritten.
    signals
        Shape (samples, channels, LANES), in I_c.
    span
        The first of the steps and the one after the last, counted from the start of all.
    grid, circuits
        See `Grid` and `Coupled`.
    out
        Loop currents after every sample, shape (samples, dendrites, LANES): those of samples that end are filled.
    """
    parameters, recurrent, inputs = circuits.parameters, circuits.recurrent, circuits.inputs
    dendrites, mask = parameters.bias.size, kept.size - 1
    entry = 0
    while entry < inputs.late.size and inputs.late[entry] % grid.steps < span[0] % grid.steps:
        entry += 1
    for step in range(span[0], span[1]):
        if step % grid.steps == 0:
            entry = 0
        entry = _change_inputs(lanes, signals, step, grid.steps, entry, inputs)
        at = ((step + 1) * grid.row) & mask
        _foretell(lanes, kept, at, grid.h, parameters)
        _collect(lanes, kept, at, recurrent)
        _advance(lanes, grid.h, parameters)
        _keep(lanes, kept, at, dendrites)
        if (step + 1) % grid.steps == 0:
            for i in range(dendrites):
                for lane in range(LANES):
                    out[step // grid.steps, i, lane] = lanes[i * BLOCK + S + lane]
