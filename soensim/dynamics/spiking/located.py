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

from soensim.dynamics.spiking.delivery import DETECTIONS, JUMPS, OWN_QUEUED, SPIKES, STEP, emit, receive_first
from soensim.dynamics.spiking.jumps import end_responses, take_jumps
from soensim.dynamics.spiking.lanes import note_spike, step_all
from soensim.dynamics.spiking.pieces import AT_REST, ONE, TWO, step_dendrite
from soensim.dynamics.spiking.pools import flux_per_level, inner, part


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
            s, slope, by_flux, spike = step_dendrite(d, begin, threshold, t_begin, t_end, network, state, buffers)
        trial.state[d], trial.slope[d], trial.by_flux[d] = s if abs(s) >= AT_REST else 0.0, slope, by_flux
        if d != soma:
            trial.drive[arrays.parent[d]] += arrays.coupling[d] * trial.state[d]
    return note_spike(neuron, spike, trial, spiking)


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
        buffers.factor[kind, 1] = flux_per_level(t_begin + ONE * (t_end - t_begin), kind, arrays, state)
        buffers.factor[kind, 2] = flux_per_level(t_begin + TWO * (t_end - t_begin), kind, arrays, state)
        buffers.factor[kind, 3] = flux_per_level(t_begin, kind, arrays, state)
    spiking = step_all(t_begin, t_end, network, state, buffers)
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
