"""Light on its way: from the spikes of inputs and neurons to the detectors of synapses."""

import math

import numpy as np

from soensim.dynamics.spiking.jumps import begin_response
from soensim.dynamics.spiking.light import photon_delay, unit_exponential
from soensim.dynamics.spiking.pools import NOT_LINKED, falling_level, inner, leave_pool, link, part, unlink
from soensim.dynamics.spiking.queue import drop_first, push

#: Places in `SpikingState.counts`.
STEP, RISING, QUEUED, USED, SPIKES, DETECTIONS, LOST, PREPARED, OWN_QUEUED, JUMPS, LACKED_ROOM = range(11)
# Of a mean number of photons below the second, less than the smallest deviate is left after so many decay times.
_DARK_AFTER, _NOT_BRIGHT = 45.0, 1e3


@part
def _next_photon(e, t_ns, after, arrays, draws, seed):  # type: ignore[no-untyped-def]
    """Time (ns) at which edge e next brings a photon of the spike that reached it at ``t_ns``, ``after`` (ns) that."""
    photons, tau_rad = arrays.edge_photons[e], arrays.edge_tau_rad_ns[e]
    if photons == math.inf:
        return t_ns
    if seed < 0:
        return t_ns + tau_rad / photons  # without noise: the mean delay of the first of many photons
    k = arrays.edge_synapse[e]
    draws[k] += np.uint64(1)
    if after > _DARK_AFTER * tau_rad and photons < _NOT_BRIGHT and tau_rad > 0.0:
        return math.inf
    deviate = unit_exponential(seed, k, draws[k] - np.uint64(1))
    return t_ns + photon_delay(after, photons, tau_rad, deviate)


@inner
def emit(emitter, t_ns, arrays, draws, seed, queue, size):  # type: ignore[no-untyped-def]
    """Send the light of a spike to all synapses that it reaches; return the new size of the queue."""
    for e in range(arrays.first_edge[emitter], arrays.first_edge[emitter + 1]):
        origin = t_ns + arrays.edge_delay_ns[e]
        arrival = _next_photon(e, origin, 0.0, arrays, draws, seed)
        if arrival < math.inf:
            size = push(queue, size, arrival, origin, e)
    return size


@inner
def prepare(network, state, seed, buffers):  # type: ignore[no-untyped-def]
    """Draw the first dark count of every synapse; they queue as edges -1 - synapse."""
    arrays, counts = network.arrays, state.counts
    if seed >= 0:
        for k in range(arrays.synapse_kind.size):
            rate = arrays.kinds[arrays.synapse_kind[k], 6]
            if rate > 0.0:
                t = unit_exponential(seed, k, np.uint64(0)) / rate
                state.draws[k] = np.uint64(1)
                if network.steps.synapse_fed[k]:
                    counts[OWN_QUEUED] = push(buffers.own_queue, counts[OWN_QUEUED], t, 0.0, -1 - k)
                else:
                    counts[QUEUED] = push(buffers.queue, counts[QUEUED], t, 0.0, -1 - k)
    counts[PREPARED] = 1


@part
def detect(k, t, network, state, jumps):  # type: ignore[no-untyped-def]
    """Let light reach a detector at ``t`` (ns): begin a response if it is live."""
    arrays, steps, _ = network
    kind = arrays.synapse_kind[k]
    # the slack keeps a rounding error from costing a photon that comes just when the detector is live again
    if t - state.last_detection_ns[k] < arrays.kinds[kind, 5] * (1.0 - 1e-12):
        state.counts[LOST] += 1
        return
    state.counts[DETECTIONS] += 1
    if steps.locates:
        if state.counts[JUMPS] + steps.rise.after_ns.shape[1] >= jumps.pools.size:
            state.counts[LACKED_ROOM] = 1
        else:
            state.counts[JUMPS] = begin_response(k, t, network, state, jumps, state.counts[JUMPS])
        return
    linked = state.older[k] != NOT_LINKED
    if linked:
        unlink(k, kind, state)
    if state.is_rising[k]:
        before = falling_level(state.last_detection_ns[k], kind, network, state)
        state.old_level[k] = max(state.old_level[k], before)
    else:
        state.old_level[k] = state.level[k]
        if linked:
            leave_pool(k, arrays, steps, state)
        state.is_rising[k] = True
        state.rising[state.counts[RISING]] = k
        state.counts[RISING] += 1
    state.last_detection_ns[k] = t
    link(k, kind, state)


@part
def has_room(light, network, state, jumps):  # type: ignore[no-untyped-def]
    """Whether there is room for the jumps of ``light`` arrivals, of all that may follow in a step, and for all ends."""
    counts, most = state.counts, network.steps.rise.after_ns.shape[1]
    own_edges = network.arrays.first_edge[network.arrays.threshold.size]
    arrivals = light + counts[OWN_QUEUED] + own_edges
    return counts[JUMPS] + most * arrivals + state.level.size <= jumps.pools.size


@part
def receive_first(network, state, seed, queue, size, jumps):  # type: ignore[no-untyped-def]
    """Let the earliest arrival of a queue reach its detector; return the new size of the queue."""
    arrays = network.arrays
    times, origins, edges = queue
    t, origin, e = times[0], origins[0], edges[0]
    size = drop_first(queue, size)
    k = arrays.edge_synapse[e] if e >= 0 else -1 - e
    detect(k, t, network, state, jumps)
    if seed < 0:
        return size
    # photons that fall into the dead time are lost whatever they are: look for the first one after it
    kind = arrays.synapse_kind[k]
    live = max(t, state.last_detection_ns[k] + arrays.kinds[kind, 5])
    if e < 0:
        live += unit_exponential(seed, k, state.draws[k]) / arrays.kinds[kind, 6]
        state.draws[k] += np.uint64(1)
        return push(queue, size, live, 0.0, e)
    if arrays.edge_photons[e] < math.inf and arrays.edge_tau_rad_ns[e] > 0.0:
        following = _next_photon(e, origin, live - origin, arrays, state.draws, seed)
        if following < math.inf:
            return push(queue, size, following, origin, e)
    return size


@part
def receive(t_end, network, state, seed, queue, size, jumps):  # type: ignore[no-untyped-def]
    """Let all arrivals of a queue up to ``t_end`` reach their detectors; return the new size of the queue."""
    while size > 0 and queue[0][0] <= t_end:
        size = receive_first(network, state, seed, queue, size, jumps)
    return size


@part
def send_inputs(t_end, network, state, inputs, seed, queue, jumps):  # type: ignore[no-untyped-def]
    """Send the light of all input spikes up to ``t_end``; return whether the queue had room for it.

    Without noise the light that arrives by then reaches its detector at once: what the queue has for the same synapse
    came of an earlier spike and was received before, since the delay of an edge is always the same.
    """
    arrays, counts = network.arrays, state.counts
    while counts[USED] < inputs.times_ns.size and inputs.times_ns[counts[USED]] <= t_end:
        emitter, t_ns = inputs.emitters[counts[USED]], inputs.times_ns[counts[USED]]
        first, last = arrays.first_edge[emitter], arrays.first_edge[emitter + 1]
        if counts[QUEUED] + last - first > queue[0].size:
            return False
        if network.steps.locates and not has_room(last - first, network, state, jumps):
            return False
        if seed >= 0:
            counts[QUEUED] = emit(emitter, t_ns, arrays, state.draws, seed, queue, counts[QUEUED])
        else:
            for e in range(first, last):
                arrival = _next_photon(e, t_ns + arrays.edge_delay_ns[e], 0.0, arrays, state.draws, seed)
                if arrival <= t_end:
                    detect(arrays.edge_synapse[e], arrival, network, state, jumps)
                else:
                    counts[QUEUED] = push(queue, counts[QUEUED], arrival, t_ns, e)
        counts[USED] += 1
    return True
