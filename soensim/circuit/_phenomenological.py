"""Kernels of the phenomenological dendrite: an integration with error control. Documented in `model`.

With F = ds/dtau, F' its slope in s, V its slope in time, a step of pexprb43 from s over h is

    U(c) = s + c h phi_1(c h F') F + (c h)^2 phi_2(c h F') V        D(c) = F(U(c)) - F - F' (U(c) - s) - c h V
    s(h) = U(1) + h phi_3(h F') (16 D(1/2) - 2 D(1)) + h phi_4(h F') (12 D(1) - 48 D(1/2)),

the last term being the difference to the embedded order 3, the one before it that of order 3 to order 2. For a
time c h within the step the arguments become c h F', the third term takes the factor c^3 and the last c^4: that
meets the same conditions of order 4.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit
from soensim.circuit.source import SourceArrays, _Index, source_value, source_value_and_gradient

Array = NDArray[np.float64]

# Step control: safety, growth per step, shrinkage per rejection; shortest step as a fraction of its segment.
_SAFETY, _GROW, _SHRINK, _SHORTEST = 0.7, 3.0, 0.15, 1e-12
# Most flux (Phi_0) of a segment and most steps of all: beyond, the drive is refused.
_FLUX_MOST, _STEPS_MOST = 1e5, 100_000_000
# What a step may lose of the onset, as a fraction of the tolerance.
_ONSET = 0.1
# Shares in the error estimate of the difference between orders 3 and 2, and of the defect h D(1) where g ends. The
# largest error over the tolerance on the drives of the tests, at tolerances from 1e-8 to 1e-3, is 6.5 with 0 for the
# first, 1.5 with this.
_CAUTION, _UNDAMPED = 0.05, 0.3


class Dendrite(NamedTuple):
    """What `integrate` follows: ds/dtau = inv_l (g(phi, i_b - s) - alpha s + beta_p di_b/dtau)."""

    alpha: float
    beta_p: float
    inv_l: float
    arrays: SourceArrays


class Record(NamedTuple):
    """Times to read, in tau_0, and the state there, filled by `integrate`; shape (times,) each."""

    time: Array
    state: Array


class _Forcing(NamedTuple):
    """Drive at a time within a segment: flux and bias with their slopes, and inv_l beta_p times that of the bias."""

    flux: float
    dflux: float
    bias: float
    dbias: float
    push: float


class _Loop(NamedTuple):
    """The dendrite with what follows from it: decay rate, largest bend of the edge."""

    inv_l: float
    rate: float
    bend: float
    arrays: SourceArrays


class _Interval(NamedTuple):
    """A step: start of its segment, its own start within the segment, and until when it is read (absolute)."""

    segment: float
    start: float
    read_to: float


class _SmoothStep(NamedTuple):
    """An accepted step above threshold: its size, the terms of its formula, the factor for the next one.

    `change` is that of s; `rejections` counts the shorter steps that had to be tried.
    """

    size: float
    f: float
    f_s: float
    f_t: float
    third: float
    fourth: float
    change: float
    factor: float
    rejections: int


@njit(cache=True, error_model="numpy", inline="always")
def _edge(x, arrays):  # type: ignore[no-untyped-def]
    """Threshold of |i| at the flux x = phi - skew i."""
    x = abs(x - math.floor(x + 0.5))
    n_cells = arrays.edge.shape[0]
    at = x * (2.0 * n_cells)
    a = min(_Index(at), _Index(n_cells - 1))
    r = at - a
    e = arrays.edge
    return e[a, 0] + r * (e[a, 1] + r * (e[a, 2] + r * e[a, 3]))


@njit(cache=True, error_model="numpy")
def _edge_bend(arrays):  # type: ignore[no-untyped-def]
    """Largest second derivative of the edge in phi; 0 where it is concave, as it is for all but small beta."""
    e, bend = arrays.edge, 0.0
    for a in range(e.shape[0]):
        bend = max(bend, 2.0 * e[a, 2] + max(0.0, 6.0 * e[a, 3]))
    return bend * (2.0 * e.shape[0]) ** 2


@njit(cache=True, error_model="numpy", inline="always")
def _phi_functions(x):  # type: ignore[no-untyped-def]
    """phi_1 ... phi_4: phi_0 = exp, phi_k(x) = (phi_{k-1}(x) - 1 / (k-1)!) / x; error below 1e-11."""
    if abs(x) < 0.5:
        tail = 1.0 / 40320 + x * (1.0 / 362880 + x * (1.0 / 3628800 + x / 39916800))
        p4 = 1.0 / 24 + x * (1.0 / 120 + x * (1.0 / 720 + x * (1.0 / 5040 + x * tail)))
        p3 = 1.0 / 6 + x * p4
        p2 = 0.5 + x * p3
        return 1.0 + x * p2, p2, p3, p4
    inv = 1.0 / x
    p1 = (math.exp(max(x, -40.0)) - 1.0) * inv
    p2 = (p1 - 1.0) * inv
    p3 = (p2 - 0.5) * inv
    return p1, p2, p3, (p3 - 1.0 / 6) * inv


@njit(cache=True, error_model="numpy", inline="always")
def _decay(t, rate, slope):  # type: ignore[no-untyped-def]
    """Change of s after t where it changes at first by `slope`, which decays with `rate`."""
    x = rate * t
    if x < 1e-2:
        return slope * t * (1.0 - x * (0.5 - x * (1.0 / 6 - x * (1.0 / 24 - x / 120))))
    return slope * (1.0 - math.exp(-x)) / rate


@njit(cache=True, error_model="numpy", inline="always")
def _silent_step(s, longest, slope, missed, forcing, loop):  # type: ignore[no-untyped-def]
    """How far s decays in silence, `longest` at most: the time, s there, and whether an onset follows.

    |i| - edge is bounded by its values at the ends plus what curvature can add in between (unless the edge's corner
    at a flux of 1/2 is there), or by the extremes of i and of the edge. Where the bound is positive the step
    shortens, towards the secant's root if the far end is above threshold, until less than `missed` of s can be lost.
    """
    flux, dflux, bias, dbias, arrays = forcing.flux, forcing.dflux, forcing.bias, forcing.dbias, loop.arrays
    i = bias - s
    x = flux - arrays.skew * i
    edge = _edge(x, arrays)
    below = abs(i) - edge
    lean = abs(arrays.skew * arrays.tangent)
    t = longest
    while True:
        after = s + _decay(t, loop.rate, slope)
        bias_after = bias + t * dbias
        i_after = bias_after - after
        x_after = flux + t * dflux - arrays.skew * i_after
        edge_after = _edge(x_after, arrays)
        below_after = abs(i_after) - edge_after
        curved = 0.125 * t * t * loop.rate * abs(slope)
        cornerless = math.floor(x + 0.5) == math.floor(x_after + 0.5)
        bound = max(below, below_after) + (1.0 + lean) * curved + 0.125 * loop.bend * (x_after - x) ** 2
        if bound > 0.0 or not cornerless:
            high = max(bias, bias_after) - min(s, after)
            low = min(bias, bias_after) - max(s, after)
            lowest = min(edge, edge_after) if cornerless else _edge(0.5, arrays)
            extreme = max(high, -low) - lowest + lean * curved
            bound = min(bound, extreme) if cornerless else extreme
        if bound <= 0.0 or not math.sqrt(bound) * t * loop.inv_l > missed:
            return t, after, bound > 0.0
        root = below / (below - below_after) if below_after > 0.0 > below else 0.5
        t *= min(max(root, 0.02), 0.98)


@njit(cache=True, error_model="numpy", inline="always")
def _room(x, dflux):  # type: ignore[no-untyped-def]
    """Time until the flux x reaches a multiple of 1/2, where the edge turns: no step shall leap over a lobe of g."""
    if dflux == 0.0:
        return np.inf
    ahead = 2.0 * x if dflux < 0.0 else -2.0 * x
    ahead -= math.floor(ahead)
    return (ahead if ahead > 1e-9 else 1.0) / (2.0 * abs(dflux))


@njit(cache=True, error_model="numpy")
def _onset_step(s, sigma, least, tolerance, forcing, loop):  # type: ignore[no-untyped-def]
    """Step from the onset to sigma or less: (sigma, s there, ds/dsigma there, factor for the next)."""
    flux, dflux, bias, dbias, push = forcing
    inv_l, rate, arrays = loop.inv_l, loop.rate, loop.arrays
    speed = abs(dbias) + rate * abs(s) + abs(push) + abs(arrays.tangent * dflux)
    while True:
        c = 0.5 * sigma  # ds/dsigma = 0 at the onset itself
        t = c * c
        k2 = 2.0 * c * (inv_l * source_value(flux + t * dflux, bias + t * dbias - s, arrays) - rate * s + push)
        c = 0.75 * sigma
        t, y = c * c, s + c * k2
        k3 = 2.0 * c * (inv_l * source_value(flux + t * dflux, bias + t * dbias - y, arrays) - rate * y + push)
        t, y = sigma * sigma, s + sigma * (k2 / 3.0 + k3 * (4.0 / 9.0))
        g = source_value(flux + t * dflux, bias + t * dbias - y, arrays)
        end = 2.0 * sigma * (inv_l * g - rate * y + push)
        error = sigma * abs(k2 / 12.0 + k3 / 9.0 - end / 8.0)
        factor = min(max(_SAFETY * (tolerance / (error + 1e-300)) ** (1.0 / 3.0), _SHRINK), _GROW)
        if g == 0.0 and error <= tolerance and inv_l * t * math.sqrt(t * speed) > _ONSET * tolerance:
            factor = 0.5  # silent again: something in between may have been missed
        elif not error > tolerance or t <= least:
            return sigma, y, end, factor
        sigma *= factor


@njit(cache=True, error_model="numpy", inline="always")
def _smooth_step(s, reach, first, least, tolerance, forcing, loop):  # type: ignore[no-untyped-def]
    """Step above threshold by `first` or less, to `reach` at most, as the module's text has it."""
    phi, dflux, i_b, dbias, push = forcing
    inv_l, arrays = loop.inv_l, loop.arrays
    g, g_phi, g_i = source_value_and_gradient(phi, i_b - s, arrays)
    f = inv_l * g - loop.rate * s + push
    f_s, f_t = -inv_l * g_i - loop.rate, inv_l * (g_phi * dflux + g_i * dbias)
    h, rejections = first, 0
    while True:
        h = reach if h >= reach else 0.5 * reach if h > 0.5 * reach else max(h, least)
        half = 0.5 * h
        p1, p2, _, _ = _phi_functions(half * f_s)
        q1, q2, q3, q4 = _phi_functions(h * f_s)
        to_half, to_end = half * (p1 * f + half * p2 * f_t), h * (q1 * f + h * q2 * f_t)
        g_half = source_value(phi + half * dflux, i_b + half * dbias - s - to_half, arrays)
        g_end = source_value(phi + h * dflux, i_b + h * dbias - s - to_end, arrays)
        d_half = inv_l * (g_half - g + g_i * to_half) - half * f_t
        d_end = inv_l * (g_end - g + g_i * to_end) - h * f_t
        third, fourth = 16.0 * d_half - 2.0 * d_end, 12.0 * d_end - 48.0 * d_half
        # Part of the difference to order 2 as well, since kinks may make the other one small by chance.
        error = max(abs(h * q4 * fourth), _CAUTION * abs(h * q3 * third))
        if g_end == 0.0 or g * (inv_l * g_end - d_end) < 0.0:  # silent, or g would have to change its sign
            error = max(error, _UNDAMPED * abs(h * d_end))
        elif abs(g_end) > abs(g):  # f_s is about as 1 / g: less damping there than phi_3, phi_4 suppose
            error *= (4.0 + abs(h * f_s)) / (4.0 + abs(h * f_s * g / g_end))
        factor = _SAFETY * math.sqrt(math.sqrt(tolerance / (error + 1e-300)))
        if not error > tolerance or h <= least:
            change = to_end + h * (q3 * third + q4 * fourth)
            return _SmoothStep(h, f, f_s, f_t, third, fourth, change, factor, rejections)
        h *= max(factor, _SHRINK)
        rejections += 1


@njit(cache=True, error_model="numpy", inline="always")
def _read_silent(record, o, interval, s, rate, slope):  # type: ignore[no-untyped-def]
    """Fill the record from index `o` to the end of a silent step; return the index of the next time."""
    times, state = record.time, record.state
    while o < times.size and times[o] <= interval.read_to:
        state[o] = s + _decay(times[o] - interval.segment - interval.start, rate, slope)
        o += 1
    return o


@njit(cache=True, error_model="numpy", inline="always")
def _read_onset(record, o, interval, s, sigma, change, end):  # type: ignore[no-untyped-def]
    """As `_read_silent`, over an onset step: a cubic in sigma, flat at the onset, with slope `end` at its end."""
    times, state = record.time, record.state
    while o < times.size and times[o] <= interval.read_to:
        x = math.sqrt(max(times[o] - interval.segment - interval.start, 0.0)) / sigma
        state[o] = s + x * x * ((3.0 - 2.0 * x) * change - (1.0 - x) * sigma * end)
        o += 1
    return o


@njit(cache=True, error_model="numpy", inline="always")
def _read_smooth(record, o, interval, s, step):  # type: ignore[no-untyped-def]
    """As `_read_silent`, over a step above threshold, by the step's own formula."""
    times, state = record.time, record.state
    while o < times.size and times[o] <= interval.read_to:
        r = times[o] - interval.segment - interval.start
        x = r / step.size
        p1, p2, p3, p4 = _phi_functions(r * step.f_s)
        state[o] = s + r * (p1 * step.f + r * p2 * step.f_t + x * x * (p3 * step.third + x * p4 * step.fourth))
        o += 1
    return o


@njit(cache=True, error_model="numpy")
def integrate(knots, record, dendrite, tolerance):  # type: ignore[no-untyped-def]
    """March through the segments of the drive and fill the record. Returns the steps tried, -1 if hopeless."""
    s, o, steps = 0.0, 0, 0
    inv_l, arrays = dendrite.inv_l, dendrite.arrays
    loop = _Loop(inv_l, inv_l * dendrite.alpha, _edge_bend(arrays), arrays)
    h_next, sigma_next = 1.0, 10.0
    for j in range(knots.time.size - 1):
        start, span = knots.time[j], knots.time[j + 1] - knots.time[j]
        rise = knots.flux[j + 1] - knots.flux[j]
        dflux, dbias = rise / span, (knots.bias[j + 1] - knots.bias[j]) / span
        push, least = inv_l * dendrite.beta_p * dbias, _SHORTEST * span
        if abs(rise) > _FLUX_MOST:
            return -1
        # All that is left to read belongs to the last step, whatever the rounding of the last knot.
        slack = np.inf if j == knots.time.size - 2 else 0.0
        t = 0.0
        while t < span:
            steps += 1
            if steps > _STEPS_MOST:
                return -1
            now, left = _Forcing(knots.flux[j] + t * dflux, dflux, knots.bias[j] + t * dbias, dbias, push), span - t
            i = now.bias - s
            if abs(i) <= _edge(now.flux - arrays.skew * i, arrays):
                slope = push - loop.rate * s
                h, after, onset = _silent_step(s, left, slope, _ONSET * tolerance, now, loop)
                full = left - h <= least
                interval = _Interval(start, t, start + t + h + (slack if full else 0.0))
                o = _read_silent(record, o, interval, s, loop.rate, slope)
                s, t = after, span if full else t + max(h, least)
                if full or not onset:
                    continue
                now = _Forcing(knots.flux[j] + t * dflux, dflux, knots.bias[j] + t * dbias, dbias, push)
                left = span - t
                limit = math.sqrt(min(left, _room(now.flux - arrays.skew * (now.bias - s), dflux)))
                sigma, after, end, factor = _onset_step(s, min(sigma_next, limit), least, tolerance, now, loop)
                sigma_next = max(sigma_next, sigma * factor) if sigma == limit else sigma * factor
                h = max(sigma * sigma, least)
                full = left - h <= least
                interval = _Interval(start, t, start + t + h + (slack if full else 0.0))
                o = _read_onset(record, o, interval, s, sigma, after - s, end)
                s, t, h_next = after, span if full else t + h, h
                continue
            reach = max(min(left, _room(now.flux - arrays.skew * i, dflux)), least)
            step = _smooth_step(s, reach, h_next, least, tolerance, now, loop)
            h, rejected = step.size, step.rejections > 0
            steps += step.rejections
            full = left - h <= least
            o = _read_smooth(record, o, _Interval(start, t, start + t + h + (slack if full else 0.0)), s, step)
            s, t = s + step.change, span if full else t + h
            wanted = h * min(step.factor, 1.0 if rejected else _GROW)
            h_next = max(h_next, wanted) if h == reach and not rejected else wanted
    return steps
