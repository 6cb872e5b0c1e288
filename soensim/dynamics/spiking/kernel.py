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
#: What `advance` answers.
DONE, QUEUE_FULL, SPIKES_FULL, DIVERGED = range(4)
# A state below this is at rest: it is past 1e-30 fluxons, and subnormal numbers would cost a hundred times more.
_AT_REST = 1e-30
# What a step calls allocates nothing, and so needs no counts of references to its 40 arrays: numba would count them at
# every call, which costs as much as the step of a small network.
_inner = njit(cache=True, error_model="numpy", _nrt=False)
# Unsigned indices spare numba the test for negative ones, in the two loops that matter.
_Index = np.uint64


@_inner
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


@_inner
def _emit(emitter, t_ns, arrays, draws, seed, queue, size):  # type: ignore[no-untyped-def]
    """Send the light of a spike to all synapses that it reaches; return the new size of the queue."""
    for e in range(arrays.first_edge[emitter], arrays.first_edge[emitter + 1]):
        origin = t_ns + arrays.edge_delay_ns[e]
        arrival = _next_photon(e, origin, 0.0, arrays, draws, seed)
        if arrival < math.inf:
            size = push(queue, size, arrival, origin, e)
    return size


@_inner
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


@_inner
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


@_inner
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


@_inner
def _send_inputs(t_end, arrays, state, inputs, seed, queue):  # type: ignore[no-untyped-def]
    """Send the light of all input spikes up to ``t_end``; return whether the queue had room for it."""
    counts = state.counts
    own_edges = arrays.first_edge[arrays.threshold.size]
    while counts[USED] < inputs.times_ns.size and inputs.times_ns[counts[USED]] <= t_end:
        emitter, t_ns = inputs.emitters[counts[USED]], inputs.times_ns[counts[USED]]
        fan_out = arrays.first_edge[emitter + 1] - arrays.first_edge[emitter]
        if counts[QUEUED] + fan_out + own_edges > queue[0].size:
            return False
        counts[QUEUED] = _emit(emitter, t_ns, arrays, state.draws, seed, queue, counts[QUEUED])
        counts[USED] += 1
    return True


@_inner
def _step_neurons(t_end, network, state, seed, buffers):  # type: ignore[no-untyped-def]
    """Step all dendrites, and let somas spike; return whether all states of somas are finite."""
    arrays, steps, source = network
    counts, s, drive, flux, hold = state.counts, state.state, state.drive, state.flux, state.hold
    retention, gain, rest = steps.retention, steps.gain, steps.rest_flux
    offset, bias, parent, coupling = arrays.flux_offset, arrays.bias_current, arrays.parent, arrays.coupling
    first, threshold = arrays.first_dendrite, arrays.threshold
    for neuron in range(threshold.size):
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
                buffers.soma_flux[neuron] += phi
            else:
                # the parent comes first in the order: it sees this in its next step
                drive[_Index(parent[d])] += coupling[d] * after
            s[d] = after
        if s[soma] >= threshold[neuron]:
            if s[soma] == math.inf:  # a reset would hide that the state has diverged
                return False
            hold[neuron] = steps.hold[neuron]
            buffers.spikes_ns[counts[SPIKES]] = t_end
            buffers.spike_neuron[counts[SPIKES]] = neuron
            counts[SPIKES] += 1
            counts[QUEUED] = _emit(neuron, t_end, arrays, state.draws, seed, buffers.queue, counts[QUEUED])
    return True


@_inner
def _write(record, state):  # type: ignore[no-untyped-def]
    """Write a row of the record, if the step that was just taken has one."""
    step = state.counts[STEP]
    if step % record.every != 0:
        return
    row = step // record.every
    for r in range(record.dendrites.size):
        record.state[row, r] = state.state[record.dendrites[r]]
        record.flux[row, r] = state.flux[record.dendrites[r]]
    for r in range(record.synapses.size):
        record.synapse_flux[row, r] = state.synapse_flux[record.synapses[r]]


@njit(cache=True, error_model="numpy", nogil=True)
def advance(network, state, inputs, seed, buffers, record, until):  # type: ignore[no-untyped-def]
    """Step until step number ``until``, or until a buffer may be too small for another step.

    Parameters
    ----------
    network
        `SteppedNetwork`.
    state
        `SpikingState`, changed in place.
    inputs
        `InputSpikes`.
    seed
        Read seed, or -1: every spike is detected once, and there are no dark counts.
    buffers, record
        `Buffers` and `Record`, written in place.
    until
        Last step (a number).

    Returns
    -------
    int
        `DONE`; `QUEUE_FULL`: more room needed in the queue; `SPIKES_FULL`: the spike buffer is to be emptied;
        `DIVERGED`: the state of a soma is infinite.
    """
    arrays, steps, _ = network
    counts, queue = state.counts, buffers.queue
    neurons = arrays.threshold.size
    own_edges = arrays.first_edge[neurons]
    if counts[PREPARED] == 0:
        if queue[0].size < arrays.synapse_kind.size:
            return QUEUE_FULL
        _prepare(arrays, state, seed, queue)
    while counts[STEP] < until:
        if counts[QUEUED] + own_edges > queue[0].size:
            return QUEUE_FULL
        if counts[SPIKES] + neurons > buffers.spikes_ns.size:
            return SPIKES_FULL
        t_end = (counts[STEP] + 1) * steps.dt_ns
        if not _send_inputs(t_end, arrays, state, inputs, seed, queue):
            return QUEUE_FULL
        _receive(t_end, arrays, state, seed, queue)
        _respond(t_end, arrays, steps, state)
        if not _step_neurons(t_end, network, state, seed, buffers):
            return DIVERGED
        counts[STEP] += 1
        _write(record, state)
    return DONE
