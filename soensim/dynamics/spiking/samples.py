"""The time loop over many samples: each from rest, one after the other, on one thread and without the interpreter."""

import math

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.spiking.arrays import InputSpikes
from soensim.dynamics.spiking.delivery import SPIKES, STEP
from soensim.dynamics.spiking.kernel import DIVERGED, DONE, NO_ROOM, QUEUE_FULL, advance
from soensim.dynamics.spiking.pools import NOT_LINKED


@njit(cache=True, error_model="numpy", nogil=True)
def to_rest(arrays, state, buffers):  # type: ignore[no-untyped-def]
    """Set a state to `initial_state`, in place, and forget the sums of the sample before."""
    state.state[:] = 0.0
    state.flux[:] = arrays.flux_offset
    state.drive[:] = arrays.flux_offset
    state.slope[:] = 0.0
    state.by_flux[:] = 0.0
    state.pool[:] = 0.0
    state.members[:] = 0
    state.epoch_ns[:] = 0.0
    state.fresh[:] = -math.inf
    state.last_detection_ns[:] = -math.inf
    state.level[:] = 0.0
    state.old_level[:] = 0.0
    state.is_rising[:] = False
    state.older[:] = NOT_LINKED
    state.newest[:] = -1
    state.oldest[:] = -1
    state.draws[:] = 0
    state.hold[:] = 0
    state.release_ns[:] = 0.0
    state.counts[:] = 0
    buffers.soma_flux[:] = 0.0
    buffers.jumps.first[:] = -1


@njit(cache=True, error_model="numpy", nogil=True)
def advance_samples(network, state, given, buffers, record, sums, place, end, until, most_steps):  # type: ignore[no-untyped-def]
    """Run the samples from ``place[0]`` to ``end`` - 1, or about ``most_steps`` steps of them.

    Parameters
    ----------
    network, state, buffers, record
        As `soensim.dynamics.spiking.advance` has them; the record is empty.
    given
        `SampleSpikes`.
    sums
        `SampleSums`, written in place: a row per sample.
    place
        (2,): the sample that is to be run, and 1 if it has begun; changed in place. All are done at place[0] = ``end``.
    end, until, most_steps
        Where to stop, steps per sample, and steps after which to return, at the end of a sample or within it.

    Returns
    -------
    int
        `DONE`; `QUEUE_FULL`: more room needed in the queue; `DIVERGED`: a state or a flux is not finite;
        `NO_ROOM`: as `advance`.
    """
    arrays, counts = network.arrays, state.counts
    left = most_steps
    while place[0] < end and left > 0:
        k = place[0]
        if place[1] == 0:
            to_rest(arrays, state, buffers)
            place[1] = 1
        first, last = given.starts[k], given.starts[k + 1]
        end_ns = until * network.steps.dt_ns
        inputs = InputSpikes(given.times_ns[first:last], given.emitters[first:last], end_ns)
        before = counts[STEP]
        answer = advance(network, state, inputs, given.seeds[k], buffers, record, min(until, before + left))
        left -= counts[STEP] - before
        for n in range(counts[SPIKES]):
            sums.spikes[k, buffers.spike_neuron[n]] += 1
        counts[SPIKES] = 0
        if answer in (QUEUE_FULL, DIVERGED, NO_ROOM):
            return answer
        looks = counts[STEP] == until or left <= 0
        if looks and not (np.isfinite(state.state).all() and np.isfinite(state.flux).all()):
            return DIVERGED
        if counts[STEP] == until:
            sums.soma_flux[k] = buffers.soma_flux
            place[0], place[1] = k + 1, 0
    return DONE
