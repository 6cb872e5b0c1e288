"""The flat arrays that a spiking network is stepped on: what is fixed, and what a step changes.

Order of dendrites: neuron by neuron, and within a neuron every dendrite after its parent, so that the soma is first.
A step in that order reads the states of upstream dendrites before they are renewed: all dendrites of a chip take
their step at once, from the states of the step before.

Emitters: the neurons in order, then the input channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class SpikingArrays(NamedTuple):
    """A network of spiking neurons, before a step size is chosen; every array is read-only.

    Parameters
    ----------
    first_dendrite
        (neurons + 1,): neuron n has the dendrites first_dendrite[n] to first_dendrite[n + 1] - 1, the soma first.
    threshold, absolute_refractory_ns
        (neurons,): s_th (I_c), and how long the soma is held at zero after a spike (ns).
    gamma_plus, gamma_minus
        (dendrites,): drive gain and leak (1/tau).
    bias_current, flux_offset
        (dendrites,): i_b (I_c) and static flux (Phi_0).
    parent, coupling
        (dendrites,): the dendrite that is driven (-1 for a soma) and with what flux per state (Phi_0 per I_c).
    synapse_dendrite, synapse_kind, efficacy
        (synapses,): the dendrite that receives, the row of `kinds`, and the factor on the response.
    kinds
        (kinds, 7): phi_peak (Phi_0), tau_rise, tau_fall, hotspot, cut, dead time (ns), dark counts (1/ns).
    first_edge
        (emitters + 1,): edges of each emitter, as `first_dendrite`.
    edge_synapse, edge_delay_ns, edge_photons, edge_tau_rad_ns
        (edges,): where the light of an emitter arrives, its delay (ns), the mean number of photons that a live
        detector would see per spike (infinity: every spike is detected at once, an electrical or ideal link), and the
        decay time of the light source (ns).
    """

    first_dendrite: Indices
    threshold: Floats
    absolute_refractory_ns: Floats
    gamma_plus: Floats
    gamma_minus: Floats
    bias_current: Floats
    flux_offset: Floats
    parent: Indices
    coupling: Floats
    synapse_dendrite: Indices
    synapse_kind: Indices
    efficacy: Floats
    kinds: Floats
    first_edge: Indices
    edge_synapse: Indices
    edge_delay_ns: Floats
    edge_photons: Floats
    edge_tau_rad_ns: Floats

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.threshold)

    @property
    def dendrites(self) -> int:
        """Number of dendrites, somas and refractory dendrites included."""
        return len(self.parent)

    @property
    def synapses(self) -> int:
        """Number of synapses, those of refractory dendrites included."""
        return len(self.efficacy)

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return len(self.first_edge) - 1 - self.neurons


class SpikingState(NamedTuple):
    """What a step changes, in place.

    Parameters
    ----------
    state, flux
        (dendrites,): s (I_c), and the flux (Phi_0) that the last step saw.
    slope
        (dendrites,): change of s per step, as last seen (I_c); where spikes are located.
    by_flux
        (dendrites,): its derivative by the flux (I_c per Phi_0), likewise.
    drive
        (dendrites,): the part of the next step's flux that upstream states give, offset included.
    pool, members
        (pools,): falling responses of one dendrite and kind, weighted and summed at the level of their epoch
        (`soensim.dynamics.spiking.pools`), and how many they are.
    epoch_ns
        (kinds,): the time to which levels refer.
    fresh
        (kinds, 2): when the last response began, and the level that it falls from.
    last_detection_ns
        (synapses,): when the last response began (-infinity: never).
    level, old_level
        (synapses,): level of that response once it falls, and of what was there when it began.
    rising, is_rising
        (synapses,): synapses whose response may still rise come first in `rising`; whether a synapse is among them.
    newer, older
        (synapses,): neighbours in the list of a kind's responses in order of their beginning; -1 at its
        ends, and `older` -2 of a synapse without a response.
    newest, oldest
        (kinds,): the ends of these lists.
    draws
        (synapses,): state of each synapse's random numbers (`soensim.dynamics.spiking.light`).
    hold, release_ns
        (neurons,): steps for which the soma is still held; the time at which it is released, with a step that locates
        spikes.
    counts
        (12,): step, rising responses, arrivals that inputs queue, input spikes used, spikes in the buffer, detections,
        photons lost in dead times, 1 once the run is prepared, arrivals that neurons queue, jumps that are kept, 1 if
        they had no room, dark counts that come after the run; see `soensim.dynamics.spiking.delivery`.
    """

    state: Floats
    flux: Floats
    slope: Floats
    by_flux: Floats
    drive: Floats
    pool: Floats
    members: Indices
    epoch_ns: Floats
    fresh: Floats
    last_detection_ns: Floats
    level: Floats
    old_level: Floats
    rising: Indices
    is_rising: NDArray[np.bool_]
    newer: Indices
    older: Indices
    newest: Indices
    oldest: Indices
    draws: NDArray[np.uint64]
    hold: Indices
    release_ns: Floats
    counts: Indices


class InputSpikes(NamedTuple):
    """Spikes of the input channels.

    Parameters
    ----------
    times_ns, emitters
        (spikes,): times in ascending order (ns), and the emitter of each.
    until_ns
        When the run ends: dark counts after it are not kept.
    """

    times_ns: Floats
    emitters: Indices
    until_ns: float


class Rise(NamedTuple):
    """How responses rise, by kind, where spikes are located (`soensim.dynamics.spiking.jumps`).

    Parameters
    ----------
    share
        (kinds, jumps + 1): share of its own level that a response has reached before and after each jump.
    after_ns
        (kinds, jumps, 65): time from the detection to each jump, at shares of the old level from 0 to 1.
    blur_ns
        (kinds, jumps, 65): integral of r (1 - r), r going from 0 to 1 as the level does where it jumps.
    """

    share: Floats
    after_ns: Floats
    blur_ns: Floats


class Jumps(NamedTuple):
    """Jumps of levels in the running step, and those that come later; `SpikingState.counts` says how many there are.

    Parameters
    ----------
    times_ns, pools, changes, bends, following
        (room,): when, of which pool, by how much (its level), what the rise changes in s where the drift is no straight
        line (`soensim.dynamics.spiking.located`), and the next jump of the same dendrite (-1: none).
    first
        (dendrites,): the first jump of each dendrite, -1 without one.
    """

    times_ns: Floats
    pools: Indices
    changes: Floats
    bends: Floats
    following: Indices
    first: Indices


class Trial(NamedTuple):
    """The end of the running step, as long as a spike within it may still change it.

    Parameters
    ----------
    state, slope, by_flux, drive
        (dendrites,): as `SpikingState` has them.
    running
        (pools,): levels in the course of a step.
    spike_ns, spiking
        (neurons,): when the soma reaches its threshold (infinity: not in this step), and the neurons that do.
    """

    state: Floats
    slope: Floats
    by_flux: Floats
    drive: Floats
    running: Floats
    spike_ns: Floats
    spiking: Indices


class Pieces(NamedTuple):
    """Pieces of a step between jumps, dendrite by dendrite; each (room,).

    Parameters
    ----------
    length, bend
        Part of a step; and `Jumps.bends` of the jumps before it.
    one, two
        Flux at Gauss's two points, to which `level` exp(-age) is added.
    level, one_age, two_age
        Flux of the first pool at the beginning of the step; the points' times over its fall time.
    """

    length: Floats
    bend: Floats
    one: Floats
    two: Floats
    level: Floats
    one_age: Floats
    two_age: Floats


class Lanes(NamedTuple):
    """Dendrites that take their pieces side by side; each (dendrites,).

    Parameters
    ----------
    dendrite, first, pieces, live
        Which; its first piece and how many it has (0: it is left to the slow way); lanes that have a piece left.
    s, slope, was, threshold
        State, its slope, that by the flux, and where the soma spikes, by lane.
    phi, current, g, by_flux, fall
        Points and what is looked up there, by place among the live lanes.
    change, stage, damped, first_by_flux
        The first stage, likewise.
    """

    dendrite: Indices
    first: Indices
    pieces: Indices
    live: Indices
    s: Floats
    slope: Floats
    was: Floats
    threshold: Floats
    phi: Floats
    current: Floats
    g: Floats
    by_flux: Floats
    fall: Floats
    change: Floats
    stage: Floats
    damped: Floats
    first_by_flux: Floats


class Buffers(NamedTuple):
    """Room for what a run makes.

    Parameters
    ----------
    queue, own_queue
        (times, origins, edges) of arrivals under way, each of one length: at synapses that inputs feed, and at those
        that neurons feed; `soensim.dynamics.spiking.queue`.
    spikes_ns, spike_neuron
        Spikes; `SpikingState.counts` says how many they hold.
    soma_flux
        (neurons,): flux of every soma (Phi_0), summed over the steps.
    lookup
        (phi, i, g, dendrites), each (dendrites,): room for the lookups of a step.
    factor
        (kinds, 4): flux per level at the end of a step, at Gauss's two points of it, and at its beginning.
    jumps, trial, pieces, lanes
        Empty where spikes fall on the ends of steps.
    """

    queue: tuple[Floats, Floats, Indices]
    own_queue: tuple[Floats, Floats, Indices]
    spikes_ns: Floats
    spike_neuron: Indices
    soma_flux: Floats
    lookup: tuple[Floats, Floats, Floats, Indices]
    factor: Floats
    jumps: Jumps
    trial: Trial
    pieces: Pieces
    lanes: Lanes


class SampleSpikes(NamedTuple):
    """Input spikes of many samples, one after the other.

    Parameters
    ----------
    times_ns, emitters
        (spikes,): as `InputSpikes`, the times of one sample in ascending order.
    starts
        (samples + 1,): sample k has the spikes starts[k] to starts[k + 1] - 1.
    seeds
        (samples,): read seed of each, or -1.
    """

    times_ns: Floats
    emitters: Indices
    starts: Indices
    seeds: Indices


class SampleSums(NamedTuple):
    """What is kept of each sample.

    Parameters
    ----------
    spikes, soma_flux
        (samples, neurons): number of spikes, and flux of the soma (Phi_0) summed over the steps.
    """

    spikes: Indices
    soma_flux: Floats


class Record(NamedTuple):
    """What is recorded: row r holds the variables after r x every steps.

    Parameters
    ----------
    every
        Steps between rows.
    dendrites, state, flux
        (recorded,), and (rows, recorded): s (I_c) and phi (Phi_0) of these dendrites.
    synapses, synapse_flux
        (recorded,), and (rows, recorded): responses of these synapses (Phi_0).
    """

    every: int
    dendrites: Indices
    state: Floats
    flux: Floats
    synapses: Indices
    synapse_flux: Floats


def initial_state(arrays: SpikingArrays, pools: int) -> SpikingState:
    """Everything at rest: no current, no light, no spike yet; ``pools`` is their number (`StepArrays.pool_kind`)."""
    synapses, kinds = arrays.synapses, len(arrays.kinds)
    return SpikingState(
        state=np.zeros(arrays.dendrites),
        flux=arrays.flux_offset.copy(),
        slope=np.zeros(arrays.dendrites),
        by_flux=np.zeros(arrays.dendrites),
        drive=arrays.flux_offset.copy(),
        pool=np.zeros(pools),
        members=np.zeros(pools, dtype=np.int64),
        epoch_ns=np.zeros(kinds),
        fresh=np.full((kinds, 2), -math.inf),
        last_detection_ns=np.full(synapses, -math.inf),
        level=np.zeros(synapses),
        old_level=np.zeros(synapses),
        rising=np.zeros(synapses, dtype=np.int64),
        is_rising=np.zeros(synapses, dtype=np.bool_),
        newer=np.full(synapses, -1, dtype=np.int64),
        older=np.full(synapses, -2, dtype=np.int64),
        newest=np.full(kinds, -1, dtype=np.int64),
        oldest=np.full(kinds, -1, dtype=np.int64),
        draws=np.zeros(synapses, dtype=np.uint64),
        hold=np.zeros(arrays.neurons, dtype=np.int64),
        release_ns=np.zeros(arrays.neurons),
        counts=np.zeros(12, dtype=np.int64),
    )
