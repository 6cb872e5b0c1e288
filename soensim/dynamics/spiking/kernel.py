"""The time loop of a spiking network: numba over flat arrays, one thread.

One step takes every quantity from t_n to t_{n+1} = (n + 1) dt:

1. Input spikes and photon arrivals up to t_{n+1} reach their synapses. A live detector starts a response at the exact
   time of the arrival, not at a step; a dead one loses the photon.
2. Responses are taken at t_{n+1} (`soensim.dynamics.spiking.synapse`); those that only fall are summed by dendrite and
   kind (`soensim.dynamics.spiking.pools`).
3. Each dendrite sees phi = flux_offset + sum_k efficacy_k phi_k(t_{n+1}) + sum_j coupling_j s_j(t_n), and steps by
   s <- retention s + gain g(phi, i_b - s) (`soensim.dynamics.integrators`).
4. A soma that reaches s_th spikes at t_{n+1}: that state is kept for the record, its light leaves at t_{n+1}, and the
   soma is held at zero in the steps that follow, for the absolute refractory time.

`soensim.dynamics.spiking.reference` writes the same out slowly, response by response; tests hold the two together.
"""

import math

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim._runtime.table_access import own_load, own_store
from soensim.circuit import source_value
from soensim.circuit.source import main_value
from soensim.dynamics.spiking.delivery import (
    LACKED_ROOM,
    OWN_QUEUED,
    PREPARED,
    QUEUED,
    RISING,
    SPIKES,
    STEP,
    emit,
    has_room,
    prepare,
    receive,
    send_inputs,
)
from soensim.dynamics.spiking.located import locate_spikes
from soensim.dynamics.spiking.pools import (
    LONGEST,
    enter_pool,
    falling_level,
    flux_per_level,
    leave_pool,
    part,
    renew_epoch,
    synapse_flux,
    unlink,
)

#: What `advance` answers.
DONE, QUEUE_FULL, SPIKES_FULL, DIVERGED, NO_ROOM = range(5)
# A state below this is at rest: it is past 1e-30 fluxons, and subnormal numbers would cost a hundred times more.
_AT_REST = 1e-30
# Unsigned indices spare numba the test for negative ones, in the loops that matter.
_Index = np.uint64


@part
def _respond(t_end, network, state):  # type: ignore[no-untyped-def]
    """Take the responses that rise at ``t_end``; those that fall by then go to their pools, old ones end."""
    arrays, steps, _ = network
    kinds = arrays.kinds
    at, n = 0, state.counts[RISING]
    began, of_kind, level = -math.inf, -1, 0.0
    while at < n:
        k = state.rising[at]
        kind, t = arrays.synapse_kind[k], state.last_detection_ns[k]
        if t_end - t <= kinds[kind, 3]:
            state.drive[arrays.synapse_dendrite[k]] += arrays.efficacy[k] * synapse_flux(k, t_end, arrays, state)
            at += 1
            continue
        if t != began or kind != of_kind:  # light of one spike often comes to many synapses at once
            began, of_kind, level = t, kind, falling_level(t, kind, network, state)
        state.level[k] = level
        enter_pool(k, arrays, steps, state)
        state.is_rising[k] = False
        n -= 1
        state.rising[at] = state.rising[n]
    state.counts[RISING] = n
    for kind in range(kinds.shape[0]):
        k = state.oldest[kind]
        while k >= 0 and t_end - state.last_detection_ns[k] >= kinds[kind, 4]:
            unlink(k, kind, state)
            leave_pool(k, arrays, steps, state)
            k = state.oldest[kind]


@part
def _look_up(count, source, lookup):  # type: ignore[no-untyped-def]
    """Write g at ``count`` points; `main_value` is `source_value` to the bit, but for currents beyond the table."""
    phi, current, g, _ = lookup
    largest = 0.0
    for n in range(count):
        largest = max(largest, abs(current[n]))
    if largest > source.current_max:
        for n in range(count):
            g[n] = source_value(phi[n], current[n], source)
    else:
        for n in range(count):
            own_store(g, n, main_value(own_load(phi, n), own_load(current, n), source))  # type: ignore[call-arg]


@part
def _step_dendrites(t_end, network, state, buffers):  # type: ignore[no-untyped-def]
    """Step all dendrites but for what a soma's hold and spikes change; a held soma is left at zero."""
    arrays, steps, source = network
    s, drive, pool, kind = state.state, state.drive, state.pool, steps.pool_kind
    phi, current, g, dendrite = buffers.lookup
    first, first_pool = arrays.first_dendrite, steps.first_pool
    factor = buffers.factor
    for j in range(factor.shape[0]):
        factor[j, 0] = flux_per_level(t_end, j, arrays, state)
    count = 0
    for neuron in range(arrays.threshold.size):
        soma = first[neuron]
        for place in range(soma, first[neuron + 1]):
            d = _Index(place)
            seen = drive[d]
            for p in range(first_pool[d], first_pool[d + _Index(1)]):
                seen += pool[_Index(p)] * factor[_Index(kind[_Index(p)]), 0]
            drive[d] = arrays.flux_offset[d]
            state.flux[d] = seen
            before = s[d]
            if place == soma:
                buffers.soma_flux[neuron] += seen
                if state.hold[neuron] > 0:
                    s[d] = 0.0
                    continue
            s[d] = steps.retention[d] * before
            if not (abs(seen) <= steps.rest_flux[d] and before >= 0.0):
                n = _Index(count)
                phi[n], current[n], dendrite[n] = seen, arrays.bias_current[d] - before, place
                count += 1
    _look_up(count, source, buffers.lookup)
    for at in range(count):
        d = _Index(dendrite[_Index(at)])
        s[d] += steps.gain[d] * g[_Index(at)]


@part
def _spike(t_end, network, state, seed, buffers):  # type: ignore[no-untyped-def]
    """Let somas spike and states drive their parents; return whether all states of somas are finite."""
    arrays, steps, _ = network
    counts, s, drive, hold = state.counts, state.state, state.drive, state.hold
    first = arrays.first_dendrite
    for neuron in range(arrays.threshold.size):
        soma = first[neuron]
        for place in range(soma, first[neuron + 1]):
            d = _Index(place)
            if abs(s[d]) < _AT_REST:
                s[d] = 0.0
            if place != soma:
                drive[_Index(arrays.parent[d])] += arrays.coupling[d] * s[d]
        if hold[neuron] > 0:
            hold[neuron] -= 1
        if s[soma] >= arrays.threshold[neuron]:
            if s[soma] == math.inf:  # a reset would hide that the state has diverged
                return False
            hold[neuron] = steps.hold[neuron]
            buffers.spikes_ns[counts[SPIKES]] = t_end
            buffers.spike_neuron[counts[SPIKES]] = neuron
            counts[SPIKES] += 1
            size = counts[OWN_QUEUED]
            counts[OWN_QUEUED] = emit(neuron, t_end, arrays, state.draws, seed, buffers.own_queue, size)
    return True


@part
def _write(t_end, record, arrays, state):  # type: ignore[no-untyped-def]
    """Write a row of the record, if the step that was just taken has one."""
    step = state.counts[STEP]
    if step % record.every != 0:
        return
    row = step // record.every
    for r in range(record.dendrites.size):
        record.state[row, r] = state.state[record.dendrites[r]]
        record.flux[row, r] = state.flux[record.dendrites[r]]
    for r in range(record.synapses.size):
        record.synapse_flux[row, r] = synapse_flux(record.synapses[r], t_end, arrays, state)


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
        `DIVERGED`: the state of a soma is infinite; `NO_ROOM`: detectors saw more light in a step
        than there is room for.
    """
    arrays, steps, _ = network
    counts, queue, own_queue, jumps = state.counts, buffers.queue, buffers.own_queue, buffers.jumps
    neurons = arrays.threshold.size
    own_edges = arrays.first_edge[neurons]
    if counts[PREPARED] == 0:
        prepare(network, state, seed, inputs, buffers)
    while counts[STEP] < until:
        if counts[OWN_QUEUED] + own_edges > own_queue[0].size:
            return QUEUE_FULL
        if steps.locates and not has_room(counts[QUEUED], network, state, jumps):
            return QUEUE_FULL
        if counts[SPIKES] + neurons > buffers.spikes_ns.size:
            return SPIKES_FULL
        t_end = (counts[STEP] + 1) * steps.dt_ns
        for kind in range(arrays.kinds.shape[0]):
            if t_end - state.epoch_ns[kind] >= LONGEST * arrays.kinds[kind, 2]:
                renew_epoch(t_end, kind, network, state, jumps)
        if not send_inputs(t_end, network, state, inputs, seed, queue, jumps):
            return QUEUE_FULL
        counts[QUEUED] = receive(t_end, network, state, seed, queue, counts[QUEUED], jumps)
        if seed < 0 or not steps.locates:
            size = counts[OWN_QUEUED]
            counts[OWN_QUEUED] = receive(t_end, network, state, seed, own_queue, size, jumps)
        if steps.locates:
            finite = locate_spikes(t_end, network, state, seed, buffers)
        else:
            _respond(t_end, network, state)
            _step_dendrites(t_end, network, state, buffers)
            finite = _spike(t_end, network, state, seed, buffers)
        if counts[LACKED_ROOM] != 0:
            return NO_ROOM
        if not finite:
            return DIVERGED
        counts[STEP] += 1
        _write(t_end, record, arrays, state)
    return DONE
