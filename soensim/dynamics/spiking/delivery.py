"""Light on its way: from the spikes of inputs and neurons to the detectors of synapses."""

import math

from soensim.dynamics.spiking.jumps import begin_response
from soensim.dynamics.spiking.light import GOLDEN, mix, photon_delay, stream_start, uniform
from soensim.dynamics.spiking.pools import (
    NOT_LINKED,
    change_level,
    falling_level,
    inner,
    leave_pool,
    link,
    part,
    unlink,
)
from soensim.dynamics.spiking.queue import drop_first, push

#: Places in `SpikingState.counts`.
STEP, RISING, QUEUED, USED, SPIKES, DETECTIONS, LOST, PREPARED, OWN_QUEUED, JUMPS, LACKED_ROOM, LATE = range(12)
# Of a mean number of photons below the second, less than the smallest deviate is left after so many decay times.
_DARK_AFTER, _NOT_BRIGHT = 45.0, 1e3
# Of a mean number of photons above the second, one is seen for sure where the uniform deviate is above the first.
_LIKELY, _BRIGHT = 1e-3, 7.0


@part
def _next_photon(e, t_ns, after, arrays, draws, seed):  # type: ignore[no-untyped-def]
    """Time (ns) at which edge e next brings a photon of the spike that reached it at ``t_ns``, ``after`` (ns) that.

    It is that of `photon_delay`; no logarithm is taken where it is known that there is none, or one at once.
    """
    photons, tau_rad = arrays.edge_photons[e], arrays.edge_tau_rad_ns[e]
    if photons == math.inf:
        return t_ns
    if seed < 0:
        return t_ns + tau_rad / photons  # without noise: the mean delay of the first of many photons
    k = arrays.edge_synapse[e]
    bits = mix(draws[k])
    draws[k] += GOLDEN
    u = uniform(bits)
    if tau_rad == 0.0:
        if after == 0.0 and u > _LIKELY and photons > _BRIGHT:
            return t_ns
    elif after > 0.0:
        if after > _DARK_AFTER * tau_rad and photons < _NOT_BRIGHT:
            return math.inf
        if (1.0 - u) * (1.0 - 1e-9) > photons * math.exp(-after / tau_rad):  # and -log u is above 1 - u
            return math.inf
    return t_ns + photon_delay(after, photons, tau_rad, -math.log(u))


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
def prepare(network, state, seed, inputs, buffers):  # type: ignore[no-untyped-def]
    """Begin the random numbers; draw the first dark count of every synapse: they queue as edges -1 - synapse.

    Those that come after the end of the run are counted, not queued.
    """
    arrays, counts = network.arrays, state.counts
    if seed >= 0:
        for k in range(arrays.synapse_kind.size):
            state.draws[k] = stream_start(seed, k)
            rate = arrays.kinds[arrays.synapse_kind[k], 6]
            if rate > 0.0:
                u = uniform(mix(state.draws[k]))
                state.draws[k] += GOLDEN
                # -log u is above 1 - u
                t = -math.log(u) / rate if 1.0 - u <= rate * inputs.until_ns else math.inf
                if t > inputs.until_ns:
                    counts[LATE] += 1
                elif network.steps.synapse_fed[k]:
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
    before, state.last_detection_ns[k] = state.last_detection_ns[k], t
    link(k, kind, state)
    t_end = (state.counts[STEP] + 1) * steps.dt_ns
    if state.is_rising[k]:
        state.old_level[k] = max(state.old_level[k], falling_level(before, kind, network, state))
    elif t_end - t > arrays.kinds[kind, 3]:  # it only falls by the end of the step
        if t != state.fresh[kind, 0]:  # light of one spike often comes to many synapses at once
            state.fresh[kind, 0], state.fresh[kind, 1] = t, falling_level(t, kind, network, state)
        change_level(k, state.fresh[kind, 1], linked, network, state)
    else:
        state.old_level[k] = state.level[k]
        if linked:
            leave_pool(k, arrays, steps, state)
        state.is_rising[k] = True
        state.rising[state.counts[RISING]] = k
        state.counts[RISING] += 1


@part
def has_room(light, network, state, jumps):  # type: ignore[no-untyped-def]
    """Whether there is room for the jumps of ``light`` arrivals, of all that may follow in a step, and for all ends."""
    counts, most = state.counts, network.steps.rise.after_ns.shape[1]
    own_edges = network.arrays.first_edge[network.arrays.threshold.size]
    arrivals = light + counts[OWN_QUEUED] + own_edges
    return counts[JUMPS] + most * arrivals + state.level.size <= jumps.pools.size


@part
def _arrive(t, origin, e, network, state, seed, queue, size, jumps):  # type: ignore[no-untyped-def]
    """Let light reach its detector, and queue what comes after it; return the new size of the queue."""
    arrays = network.arrays
    k = arrays.edge_synapse[e] if e >= 0 else -1 - e
    detect(k, t, network, state, jumps)
    if seed < 0:
        return size
    # photons that fall into the dead time are lost whatever they are: look for the first one after it
    kind = arrays.synapse_kind[k]
    live = max(t, state.last_detection_ns[k] + arrays.kinds[kind, 5])
    if e < 0:
        live -= math.log(uniform(mix(state.draws[k]))) / arrays.kinds[kind, 6]
        state.draws[k] += GOLDEN
        return push(queue, size, live, 0.0, e)
    if arrays.edge_photons[e] < math.inf and arrays.edge_tau_rad_ns[e] > 0.0:
        following = _next_photon(e, origin, live - origin, arrays, state.draws, seed)
        if following < math.inf:
            return push(queue, size, following, origin, e)
    return size


@part
def receive_first(network, state, seed, queue, size, jumps):  # type: ignore[no-untyped-def]
    """Let the earliest arrival of a queue reach its detector; return the new size of the queue."""
    t, origin, e = queue[0][0], queue[1][0], queue[2][0]
    size = drop_first(queue, size)
    return _arrive(t, origin, e, network, state, seed, queue, size, jumps)


@part
def receive(t_end, network, state, seed, queue, size, jumps):  # type: ignore[no-untyped-def]
    """Let all arrivals of a queue up to ``t_end`` reach their detectors; return the new size of the queue."""
    while size > 0 and queue[0][0] <= t_end:
        size = receive_first(network, state, seed, queue, size, jumps)
    return size


@part
def send_inputs(t_end, network, state, inputs, seed, queue, jumps):  # type: ignore[no-untyped-def]
    """Send the light of all input spikes up to ``t_end``; return whether the queue had room for it.

    Light that arrives before all that is queued, and before another spike of its source can have sent any, reaches its
    detector at once, without the queue.
    """
    arrays, counts = network.arrays, state.counts
    spikes = inputs.times_ns.size
    while counts[USED] < spikes and inputs.times_ns[counts[USED]] <= t_end:
        emitter, t_ns = inputs.emitters[counts[USED]], inputs.times_ns[counts[USED]]
        first, last = arrays.first_edge[emitter], arrays.first_edge[emitter + 1]
        if counts[QUEUED] + last - first > queue[0].size:
            return False
        if network.steps.locates and not has_room(last - first, network, state, jumps):
            return False
        size = receive(t_ns, network, state, seed, queue, counts[QUEUED], jumps)
        counts[USED] += 1
        next_ns = inputs.times_ns[counts[USED]] if counts[USED] < spikes else math.inf
        for e in range(first, last):
            origin = t_ns + arrays.edge_delay_ns[e]
            arrival = _next_photon(e, origin, 0.0, arrays, state.draws, seed)
            if arrival == math.inf:
                continue
            always_as_late = seed < 0 or arrays.edge_photons[e] == math.inf or arrays.edge_tau_rad_ns[e] == 0.0
            at_once = arrival <= t_end and (always_as_late or arrival <= next_ns)
            if at_once and (size == 0 or arrival < queue[0][0]):
                size = _arrive(arrival, origin, e, network, state, seed, queue, size, jumps)
            else:
                size = push(queue, size, arrival, origin, e)
        counts[QUEUED] = size
    return True
