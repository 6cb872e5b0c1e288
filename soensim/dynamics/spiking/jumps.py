"""Responses within a step, where spikes are located: levels that jump at their exact times.

While a response rises, its level (`soensim.dynamics.spiking.pools`) goes from that of the old one to its own. It rises
in a few jumps, each at the time at which it leaves the area under the flux as it is: one where the hotspot time is at
most a quarter of a step, and one per quarter of a step otherwise. A response ends with a jump to zero.
"""

from __future__ import annotations

import math

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.spiking.arrays import Floats, Rise
from soensim.dynamics.spiking.pools import NOT_LINKED, falling_level, link, part, unlink

_OLD_LEVELS = 65
_MOST_JUMPS = 64


def no_rise(kinds: int) -> Rise:
    """Nothing to look up: responses are taken at the ends of steps."""
    return Rise(np.zeros((kinds, 1)), *np.zeros((2, kinds, 0, _OLD_LEVELS)))


def rise_in_jumps(kinds: Floats, dt_ns: float) -> Rise:
    """Lay the jumps out for steps of ``dt_ns``; ``kinds`` are those of `SpikingArrays`."""
    counts = [min(_MOST_JUMPS, math.ceil(4 * row[3] / dt_ns * (1 - 1e-9))) for row in kinds]
    most = max(counts, default=1)
    share, (after_ns, blur_ns) = np.ones((len(kinds), most + 1)), np.zeros((2, len(kinds), most, _OLD_LEVELS))
    old = np.linspace(0.0, 1.0, _OLD_LEVELS)[:, np.newaxis]
    for kind, (row, count) in enumerate(zip(kinds, counts, strict=True)):
        _, tau_rise, tau_fall, hotspot = row[:4]
        after_ns[kind] = hotspot
        share[kind, : count + 1] = _share(np.linspace(0.0, hotspot, count + 1), tau_rise, tau_fall, hotspot)
        for jump in range(count):
            age = np.linspace(hotspot * jump / count, hotspot * (jump + 1) / count, 2001)
            level = np.maximum(old, _share(age, tau_rise, tau_fall, hotspot))
            risen = level[:, -1] > level[:, 0]
            level = (level[risen] - level[risen, :1]) / (level[risen, -1:] - level[risen, :1])
            after_ns[kind, jump, risen] = age[-1] - np.trapezoid(level, age)
            blur_ns[kind, jump, risen] = np.trapezoid(level * (1 - level), age)
    return Rise(share, after_ns, blur_ns)


def _share(age: Floats, tau_rise: float, tau_fall: float, hotspot: float) -> Floats:
    """Level of a response of an age within its rise, as a share of the level that it falls from."""
    risen = np.expm1(-age / tau_rise) / np.expm1(-hotspot / tau_rise)
    return np.asarray(risen * np.exp((age - hotspot) / tau_fall))


@njit(cache=True, error_model="numpy", nogil=True)
def at_old_level(table, kind, jump, old):  # type: ignore[no-untyped-def]
    """Look one of the tables of `Rise` up; ``old`` is the old level as a share of the new one."""
    at = min(max(old, 0.0), 1.0) * (_OLD_LEVELS - 1)
    cell = min(int(at), _OLD_LEVELS - 2)
    low, high = table[kind, jump, cell], table[kind, jump, cell + 1]
    return low + (at - cell) * (high - low)


@part
def insert_jump(t, d, pool, change, bend, jumps, count):  # type: ignore[no-untyped-def]
    """Put a jump of dendrite d into the order of its times; return how many jumps there are."""
    jumps.times_ns[count], jumps.pools[count], jumps.changes[count] = t, pool, change
    jumps.bends[count] = bend
    before, at = -1, jumps.first[d]
    while at >= 0 and jumps.times_ns[at] <= t:
        before, at = at, jumps.following[at]
    jumps.following[count] = at
    if before >= 0:
        jumps.following[before] = count
    else:
        jumps.first[d] = count
    return count + 1


@part
def begin_response(k, t, network, state, jumps, count):  # type: ignore[no-untyped-def]
    """Begin a response in a live detector at ``t`` (ns); return how many jumps there are."""
    arrays, steps, _ = network
    kind, pool, d = arrays.synapse_kind[k], steps.synapse_pool[k], arrays.synapse_dendrite[k]
    old, end = state.level[k], state.last_detection_ns[k] + arrays.kinds[kind, 4]
    if state.older[k] != NOT_LINKED:
        unlink(k, kind, state)
        if end <= t:  # it ends in this step, before now
            count = insert_jump(end, d, pool, -arrays.efficacy[k] * old, 0.0, jumps, count)
            old = 0.0
    else:
        state.members[pool] += 1
        if end > t:  # it was to end in this step, later than now
            old = state.old_level[k]
            change, before, at = -arrays.efficacy[k] * old, -1, jumps.first[d]
            while jumps.times_ns[at] != end or jumps.pools[at] != pool or jumps.changes[at] != change:
                before, at = at, jumps.following[at]
            jumps.changes[at] = 0.0
            if before >= 0:
                jumps.following[before] = jumps.following[at]
            else:
                jumps.first[d] = jumps.following[at]
    new = falling_level(t, kind, network, state)
    state.old_level[k], state.level[k], state.last_detection_ns[k] = old, new, t
    link(k, kind, state)
    old /= new
    last = steps.rise.share.shape[1] - 2
    low = old
    for jump in range(last + 1):
        high = max(old, steps.rise.share[kind, jump + 1]) if jump < last else 1.0
        if high != low:
            after = at_old_level(steps.rise.after_ns, kind, jump, old)
            blur = at_old_level(steps.rise.blur_ns, kind, jump, old) / steps.dt_ns
            change = arrays.efficacy[k] * (high - low)
            bend = 0.5 * blur * change * steps.peak[kind]
            count = insert_jump(t + after, d, pool, new * change, bend, jumps, count)
        low = high
    return count


@part
def end_responses(t_end, network, state, jumps, count):  # type: ignore[no-untyped-def]
    """End the responses that reach their age in the step to ``t_end``; return how many jumps there are."""
    arrays, steps, _ = network
    for kind in range(arrays.kinds.shape[0]):
        cut, k = arrays.kinds[kind, 4], state.oldest[kind]
        while k >= 0 and state.last_detection_ns[k] + cut <= t_end:
            t, pool = state.last_detection_ns[k] + cut, steps.synapse_pool[k]
            change = -arrays.efficacy[k] * state.level[k]
            count = insert_jump(t, arrays.synapse_dendrite[k], pool, change, 0.0, jumps, count)
            state.members[pool] -= 1
            state.old_level[k], state.level[k] = state.level[k], 0.0
            unlink(k, kind, state)
            k = state.oldest[kind]
    return count


@part
def take_jumps(t_end, network, state, jumps, count):  # type: ignore[no-untyped-def]
    """Add the jumps up to ``t_end`` to their pools; return how many come later, which are kept."""
    steps = network.steps
    for at in range(count):
        jumps.first[steps.pool_dendrite[jumps.pools[at]]] = -1
    kept = 0
    for at in range(count):
        t, pool, change, bend = jumps.times_ns[at], jumps.pools[at], jumps.changes[at], jumps.bends[at]
        if t > t_end:
            kept = insert_jump(t, steps.pool_dendrite[pool], pool, change, bend, jumps, kept)
        elif state.members[pool] == 0:
            state.pool[pool] = 0.0  # without what rounding left
        else:
            state.pool[pool] += change
    return kept
