"""One dendrite through a step that is divided at the jumps of its responses; `soensim.dynamics.spiking.located`."""

import math

from soensim.circuit import source_value_and_gradient
from soensim.dynamics.spiking.pools import flux_per_level, part
from soensim.dynamics.spiking.slopes import main_slopes

# A state below this is at rest, as in `soensim.dynamics.spiking.kernel`.
AT_REST = 1e-30
# Shorter pieces than this part of a step are none.
SHORTEST = 1e-9
# Just above its threshold g has an infinite slope.
STEEPEST = 1e6
_HALVINGS = 52
# A piece over which g turns off or bends by that much (I_c r_jj, times the part of a step) is taken in parts.
_UNEVEN, _PARTS, _PART = 0.01, 8, 0.125
# Gauss's two points, and how little the state at the first depends on the slope at the second.
ONE, TWO, ACROSS = 0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6, math.sqrt(3) / 6 - 0.25


@part
def rests(phi, s, d, network):  # type: ignore[no-untyped-def]
    """Whether g is zero whatever the current, so that it need not be looked up."""
    return abs(phi) <= network.steps.rest_flux[d] and s >= 0.0


@part
def _drift(phi, s, d, network):  # type: ignore[no-untyped-def]
    """Change of s per step, how fast it falls with s, and how fast it rises with the flux."""
    arrays, steps, source = network
    leak = steps.leak[d]
    if rests(phi, s, d, network):
        return -leak * s, leak, 0.0
    current = arrays.bias_current[d] - s
    if abs(current) <= source.current_max:
        g, by_flux, slope = main_slopes(phi, current, source)
    else:
        g, by_flux, slope = source_value_and_gradient(phi, current, source)
    gain = steps.gain[d]
    return gain * g - leak * s, gain * min(slope, STEEPEST) + leak, gain * by_flux


@part
def _flux_at(t, t_begin, d, network, state, buffers):  # type: ignore[no-untyped-def]
    """Flux through a dendrite at a time within the step; its pools are at their running levels."""
    arrays, steps, _ = network
    trial = buffers.trial
    phi = state.drive[d] + (trial.drive[d] - state.drive[d]) * ((t - t_begin) / steps.dt_ns)
    for p in range(steps.first_pool[d], steps.first_pool[d + 1]):
        phi += trial.running[p] * flux_per_level(t, steps.pool_kind[p], arrays, state)
    return phi


@part
def crossing(before, after, first, last, threshold):  # type: ignore[no-untyped-def]
    """Where in a piece, from 0 to 1, the cubic of these states and changes per piece reaches the threshold."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        x = 0.5 * (low + high)
        y = 1.0 - x
        s = y * y * ((1.0 + 2.0 * x) * before + x * first) + x * x * ((1.0 + 2.0 * y) * after - y * last)
        if s < threshold:
            low = x
        else:
            high = x
    return high


@part
def _gauss(one, two, s, slope, h, d, network):  # type: ignore[no-untyped-def]
    """Step a piece of length h (steps); return s, the slopes and their derivatives by the flux at Gauss's points."""
    change, fall, first_by_flux = _drift(one, s + ONE * h * slope, d, network)
    damped = 1.0 / (1.0 + 0.25 * h * fall)
    first = (change + 0.25 * h * fall * slope) * damped
    change, last_fall, last_by_flux = _drift(two, s + TWO * h * first, d, network)
    last = (change + 0.25 * h * last_fall * first) / (1.0 + 0.25 * h * last_fall)
    first += h * fall * ACROSS * (last - slope) * damped
    return s + 0.5 * h * (first + last), first, last, first_by_flux, last_by_flux


@part
def uneven(h, was_by_flux, was_drive, first_by_flux, last_by_flux, between, gain):  # type: ignore[no-untyped-def]
    """Whether g turns off in a piece, or bends so much between its two points that they do not follow it.

    ``was_drive`` is gain g at the last point before, ``between`` the flux from the first point to the second.
    """
    if first_by_flux == 0.0 and last_by_flux == 0.0:
        return was_by_flux != 0.0 and h * was_drive > _UNEVEN * gain
    return h * abs((last_by_flux - first_by_flux) * between) > _UNEVEN * gain


@part
def step_dendrite(d, begin, threshold, t_begin, t_end, network, state, buffers):  # type: ignore[no-untyped-def]
    """Step one dendrite from ``begin`` (ns); return its state, its slope with that by the flux, and when it spikes."""
    steps, jumps, running, factor = network.steps, buffers.jumps, buffers.trial.running, buffers.factor
    first_pool, last_pool = steps.first_pool[d], steps.first_pool[d + 1]
    for p in range(first_pool, last_pool):
        running[p] = state.pool[p]
    s, slope = (state.state[d], state.slope[d]) if begin == t_begin else (0.0, 0.0)
    at, bend, by_flux = jumps.first[d], 0.0, state.by_flux[d]
    while True:
        jumps_on = at >= 0 and jumps.times_ns[at] <= t_end
        end = jumps.times_ns[at] if jumps_on else t_end
        parts, done = 1 if end - begin > SHORTEST * steps.dt_ns else 0, 0
        whole = not jumps_on and begin == t_begin
        a, b = begin, end
        while done < parts:
            if not whole:
                one = _flux_at(a + ONE * (b - a), t_begin, d, network, state, buffers)
                two = _flux_at(a + TWO * (b - a), t_begin, d, network, state, buffers)
            else:
                one = state.drive[d] + (buffers.trial.drive[d] - state.drive[d]) * ONE
                two = state.drive[d] + (buffers.trial.drive[d] - state.drive[d]) * TWO
                for p in range(first_pool, last_pool):
                    one += running[p] * factor[steps.pool_kind[p], 1]
                    two += running[p] * factor[steps.pool_kind[p], 2]
            h = 1.0 if whole else (b - a) / steps.dt_ns
            if by_flux == 0.0 and rests(one, s, d, network) and rests(two, s, d, network):
                s *= steps.retention[d] if whole else math.exp(-h * steps.leak[d])
                slope, bend, done, a = -steps.leak[d] * s, 0.0, done + 1, b
                b = begin + (end - begin) * (_PART * (done + 1))
                continue
            after, first, last, one_by_flux, two_by_flux = _gauss(one, two, s, slope, h, d, network)
            was_drive = slope + steps.leak[d] * s
            if parts == 1 and uneven(h, by_flux, was_drive, one_by_flux, two_by_flux, two - one, steps.gain[d]):
                parts, whole, b = _PARTS, False, begin + (end - begin) * _PART
                continue
            if bend != 0.0 and one_by_flux != 0.0 and by_flux != 0.0:
                curved = bend * (one_by_flux - by_flux)
                s, after = s - curved, after - curved
            if after >= threshold:
                if after == math.inf:
                    return after, 0.0, 0.0, math.inf
                first, _, _ = _drift(_flux_at(a, t_begin, d, network, state, buffers), s, d, network)
                last, _, _ = _drift(_flux_at(b, t_begin, d, network, state, buffers), after, d, network)
                return 0.0, 0.0, 0.0, a + (b - a) * crossing(s, after, h * first, h * last, threshold)
            s, slope, by_flux, bend = after, last, two_by_flux, 0.0
            done, a = done + 1, b
            b = begin + (end - begin) * (_PART * (done + 1))
        if parts > 0:
            begin = end
        if not jumps_on:
            return s, slope, by_flux, math.inf
        running[jumps.pools[at]] += jumps.changes[at]
        bend += jumps.bends[at]
        at = jumps.following[at]
