"""Responses of synapses, summed where they only fall.

All responses of one kind fall alike, phi = level exp(-(t - epoch) / tau_fall): their levels at a common time, the
epoch, are constant, and those of one dendrite are one number, its pool. A step costs a product for every pool, not one
for every synapse. A new response takes its synapse's old one out of the pool, and enters it when its rise is over: from
then on it is the larger of the two, whatever the old one was, since both fall alike from the same peak. While it rises
the flux is the larger one.

The epoch follows the time before the levels of new responses outgrow floating point. A response ends at the age `cut`;
a list of each kind's responses in the order of their beginning says which is next.
"""

import math

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.spiking.synapse import response_flux

#: `SpikingState.older` of a synapse that is in no list.
NOT_LINKED = -2
#: Decay times between epoch and now: exp(200) is far from the limits of float64.
LONGEST = 200.0
# What a step calls allocates nothing, and so needs no counts of references to its 50 arrays: numba would count them at
# every call, which costs as much as the step of a small network.
inner = njit(cache=True, error_model="numpy", _nrt=False, nogil=True)
# What is called for every detection is inlined: handing these arrays on costs more than what is done with them.
part = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)


@part
def falling_level(t, kind, network, state):  # type: ignore[no-untyped-def]
    """Level of a response that began at ``t`` (ns), once it falls."""
    row = network.arrays.kinds[kind]
    return network.steps.peak[kind] * math.exp((t + row[3] - state.epoch_ns[kind]) / row[2])


@part
def flux_per_level(t, kind, arrays, state):  # type: ignore[no-untyped-def]
    """Flux (Phi_0) at time ``t`` (ns) of a response of level 1."""
    return math.exp((state.epoch_ns[kind] - t) / arrays.kinds[kind, 2])


@part
def synapse_flux(k, t, arrays, state):  # type: ignore[no-untyped-def]
    """Response of a synapse (Phi_0) at a time (ns) not before its last detection."""
    kind = arrays.synapse_kind[k]
    row = arrays.kinds[kind]
    age = t - state.last_detection_ns[k]
    if age >= row[4]:
        return 0.0
    flux = response_flux(age, row[0], row[1], row[2], row[3])
    if age <= row[3]:
        flux = max(flux, state.old_level[k] * flux_per_level(t, kind, arrays, state))
    return flux


@part
def enter_pool(k, arrays, steps, state):  # type: ignore[no-untyped-def]
    """Add a response that only falls from now on to its pool."""
    pool = steps.synapse_pool[k]
    state.pool[pool] += arrays.efficacy[k] * state.level[k]
    state.members[pool] += 1


@part
def leave_pool(k, arrays, steps, state):  # type: ignore[no-untyped-def]
    """Take a response out of its pool."""
    pool = steps.synapse_pool[k]
    state.members[pool] -= 1
    if state.members[pool] == 0:
        state.pool[pool] = 0.0  # without what rounding left
    else:
        state.pool[pool] -= arrays.efficacy[k] * state.level[k]
    state.level[k] = 0.0


@part
def change_level(k, level, pooled, network, state):  # type: ignore[no-untyped-def]
    """Let a response fall from a level; what is pooled of the one before is replaced."""
    pool = network.steps.synapse_pool[k]
    if pooled:
        state.pool[pool] += network.arrays.efficacy[k] * (level - state.level[k])
    else:
        state.pool[pool] += network.arrays.efficacy[k] * level
        state.members[pool] += 1
    state.level[k] = level


@part
def unlink(k, kind, state):  # type: ignore[no-untyped-def]
    """Take a synapse out of the list of its kind."""
    before, after = state.older[k], state.newer[k]
    if before >= 0:
        state.newer[before] = after
    else:
        state.oldest[kind] = after
    if after >= 0:
        state.older[after] = before
    else:
        state.newest[kind] = before
    state.older[k] = NOT_LINKED


@part
def link(k, kind, state):  # type: ignore[no-untyped-def]
    """Put a synapse into the list of its kind, at the place of its last detection: at the end or near it."""
    t = state.last_detection_ns[k]
    after, before = -1, state.newest[kind]
    while before >= 0 and state.last_detection_ns[before] > t:
        after, before = before, state.older[before]
    state.older[k], state.newer[k] = before, after
    if before >= 0:
        state.newer[before] = k
    else:
        state.oldest[kind] = k
    if after >= 0:
        state.older[after] = k
    else:
        state.newest[kind] = k


@inner
def renew_epoch(t, kind, network, state, jumps):  # type: ignore[no-untyped-def]
    """Let the epoch of a kind be now, before its levels grow too large."""
    arrays, steps, _ = network
    factor = math.exp((state.epoch_ns[kind] - t) / arrays.kinds[kind, 2])
    for k in range(arrays.synapse_kind.size):
        if arrays.synapse_kind[k] == kind:
            state.level[k] *= factor
            state.old_level[k] *= factor
    for pool in range(steps.pool_kind.size):
        if steps.pool_kind[pool] == kind:
            state.pool[pool] *= factor
    for at in range(state.counts[9]):
        if steps.pool_kind[jumps.pools[at]] == kind:
            jumps.changes[at] *= factor
    state.epoch_ns[kind], state.fresh[kind, 0] = t, -math.inf
