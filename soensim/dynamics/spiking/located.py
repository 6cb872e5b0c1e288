"""Steps of order 2 that locate spikes and photons within them.

A dendrite's step is divided at the jumps of its responses (`soensim.dynamics.spiking.jumps`). In each piece of length h
the flux phi(t) is smooth and known, and s follows ds/dtau = f(phi(t), s) = gamma_plus g(phi, i_b - s) - gamma_minus s
with Gauss's two points,

    f_k = f(phi(t + c_k h), s + h sum_j a_kj f_j),   s <- s + h (f_1 + f_2) / 2,

the collocation method of order 4; each stage is solved by one Newton iteration, which starts from the slope before. The
states of branches lie on a line between the ends of the step, so that the whole is of order 2. Where g turns on or off
in a piece, or nearly so, the piece is taken in eight parts.

A jump stands for a rise; where g bends, its mean over the rise is not that over the jump, and s takes the difference:
(d^2g/dphi^2) dphi^2 / 2 times the integral of r (1 - r), r being the rise from 0 to 1. The second derivative is that of
the slopes on both sides.

Branches take their step before what they drive, which sees their states in between on a line.

A soma that ends a piece at its threshold or above has reached it within: the time is that of the cubic through the
states and slopes at both ends (Hanuschkin et al. 2010, Front. Neuroinform. 4:113, locate spikes in retrospect in the
same way). Its light leaves then, and it is held at zero from then on for exactly the absolute refractory time; the rest
of the step in which it is released counts.

Light of a spike may arrive within the step in which it left. Spikes and arrivals are therefore taken in the order of
their times: the neuron that an arrival reaches takes its step again, and only the earliest spike not yet sent is final.
A soma that rises above its threshold and falls below it within one piece is not seen.
"""

import math

import numpy as np

from soensim.circuit import source_value_and_gradient
from soensim.dynamics.spiking.delivery import DETECTIONS, JUMPS, OWN_QUEUED, SPIKES, STEP, emit, receive_first
from soensim.dynamics.spiking.jumps import end_responses, take_jumps
from soensim.dynamics.spiking.pools import flux_per_level, inner, part
from soensim.dynamics.spiking.slopes import main_slopes

# A state below this is at rest, as in `soensim.dynamics.spiking.kernel`.
_AT_REST = 1e-30
# Shorter pieces than this part of a step are none.
_SHORTEST = 1e-9
# Just above its threshold g has an infinite slope.
_STEEPEST = 1e6
_HALVINGS = 52
# Where g turns on or off, or its slope changes that much within a piece, the piece is taken in parts.
_UNEVEN, _PARTS, _PART = 0.05, 8, 0.125
# Gauss's two points, and how little the state at the first depends on the slope at the second.
_ONE, _TWO, _ACROSS = 0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6, math.sqrt(3) / 6 - 0.25
_Index = np.uint64


@part
def _rests(phi, s, d, network):  # type: ignore[no-untyped-def]
    """Whether g is zero whatever the current, so that it need not be looked up."""
    return abs(phi) <= network.steps.rest_flux[d] and s >= 0.0


@part
def _drift(phi, s, d, network):  # type: ignore[no-untyped-def]
    """Change of s per step, how fast it falls with s, and how fast it rises with the flux."""
    arrays, steps, source = network
    leak = steps.leak[d]
    if _rests(phi, s, d, network):
        return -leak * s, leak, 0.0
    current = arrays.bias_current[d] - s
    if abs(current) <= source.current_max:
        g, by_flux, slope = main_slopes(phi, current, source)
    else:
        g, by_flux, slope = source_value_and_gradient(phi, current, source)
    gain = steps.gain[d]
    return gain * g - leak * s, gain * min(slope, _STEEPEST) + leak, gain * by_flux


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
    change, fall, first_by_flux = _drift(one, s + _ONE * h * slope, d, network)
    damped = 1.0 / (1.0 + 0.25 * h * fall)
    first = (change + 0.25 * h * fall * slope) * damped
    change, last_fall, last_by_flux = _drift(two, s + _TWO * h * first, d, network)
    last = (change + 0.25 * h * last_fall * first) / (1.0 + 0.25 * h * last_fall)
    first += h * fall * _ACROSS * (last - slope) * damped
    return s + 0.5 * h * (first + last), first, last, first_by_flux, last_by_flux


@part
def _uneven(was_by_flux, first_by_flux, last_by_flux, one, two, first, last):  # type: ignore[no-untyped-def]
    """Whether g turns on or off in a piece, or is so near to that that two points do not follow it."""
    if first_by_flux == 0.0 and last_by_flux == 0.0:
        return was_by_flux != 0.0
    return abs((last_by_flux - first_by_flux) * (two - one)) > _UNEVEN * (abs(first) + abs(last))


@part
def _step_dendrite(d, begin, threshold, t_begin, t_end, network, state, buffers):  # type: ignore[no-untyped-def]
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
        parts, done = 1 if end - begin > _SHORTEST * steps.dt_ns else 0, 0
        whole = not jumps_on and begin == t_begin
        a, b = begin, end
        while done < parts:
            if not whole:
                one = _flux_at(a + _ONE * (b - a), t_begin, d, network, state, buffers)
                two = _flux_at(a + _TWO * (b - a), t_begin, d, network, state, buffers)
            else:
                one = state.drive[d] + (buffers.trial.drive[d] - state.drive[d]) * _ONE
                two = state.drive[d] + (buffers.trial.drive[d] - state.drive[d]) * _TWO
                for p in range(first_pool, last_pool):
                    one += running[p] * factor[steps.pool_kind[p], 1]
                    two += running[p] * factor[steps.pool_kind[p], 2]
            h = 1.0 if whole else (b - a) / steps.dt_ns
            if by_flux == 0.0 and _rests(one, s, d, network) and _rests(two, s, d, network):
                s *= steps.retention[d] if whole else math.exp(-h * steps.leak[d])
                slope, bend, done, a = -steps.leak[d] * s, 0.0, done + 1, b
                b = begin + (end - begin) * (_PART * (done + 1))
                continue
            after, first, last, one_by_flux, two_by_flux = _gauss(one, two, s, slope, h, d, network)
            if parts == 1 and _uneven(by_flux, one_by_flux, two_by_flux, one, two, first, last):
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


@part
def _step_neuron(neuron, t_begin, t_end, network, state, buffers, spiking):  # type: ignore[no-untyped-def]
    """Step the dendrites of a neuron, branches first; return how many neurons have been found to spike."""
    arrays, trial = network.arrays, buffers.trial
    soma = arrays.first_dendrite[neuron]
    for d in range(soma, arrays.first_dendrite[neuron + 1]):
        trial.drive[d] = arrays.flux_offset[d]
    spike = math.inf
    for d in range(arrays.first_dendrite[neuron + 1] - 1, soma - 1, -1):
        begin = max(t_begin, state.release_ns[neuron]) if d == soma else t_begin
        if begin >= t_end:
            s, slope, by_flux = 0.0, 0.0, 0.0
        else:
            threshold = arrays.threshold[neuron] if d == soma else math.inf
            s, slope, by_flux, spike = _step_dendrite(d, begin, threshold, t_begin, t_end, network, state, buffers)
        trial.state[d], trial.slope[d], trial.by_flux[d] = s if abs(s) >= _AT_REST else 0.0, slope, by_flux
        if d != soma:
            trial.drive[arrays.parent[d]] += arrays.coupling[d] * trial.state[d]
    trial.spike_ns[neuron] = spike
    if spike == math.inf:
        return spiking
    for candidate in range(spiking):
        if trial.spiking[candidate] == neuron:
            return spiking
    trial.spiking[spiking] = neuron
    return spiking + 1


@part
def _settle(t_end, network, state, buffers):  # type: ignore[no-untyped-def]
    """Make the end of the step the beginning of the next; return whether all states of somas are finite."""
    arrays, steps, _ = network
    trial = buffers.trial
    state.counts[JUMPS] = take_jumps(t_end, network, state, buffers.jumps, state.counts[JUMPS])
    for d in range(trial.state.size):
        state.state[d], state.drive[d] = trial.state[d], trial.drive[d]
        state.slope[d], state.by_flux[d] = trial.slope[d], trial.by_flux[d]
        phi = trial.drive[d]
        for p in range(steps.first_pool[d], steps.first_pool[d + 1]):
            phi += state.pool[p] * buffers.factor[steps.pool_kind[p], 0]
        state.flux[d] = phi
    finite = True
    for neuron in range(arrays.threshold.size):
        soma = arrays.first_dendrite[neuron]
        buffers.soma_flux[neuron] += state.flux[soma]
        finite = finite and state.state[soma] < math.inf
    return finite


@inner
def locate_spikes(t_end, network, state, seed, buffers):  # type: ignore[no-untyped-def]
    """Take the step to ``t_end``; return whether all states of somas are finite."""
    arrays, steps, _ = network
    counts, trial, queue = state.counts, buffers.trial, buffers.own_queue
    t_begin = counts[STEP] * steps.dt_ns
    counts[JUMPS] = end_responses(t_end, network, state, buffers.jumps, counts[JUMPS])
    for kind in range(arrays.kinds.shape[0]):
        buffers.factor[kind, 0] = flux_per_level(t_end, kind, arrays, state)
        buffers.factor[kind, 1] = flux_per_level(t_begin + _ONE * (t_end - t_begin), kind, arrays, state)
        buffers.factor[kind, 2] = flux_per_level(t_begin + _TWO * (t_end - t_begin), kind, arrays, state)
    spiking = 0
    for neuron in range(arrays.threshold.size):
        trial.spike_ns[neuron] = math.inf
        spiking = _step_neuron(neuron, t_begin, t_end, network, state, buffers, spiking)
    while True:
        spike, n = math.inf, 0
        for candidate in range(spiking):
            if trial.spike_ns[trial.spiking[candidate]] < spike:
                spike, n = trial.spike_ns[trial.spiking[candidate]], trial.spiking[candidate]
        arrival = queue[0][0] if counts[OWN_QUEUED] > 0 else math.inf
        if arrival <= t_end and arrival <= spike:
            e, detections = queue[2][0], counts[DETECTIONS]
            k = arrays.edge_synapse[e] if e >= 0 else -1 - e
            counts[OWN_QUEUED] = receive_first(network, state, seed, queue, counts[OWN_QUEUED], buffers.jumps)
            if counts[DETECTIONS] > detections:
                neuron = steps.neuron_of[arrays.synapse_dendrite[k]]
                spiking = _step_neuron(neuron, t_begin, t_end, network, state, buffers, spiking)
        elif spike < math.inf:
            trial.spike_ns[n] = math.inf
            state.release_ns[n] = spike + arrays.absolute_refractory_ns[n]
            buffers.spikes_ns[counts[SPIKES]] = spike
            buffers.spike_neuron[counts[SPIKES]] = n
            counts[SPIKES] += 1
            counts[OWN_QUEUED] = emit(n, spike, arrays, state.draws, seed, queue, counts[OWN_QUEUED])
        else:
            return _settle(t_end, network, state, buffers)
