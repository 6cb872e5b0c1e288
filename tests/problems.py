"""Slow references and exact solutions that fast code is checked against; written to be read, not to be fast."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SQUID_BETA = math.pi / 2  # beta_1 = beta_2, arXiv:2210.09976


def leaky_integrator(x: Array, w_ih: Array, w_hh: Array, b: Array, a: float, act: Any) -> Array:
    """s[t] = a s[t-1] + (1 - a) act(W_ih x[t] + W_hh s[t-1] + b), for one sample x (steps, channels)."""
    s = np.zeros(len(b))
    states = [s]
    for x_t in x:
        s = a * s + (1 - a) * act(w_ih @ x_t + w_hh @ s + b)
        states.append(s)
    return np.array(states)


def late(signal: Array, time: float) -> float:
    """One line's signal (steps,) at a time between its steps, on the straight line between both; 0 before the first."""
    before, after = math.floor(time), math.ceil(time)
    left, right = (float(signal[k]) if k >= 0 else 0.0 for k in (before, after))
    return left + (right - left) * (time - before)


def dendrite_sum_by_sum(
    x: Array,
    w_ih: Array,
    w_hh: Array,
    offset: Array,
    g: Any,
    i_b: float,
    plus: float,
    minus: float,
    delay: Array | float,
    input_delay: Array | float = 0.0,
) -> Array:
    """Forward Euler with dt = 1, every sum written out; edges (of W_hh and of W_ih) read so many steps back."""
    steps, n = len(x), len(offset)
    d_hh, d_ih = np.broadcast_to(delay, w_hh.shape), np.broadcast_to(input_delay, w_ih.shape)
    s = np.zeros((steps + 1, n))
    for t in range(steps):
        for i in range(n):
            phi = offset[i]
            phi += sum(w_ih[i, k] * late(x[:, k], t - d_ih[i, k]) for k in range(x.shape[1]))
            phi += sum(w_hh[i, j] * late(s[:, j], t - d_hh[i, j]) for j in range(n))
            s[t + 1, i] = s[t, i] + plus * float(g(np.array(phi), np.array(i_b - s[t, i]))) - minus * s[t, i]
    return s


def delayed_feedback(t: float, drive: float, weight: float, delay: float) -> float:
    """Exact s(t) of s' = drive + weight s(t - delay) from rest: one more power of t after every delay."""
    terms = (weight**n * (t - n * delay) ** (n + 1) / math.factorial(n + 1) for n in range(math.ceil(t / delay)))
    return drive * sum(terms)


def constant_drive(t: Array, gamma_plus: float, gamma_minus: float, g: float) -> Array:
    """Exact s(t) from rest under a constant g: gamma_plus g / gamma_minus (1 - exp(-gamma_minus t))."""
    return gamma_plus * g / gamma_minus * (1 - np.exp(-gamma_minus * t))


def squid_threshold(flux: float) -> float:
    """Static fold of the symmetric SQUID (docs/physics.md) for |flux| <= 1/2, by bisection on one phase."""
    half = 1 / (2 * SQUID_BETA)

    def second_phase(d1: float) -> float:
        return math.acos(-math.cos(d1) * half / (math.cos(d1) + half))

    low, high = math.pi / 2, math.acos(-half / (1 + half))  # d2 falls from pi/2 to 0
    for _ in range(100):
        d1 = (low + high) / 2
        d2 = second_phase(d1)
        if d1 - d2 + SQUID_BETA * (math.sin(d1) - math.sin(d2)) < 2 * math.pi * abs(flux):
            low = d1
        else:
            high = d1
    return math.sin(d1) + math.sin(second_phase(d1))
