"""The time loop of a spiking network: numba over flat arrays, one thread.

One step takes every quantity from t_n to t_{n+1} = (n + 1) dt:

1. Input spikes and photon arrivals up to t_{n+1} reach their synapses. A live detector starts a response at the exact
   time of the arrival, not at a step; a dead one loses the photon.
2. Responses are taken at t_{n+1} (`soensim.dynamics.spiking.synapse`).
3. Each dendrite sees phi = flux_offset + sum_k efficacy_k phi_k(t_{n+1}) + sum_j coupling_j s_j(t_n), and steps by
   s <- retention s + gain g(phi, i_b - s) (`soensim.dynamics.integrators`).
4. A soma that reaches s_th spikes at t_{n+1}: that state is kept for the record, its light leaves at t_{n+1}, and the
   soma is held at zero in the steps that follow, for the absolute refractory time.

`soensim.dynamics.spiking.reference` writes the same out slowly, response by response; tests hold the two together.
"""

import math

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.circuit import source_value
from soensim.dynamics.spiking.light import photon_delay, unit_exponential
from soensim.dynamics.spiking.queue import drop_first, push
from soensim.dynamics.spiking.synapse import response_flux

#: Places in `SpikingState.counts`.
STEP, ACTIVE, QUEUED, USED, SPIKES, DETECTIONS, LOST, PREPARED = range(8)
# A state below this is at rest: it is past 1e-30 fluxons, and subnormal numbers would cost a hundred times more.
_AT_REST = 1e-30
# Unsigned indices spare numba the test for negative ones, in the two loops that matter.
_Index = np.uint64


@njit(cache=True, error_model="numpy")
def _next_photon(e, t_ns, after, arrays, draws, seed):  # type: ignore[no-untyped-def]
    """Time (ns) at which edge e next brings a photon of the spike that reached it at ``t_ns``, ``after`` (ns) that."""
    photons, tau_rad = arrays.edge_photons[e], arrays.edge_tau_rad_ns[e]
    if photons == math.inf:
        return t_ns
    if seed < 0:
        return t_ns + tau_rad / photons  # without noise: the mean delay of the first of many photons
    k = arrays.edge_synapse[e]
    deviate = unit_exponential(seed, k, draws[k])
    draws[k] += np.uint64(1)
    return t_ns + photon_delay(after, photons, tau_rad, deviate)


@njit(cache=True, error_model="numpy")
def _emit(emitter, t_ns, arrays, draws, seed, queue, size):  # type: ignore[no-untyped-def]
    """Send the light of a spike to all synapses that it reaches; return the new size of the queue."""
    for e in range(arrays.first_edge[emitter], arrays.first_edge[emitter + 1]):
        origin = t_ns + arrays.edge_delay_ns[e]
        arrival = _next_photon(e, origin, 0.0, arrays, draws, seed)
        if arrival < math.inf:
            size = push(queue, size, arrival, origin, e)
    return size


@njit(cache=True, error_model="numpy")
def _prepare(arrays, state, seed, queue):  # type: ignore[no-untyped-def]
    """Draw the first dark count of every synapse; they queue as edges -1 - synapse."""
    size = 0
    if seed >= 0:
        for k in range(arrays.synapse_kind.size):
            rate = arrays.kinds[arrays.synapse_kind[k], 6]
            if rate > 0.0:
                size = push(queue, size, unit_exponential(seed, k, np.uint64(0)) / rate, 0.0, -1 - k)
                state.draws[k] = np.uint64(1)
    state.counts[QUEUED] = size
    state.counts[PREPARED] = 1


@njit(cache=True, error_model="numpy")
def _receive(t_end, arrays, state, seed, queue):  # type: ignore[no-untyped-def]
    """Let all arrivals up to ``t_end`` reach their detectors."""
    counts = state.counts
    size = counts[QUEUED]
    times, origins, edges = queue
    while size > 0 and times[0] <= t_end:
        t, origin, e = times[0], origins[0], edges[0]
        size = drop_first(queue, size)
        k = arrays.edge_synapse[e] if e >= 0 else -1 - e
        kind = arrays.synapse_kind[k]
        dead = arrays.kinds[kind, 5]
        # the slack keeps a rounding error from costing a photon that comes just when the detector is live again
        if t - state.last_detection_ns[k] >= dead * (1.0 - 1e-12):
            state.last_detection_ns[k] = t
            state.rising[k] = True
            counts[DETECTIONS] += 1
            if not state.is_active[k]:
                state.is_active[k] = True
                state.active[counts[ACTIVE]] = k
                counts[ACTIVE] += 1
        else:
            counts[LOST] += 1
        if seed < 0:
            continue
        # photons that fall into the dead time are lost whatever they are: look for the first one after it
        live = max(t, state.last_detection_ns[k] + dead)
        if e < 0:
            live += unit_exponential(seed, k, state.draws[k]) / arrays.kinds[kind, 6]
            state.draws[k] += np.uint64(1)
            size = push(queue, size, live, 0.0, e)
        elif arrays.edge_photons[e] < math.inf and arrays.edge_tau_rad_ns[e] > 0.0:
            following = _next_photon(e, origin, live - origin, arrays, state.draws, seed)
            if following < math.inf:
                size = push(queue, size, following, origin, e)
    counts[QUEUED] = size


@njit(cache=True, error_model="numpy")
def _respond(t_end, arrays, steps, state):  # type: ignore[no-untyped-def]
    """Take the responses of all active synapses at ``t_end``, and add them to the drive of their dendrites."""
    kinds, decay = arrays.kinds, steps.decay
    at, n = 0, state.counts[ACTIVE]
    while at < n:
        k = _Index(state.active[_Index(at)])
        kind = _Index(arrays.synapse_kind[k])
        age = t_end - state.last_detection_ns[k]
        if age >= kinds[kind, 4]:
            state.synapse_flux[k] = 0.0
            state.is_active[k] = False
            n -= 1
            state.active[at] = state.active[n]
            continue
        value = state.synapse_flux[k] * decay[kind]
        if state.rising[k]:
            # the closed form once a response has its peak behind it; after that its decay is exact
            new = response_flux(age, kinds[kind, 0], kinds[kind, 1], kinds[kind, 2], kinds[kind, 3])
            value = max(value, new)
            state.rising[k] = age <= kinds[kind, 3]
        state.synapse_flux[k] = value
        state.drive[_Index(arrays.synapse_dendrite[k])] += arrays.efficacy[k] * value
        at += 1
    state.counts[ACTIVE] = n


@njit(cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    arrays, steps, source, state, inputs_ns, input_emitter, seed, queue, spikes_ns, spike_neuron, record, until
):
    """Step until step number ``until``, or until the queue or the spike buffer may be too small for another step.

    Parameters
    ----------
    arrays, steps, source, state
        `SpikingArrays`, `StepArrays`, `SourceArrays`; `SpikingState`, changed in place.
    inputs_ns, input_emitter
        (input spikes,): times in ascending order (ns), and the emitter (neurons + channel) of each.
    seed
        Read seed, or -1: every spike is detected once, and there are no dark counts.
    queue
        (times, origins, edges) of photon arrivals under way, one length; room for all.
    spikes_ns, spike_neuron
        Buffers for spikes; `counts` says how many they hold.
    record
        (every, dendrites, states, fluxes, synapses, synapse_fluxes): after every that many steps the states and fluxes
        of these dendrites and the fluxes of these synapses go into row step / every of the arrays (rows, recorded).
    until
        Last step (a number).

    Returns
    -------
    int
        0: done; 1: more room needed in the queue, 2: the spike buffer is to be emptied; 3: the state of a soma
        is infinite.
    """
    counts, s, drive, flux = state.counts, state.state, state.drive, state.flux
    retention, gain, rest, hold = steps.retention, steps.gain, steps.rest_flux, state.hold
    offset, bias, parent, coupling = arrays.flux_offset, arrays.bias_current, arrays.parent, arrays.coupling
    first, threshold = arrays.first_dendrite, arrays.threshold
    n_neurons = threshold.size
    every, rec_dendrites, rec_state, rec_flux, rec_synapses, rec_phi = record
    own_edges = arrays.first_edge[n_neurons]
    room = queue[0].size
    if counts[PREPARED] == 0:
        if room < arrays.synapse_kind.size:
            return 1
        _prepare(arrays, state, seed, queue)
    while counts[STEP] < until:
        if counts[QUEUED] + own_edges > room:
            return 1
        if counts[SPIKES] + n_neurons > spikes_ns.size:
            return 2
        t_end = (counts[STEP] + 1) * steps.dt_ns
        while counts[USED] < inputs_ns.size and inputs_ns[counts[USED]] <= t_end:
            emitter = input_emitter[counts[USED]]
            fan_out = arrays.first_edge[emitter + 1] - arrays.first_edge[emitter]
            if counts[QUEUED] + fan_out + own_edges > room:
                return 1
            counts[QUEUED] = _emit(emitter, inputs_ns[counts[USED]], arrays, state.draws, seed, queue, counts[QUEUED])
            counts[USED] += 1
        _receive(t_end, arrays, state, seed, queue)
        _respond(t_end, arrays, steps, state)
        for neuron in range(n_neurons):
            soma = first[neuron]
            for place in range(soma, first[neuron + 1]):
                d = _Index(place)
                phi = drive[d]
                drive[d] = offset[d]
                flux[d] = phi
                before = s[d]
                after = retention[d] * before
                if not (abs(phi) <= rest[d] and before >= 0.0):
                    after += gain[d] * source_value(phi, bias[d] - before, source)
                if abs(after) < _AT_REST:
                    after = 0.0
                if place == soma:
                    if hold[neuron] > 0:
                        hold[neuron] -= 1
                        after = 0.0
                else:
                    # the parent comes first in the order: it sees this in its next step
                    drive[_Index(parent[d])] += coupling[d] * after
                s[d] = after
            if s[soma] >= threshold[neuron]:
                if s[soma] == math.inf:  # a reset would hide that the state has diverged
                    return 3
                hold[neuron] = steps.hold[neuron]
                spikes_ns[counts[SPIKES]] = t_end
                spike_neuron[counts[SPIKES]] = neuron
                counts[SPIKES] += 1
                counts[QUEUED] = _emit(neuron, t_end, arrays, state.draws, seed, queue, counts[QUEUED])
        counts[STEP] += 1
        if counts[STEP] % every == 0:
            row = counts[STEP] // every
            for r in range(rec_dendrites.size):
                rec_state[row, r] = s[rec_dendrites[r]]
                rec_flux[row, r] = flux[rec_dendrites[r]]
            for r in range(rec_synapses.size):
                rec_phi[row, r] = state.synapse_flux[rec_synapses[r]]
    return 0
