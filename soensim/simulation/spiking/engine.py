"""The clocked engine of spiking networks: input spike trains -> spikes and chosen variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.dynamics.integrators import Integrator
from soensim.dynamics.spiking import (
    Buffers,
    InputSpikes,
    Jumps,
    Lanes,
    Pieces,
    Record,
    SpikingArrays,
    SpikingState,
    SteppedNetwork,
    Trial,
    advance,
    initial_state,
    step_arrays,
)
from soensim.dynamics.spiking.delivery import DETECTIONS, LATE, LOST, OWN_QUEUED, QUEUED, SPIKES, STEP
from soensim.dynamics.spiking.kernel import NO_ROOM, QUEUE_FULL
from soensim.errors import SimulationError
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.simulation.spiking.trace import Recording, SpikingTrace

Spikes = tuple[NDArray[np.float64], NDArray[np.int64]]
Queue = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]

# Steps times dendrites between two looks at the states: about a second of work.
_LOOK_EVERY = 50_000_000
_SPIKE_BUFFER = 65_536
# Without noise every spike is detected; where more than this part of the spikes would bring no photon, that misleads.
_MAX_MISSED = 0.01


def simulate_spikes(
    network: SpikingNetwork,
    inputs: Sequence[ArrayLike],
    *,
    duration_ns: float,
    dt_ns: float | None = None,
    integrator: Integrator | None = None,
    read_seed: int | None = None,
    record: Recording | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SpikingTrace:
    """Run a spiking network from rest; `soensim.dynamics.spiking.kernel` has the equations.

    Parameters
    ----------
    network
        The chip.
    inputs
        Spike times (ns) per input channel, in any order, each within [0, duration_ns].
    duration_ns
        How long; a part of a step at the end is taken as a whole one.
    dt_ns, integrator
        Step and integrator; None: those of the network. With `heun` spikes are located within steps
        (`soensim.dynamics.spiking.located`), else they fall on the ends of steps.
    read_seed
        Draws photon numbers, photon delays and dark counts. None is without noise: every spike is detected once,
        after the path's delay and the mean delay of the first of many photons, tau_rad / n; no dark counts.
    record
        What to record besides spikes.
    progress
        Called with (steps done, steps) about once a second.

    Returns
    -------
    SpikingTrace
        The same for the same arguments, on any machine with any number of threads: the engine uses one.

    Raises
    ------
    SimulationError
        The inputs do not fit, the step is too coarse, a state diverges, a seed is given where nothing is random, or
        none where more than 1 % of the spikes bring no photon to a synapse.
    """
    run = _Run(network, dt_ns, integrator, read_seed)
    until = steps_in(duration_ns, run.network.steps.dt_ns)
    check_noise(network, read_seed)
    inputs_ns, emitters = _merge(network, inputs, duration_ns)
    kept = _record(network, Recording() if record is None else record, until)
    spikes = run.advance(InputSpikes(inputs_ns, emitters, until * run.network.steps.dt_ns), kept, until, progress)
    return _trace(run, spikes, kept, until)


class _Run:
    """A spiking network at one step, and its state, from rest."""

    def __init__(
        self, network: SpikingNetwork, dt_ns: float | None, integrator: Integrator | None, read_seed: int | None
    ) -> None:
        self._chip = network
        self._seed = -1 if read_seed is None else read_seed
        self.network = stepped_network(network, dt_ns, integrator)
        self.state = initial_state(self.network.arrays, len(self.network.steps.pool_kind))

    def advance(
        self, inputs: InputSpikes, record: Record, until: int, progress: Callable[[int, int], None] | None
    ) -> Spikes:
        """Step until step number ``until``; return the times (ns) and neurons of all spikes."""
        arrays, counts = self.network.arrays, self.state.counts
        buffers = new_buffers(self.network, _SPIKE_BUFFER)
        spikes: list[Spikes] = []
        look = steps_per_look(arrays)
        while counts[STEP] < until:
            end = min(until, int(counts[STEP]) + look)
            answer = advance(self.network, self.state, inputs, self._seed, buffers, record, end)
            if answer == QUEUE_FULL:
                buffers = with_larger_queue(buffers)
                continue
            if answer == NO_ROOM:
                raise lacked_room(self._chip, self.state)
            count = int(counts[SPIKES])
            spikes.append((buffers.spikes_ns[:count].copy(), buffers.spike_neuron[:count].copy()))
            counts[SPIKES] = 0
            check_finite(self._chip, self.state)
            if progress is not None:
                progress(int(counts[STEP]), until)
        return np.concatenate([t for t, _ in spikes]), np.concatenate([n for _, n in spikes])


def _trace(run: _Run, spikes: Spikes, record: Record, until: int) -> SpikingTrace:
    counts, dt_ns = run.state.counts, run.network.steps.dt_ns
    spikes_ns, spike_neuron = spikes
    return SpikingTrace(
        spikes_ns=spikes_ns,
        spike_neuron=spike_neuron,
        t_ns=np.arange(len(record.state), dtype=np.float64) * (record.every * dt_ns),
        dendrites=record.dendrites,
        state=record.state,
        flux=record.flux,
        synapses=record.synapses,
        synapse_flux=record.synapse_flux,
        neurons=run.network.arrays.neurons,
        duration_ns=until * dt_ns,
        dt_ns=dt_ns,
        detections=int(counts[DETECTIONS]),
        lost_to_dead_time=int(counts[LOST]),
        under_way=int(counts[QUEUED] + counts[OWN_QUEUED] + counts[LATE]),
    )


def _record(network: SpikingNetwork, asked: Recording, steps: int) -> Record:
    """Room for what is to be recorded; the first row is the network at rest."""
    arrays = network.arrays
    every = network.record_every if asked.every is None else asked.every
    dendrites = asked.indices("dendrites", arrays.dendrites)
    synapses = asked.indices("synapses", arrays.synapses)
    rows = asked.rows(steps, every, 2 * len(dendrites) + len(synapses))
    state, flux = np.zeros((2, rows, len(dendrites)))
    flux[0] = arrays.flux_offset[dendrites]
    return Record(every, dendrites, state, flux, synapses, np.zeros((rows, len(synapses))))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """View that is contiguous and cannot be written through: numba compiles once more for arrays that are not so."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def stepped_network(network: SpikingNetwork, dt_ns: float | None, integrator: Integrator | None) -> SteppedNetwork:
    """Prepare a network for the kernel; None: its own step, its own integrator.

    Raises
    ------
    SimulationError
        The step is not positive or too coarse, or there is no such integrator.
    """
    arrays = SpikingArrays(*(_read_only(array) for array in network.arrays))
    steps = step_arrays(
        arrays,
        network.source.arrays,
        dt_ns=network.dt_ns if dt_ns is None else dt_ns,
        tau_0_ns=network.tau_0_ns,
        integrator=network.integrator if integrator is None else integrator,
    )
    return SteppedNetwork(arrays, steps, network.source.arrays)


def steps_in(duration_ns: float, dt_ns: float) -> int:
    """Return the number of steps that cover a time (ns).

    Raises
    ------
    SimulationError
        It is not positive and finite.
    """
    if not (math.isfinite(duration_ns) and duration_ns > 0):
        raise SimulationError(f"duration_ns is {duration_ns!r}; it must be a positive finite number")
    return math.ceil(duration_ns / dt_ns * (1 - 1e-12))


def steps_per_look(arrays: SpikingArrays) -> int:
    """Return the steps between two looks at the states, about a second of work."""
    return max(1, _LOOK_EVERY // max(1, arrays.dendrites))


def new_buffers(network: SteppedNetwork, spikes: int) -> Buffers:
    """Return room for ``spikes`` spikes, one per neuron at least, and for the light of a spike of every emitter."""
    arrays, steps = network.arrays, network.steps
    size = max(spikes, arrays.neurons)
    fed = int(arrays.first_edge[arrays.neurons])
    queue = _queue(arrays.synapses - fed + len(arrays.edge_synapse) - fed)
    lookup = (*np.empty((3, arrays.dendrites)), np.empty(arrays.dendrites, dtype=np.int64))
    located = arrays.dendrites if steps.locates else 0
    pools, neurons = (len(steps.pool_kind), arrays.neurons) if steps.locates else (0, 0)
    state, slope, by_flux, drive = np.zeros((4, located))
    spiking = np.zeros(neurons, dtype=np.int64)
    room = 2 * arrays.synapses if steps.locates else 0
    return Buffers(
        queue=queue,
        own_queue=_queue(2 * fed),
        spikes_ns=np.empty(size),
        spike_neuron=np.empty(size, dtype=np.int64),
        soma_flux=np.zeros(arrays.neurons),
        lookup=lookup,
        factor=np.empty((len(arrays.kinds), 4)),
        jumps=_jumps(room, np.full(located, -1, dtype=np.int64)),
        trial=Trial(state, slope, by_flux, drive, np.zeros(pools), np.zeros(neurons), spiking),
        pieces=Pieces(*np.zeros((7, room + located))),
        lanes=Lanes(*np.zeros((4, located), dtype=np.int64), *np.zeros((13, located))),
    )


def _jumps(room: int, first: NDArray[np.int64]) -> Jumps:
    pools, following = np.zeros((2, room), dtype=np.int64)
    times_ns, changes, bends = np.zeros((3, room))
    return Jumps(times_ns, pools, changes, bends, following, first)


def with_larger_queue(buffers: Buffers) -> Buffers:
    """Return buffers whose queues have more room, and what is in them."""
    jumps, pieces = buffers.jumps, buffers.pieces
    if len(jumps.first):
        larger = _jumps(2 * len(jumps.pools) + 64, jumps.first)
        for new, old in zip(larger[:5], jumps[:5], strict=True):
            new[: len(old)] = old
        jumps, pieces = larger, Pieces(*np.zeros((7, len(larger.pools) + len(jumps.first))))
    queue, own_queue = _larger(buffers.queue), _larger(buffers.own_queue)
    return buffers._replace(queue=queue, own_queue=own_queue, jumps=jumps, pieces=pieces)


def _larger(queue: Queue) -> Queue:
    larger = _queue(2 * len(queue[0]) + 64)
    for new, old in zip(larger, queue, strict=True):
        new[: len(old)] = old
    return larger


def _queue(size: int) -> Queue:
    return np.empty(size), np.empty(size), np.empty(size, dtype=np.int64)


def checked_trains(
    network: SpikingNetwork, inputs: Sequence[ArrayLike], duration_ns: float
) -> list[NDArray[np.float64]]:
    """Return spike trains as arrays, one per input channel.

    Raises
    ------
    SimulationError
        Their number is not that of the channels, a train is no flat list of finite times, or a spike is outside the
        simulated time.
    """
    channels = network.arrays.channels
    if len(inputs) != channels:
        raise SimulationError(
            f"inputs have {len(inputs)} spike trains; chip {network.name!r} has {channels} input channels, "
            "one train each"
        )
    trains = []
    for channel, train in enumerate(inputs):
        times = np.asarray(train, dtype=np.float64)
        if times.ndim != 1 or not np.isfinite(times).all():
            raise SimulationError(f"input channel {channel}: a spike train is a flat list of finite times (ns)")
        outside = times[(times < 0) | (times > duration_ns)]
        if len(outside):
            raise SimulationError(
                f"input channel {channel}: a spike at {outside[0]:g} ns is outside the simulated 0 to "
                f"{duration_ns:g} ns; {'simulate longer, or ' if outside[0] > 0 else ''}remove it"
            )
        trains.append(times)
    return trains


def _merge(
    network: SpikingNetwork, inputs: Sequence[ArrayLike], duration_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All input spikes in order of time, with the emitter of each."""
    trains, channels = checked_trains(network, inputs, duration_ns), network.arrays.channels
    if not trains:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    times = np.concatenate(trains)
    emitters = np.repeat(network.arrays.neurons + np.arange(channels), [len(train) for train in trains])
    order = np.lexsort((emitters, times))
    return times[order], emitters[order]


def check_noise(network: SpikingNetwork, read_seed: int | None) -> None:
    """Refuse a read seed where nothing is random, and none where light would be flattered without it.

    Raises
    ------
    SimulationError
        Either is so, or the seed is out of its range.
    """
    photons = network.arrays.edge_photons
    if read_seed is not None:
        if not 0 <= read_seed < 2**63:
            raise SimulationError(f"read_seed is {read_seed}; it must be 0 or more, and below 2^63")
        if not np.isfinite(photons).any() and not network.arrays.kinds[:, 6].any():
            raise SimulationError(
                f"chip {network.name!r} has nothing random: every spike is detected, and there are no dark counts; "
                "leave the read seed out, or state photons or dark counts"
            )
        return
    fewest = float(photons.min(initial=math.inf))
    if math.exp(-fewest) > _MAX_MISSED:
        raise SimulationError(
            f"chip {network.name!r}: a synapse sees {fewest:.3g} photons per spike in the mean, so that "
            f"{math.exp(-fewest):.1%} of the spikes do not reach it; give a read seed, since a run without noise "
            "would count them all"
        )


def lacked_room(network: SpikingNetwork, state: SpikingState) -> SimulationError:
    """Return the error of a step in which detectors without dead time saw too much light."""
    return SimulationError(
        f"chip {network.name!r}: step {state.counts[STEP]} brings more photons to detectors that are live again within "
        "it than there is room for; use a finer step"
    )


def check_finite(network: SpikingNetwork, state: SpikingState) -> None:
    """Refuse a state that has diverged.

    Raises
    ------
    SimulationError
        A state or a flux is not finite.
    """
    for name, values in (("state", state.state), ("flux", state.flux)):
        if not np.isfinite(values).all():
            worst = int(np.flatnonzero(~np.isfinite(values))[0])
            raise SimulationError(
                f"the {name} of dendrite {worst} of chip {network.name!r} diverges before step {state.counts[STEP]}; "
                "use a finer step or smaller couplings and efficacies"
            )
