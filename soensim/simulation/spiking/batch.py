"""Many samples through one spiking network: (network, spike trains of all samples, seed) -> counts per sample."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.cores import usable_cores
from soensim.dynamics.spiking import Record, SampleSpikes, SampleSums, SteppedNetwork, advance_samples, initial_state
from soensim.dynamics.spiking.kernel import DONE, QUEUE_FULL
from soensim.dynamics.spiking.light import sample_seed
from soensim.errors import SimulationError
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.simulation.spiking.engine import (
    check_finite,
    check_noise,
    lacked_room,
    new_buffers,
    stepped_network,
    steps_in,
    steps_per_look,
    with_larger_queue,
)

Stop = Callable[[], None]

# Parts of a batch that a thread takes at a time: fewer would leave threads idle at the end, more cost calls.
_PARTS_PER_THREAD = 8


@dataclass(frozen=True, eq=False)
class SpikeBatch:
    """Spike trains of many samples, one after the other.

    Parameters
    ----------
    times_ns, channels
        (spikes,): when (ns), in ascending order within a sample, and on which input channel of the network.
    starts
        (samples + 1,): sample k has the spikes starts[k] to starts[k + 1] - 1; from 0 to the number of spikes.
    """

    times_ns: NDArray[np.float64]
    channels: NDArray[np.int64]
    starts: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.starts) - 1

    def trains(self, sample: int, channels: int) -> list[NDArray[np.float64]]:
        """Spike trains (ns) of one sample, one per input channel, as `simulate_spikes` takes them."""
        own = slice(int(self.starts[sample]), int(self.starts[sample + 1]))
        times_ns, emitted = self.times_ns[own], self.channels[own]
        return [times_ns[emitted == channel] for channel in range(channels)]


@dataclass(frozen=True, eq=False)
class SampleCounts:
    """What the neurons did in each sample.

    Attributes
    ----------
    spikes
        (samples, neurons): number of spikes.
    mean_flux
        (samples, neurons): flux through the soma (Phi_0), averaged over the steps, those in which it is held included.
    """

    spikes: NDArray[np.int64]
    mean_flux: NDArray[np.float64]


def read_seed_of(read_seed: int | None, sample: int) -> int | None:
    """Read seed with which `simulate_spikes` repeats one sample of a batch; ``sample`` counts from `first_sample`."""
    return None if read_seed is None else int(sample_seed(read_seed, sample))


def count_spikes(
    network: SpikingNetwork,
    batch: SpikeBatch,
    *,
    duration_ns: float,
    read_seed: int | None = None,
    first_sample: int = 0,
    threads: int | None = None,
    stop: Stop = lambda: None,
) -> SampleCounts:
    """Run every sample from rest, and count the spikes of each neuron.

    A sample gives what `simulate_spikes` gives with the seed `read_seed_of(read_seed, first_sample + k)`: the result
    depends neither on what else is in the batch nor on threads.

    Parameters
    ----------
    network
        The chip, with its step and integrator.
    batch
        Spike trains, each within [0, duration_ns].
    duration_ns
        How long each sample is; a part of a step at the end is taken as a whole one.
    read_seed
        Draws the light of every sample; None is without noise, as `simulate_spikes` has it.
    first_sample
        Number of the first sample of the batch, where it is a part of a larger one.
    threads
        None: as many as there are cores to use.
    stop
        Called now and then, in any of the threads; what it raises ends the run.

    Raises
    ------
    SimulationError
        As `simulate_spikes`; or the batch's arrays do not fit each other, or threads or first_sample are out of range.
    """
    stepped = stepped_network(_without_idle(network), None, None)
    until = steps_in(duration_ns, stepped.steps.dt_ns)
    check_noise(network, read_seed)
    if first_sample < 0:
        raise SimulationError(f"first_sample is {first_sample}; it must be 0 or more")
    if threads is not None and threads < 1:
        raise SimulationError(f"threads is {threads}; it must be 1 or more")
    given = _given(network, batch, duration_ns, read_seed, first_sample)
    shape = batch.samples, stepped.arrays.neurons
    sums = SampleSums(np.zeros(shape, dtype=np.int64), np.zeros(shape))
    workers = min(usable_cores() if threads is None else threads, max(batch.samples, 1))
    size = -(-batch.samples // (workers * _PARTS_PER_THREAD)) if workers > 1 else max(batch.samples, 1)
    parts = iter([slice(k, min(k + size, batch.samples)) for k in range(0, batch.samples, max(size, 1))])
    _share(lambda halt: _run(network, stepped, given, sums, parts, until, halt), workers, stop)
    return SampleCounts(sums.spikes, sums.soma_flux / until)


def _share(work: Callable[[Stop], None], workers: int, stop: Stop) -> None:
    """Let threads work until all are done, or one raises: then the others end at their next call of `halt`."""
    if workers <= 1:
        work(stop)
        return
    ended = threading.Event()

    def halt() -> None:
        if ended.is_set():
            raise _EndedError
        stop()

    def until_one_fails() -> None:
        try:
            work(halt)
        except BaseException:
            ended.set()  # here, not by the future: the others would make many more looks before it says so
            raise

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(until_one_fails) for _ in range(workers)]
        try:
            failures = [failure for future in futures if (failure := future.exception()) is not None]
        finally:  # also at Ctrl-C, which comes to the thread that waits here
            ended.set()
    for failure in failures:
        if not isinstance(failure, _EndedError):
            raise failure


class _EndedError(Exception):
    """Another thread has failed, or the user has interrupted."""


def _run(
    network: SpikingNetwork,
    stepped: SteppedNetwork,
    given: SampleSpikes,
    sums: SampleSums,
    parts: Iterator[slice],
    until: int,
    halt: Stop,
) -> None:
    """Take parts of the batch until none is left; state and buffers are this thread's own."""
    state = initial_state(stepped.arrays, len(stepped.steps.pool_kind))
    buffers = new_buffers(stepped, 0)
    none = np.zeros(0, dtype=np.int64)
    record = Record(until, none, np.zeros((2, 0)), np.zeros((2, 0)), none, np.zeros((2, 0)))
    most_steps = steps_per_look(stepped.arrays)
    for part in parts:
        place = np.array([part.start, 0])
        while place[0] < part.stop:
            halt()
            answer = advance_samples(stepped, state, given, buffers, record, sums, place, part.stop, until, most_steps)
            if answer == QUEUE_FULL:
                buffers = with_larger_queue(buffers)
            elif answer != DONE:
                try:
                    check_finite(network, state)
                    raise lacked_room(network, state)
                except SimulationError as error:
                    raise SimulationError(f"sample {int(place[0])}: {error}") from error


def _without_idle(network: SpikingNetwork) -> SpikingNetwork:
    """Leave out the light to synapses of efficacy 0, on which nothing depends; other synapses keep their numbers."""
    arrays = network.arrays
    idle = arrays.efficacy == 0
    if not idle.any():
        return network
    kept = ~idle[arrays.edge_synapse]
    dark = arrays.kinds.copy()
    dark[:, 6] = 0.0
    return replace(
        network,
        arrays=arrays._replace(
            kinds=np.concatenate([arrays.kinds, dark]),
            synapse_kind=arrays.synapse_kind + len(arrays.kinds) * idle,
            first_edge=np.concatenate([[0], np.cumsum(kept)])[arrays.first_edge],
            edge_synapse=arrays.edge_synapse[kept],
            edge_delay_ns=arrays.edge_delay_ns[kept],
            edge_photons=arrays.edge_photons[kept],
            edge_tau_rad_ns=arrays.edge_tau_rad_ns[kept],
        ),
    )


def _given(
    network: SpikingNetwork, batch: SpikeBatch, duration_ns: float, read_seed: int | None, first_sample: int
) -> SampleSpikes:
    """What the kernel reads, once the batch has been checked."""
    times_ns = np.ascontiguousarray(batch.times_ns, dtype=np.float64)
    channels, starts = np.asarray(batch.channels), np.asarray(batch.starts)
    _check_shapes(times_ns, channels, starts)
    _check_spikes(network, times_ns, channels, starts, duration_ns)
    numbers = range(first_sample, first_sample + len(starts) - 1)
    seeds = [-1 if (own := read_seed_of(read_seed, k)) is None else own for k in numbers]
    sample = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.lexsort((channels, times_ns, sample))  # spikes at one time in the order of channels
    return SampleSpikes(
        times_ns[order],
        channels[order].astype(np.int64) + network.arrays.neurons,
        starts.astype(np.int64),
        np.array(seeds, dtype=np.int64),
    )


def _check_shapes(times_ns: NDArray[np.float64], channels: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    if times_ns.ndim != 1 or channels.shape != times_ns.shape or channels.dtype.kind not in "iu":
        raise SimulationError(
            f"spike batch: times_ns and channels have the shapes {times_ns.shape} and {channels.shape}; they must be "
            "flat, of one length, and the channels whole numbers"
        )
    flat = starts.ndim == 1 and starts.size > 0 and starts.dtype.kind in "iu"
    if not flat or starts[0] != 0 or starts[-1] != len(times_ns) or (np.diff(starts.astype(np.int64)) < 0).any():
        raise SimulationError(
            f"spike batch: starts must be whole numbers in ascending order, from 0 to the {len(times_ns)} spikes"
        )


def _check_spikes(
    network: SpikingNetwork,
    times_ns: NDArray[np.float64],
    channels: NDArray[np.int64],
    starts: NDArray[np.int64],
    duration_ns: float,
) -> None:
    """Refuse spikes that are no times of the simulation, on no channel, or out of order; say in which sample."""

    def refuse(wrong: NDArray[np.bool_], what: Callable[[int], str]) -> None:
        if wrong.any():
            place = int(np.argmax(wrong))
            sample = int(np.searchsorted(starts, place, side="right")) - 1
            raise SimulationError(f"spike batch: sample {sample}: {what(place)}")

    count = network.arrays.channels
    refuse(
        (channels < 0) | (channels >= count),
        lambda k: f"channel {channels[k]} does not exist; chip {network.name!r} has {count}, counted from 0",
    )
    refuse(
        ~((times_ns >= 0) & (times_ns <= duration_ns)),
        lambda k: f"a spike at {times_ns[k]:g} ns is outside the simulated 0 to {duration_ns:g} ns",
    )
    falls = np.zeros(len(times_ns), dtype=np.bool_)
    falls[1:] = np.diff(times_ns) < 0
    falls[starts[:-1][np.diff(starts) > 0]] = False  # the first spike of a sample may be before the last of another
    refuse(falls, lambda k: f"a spike at {times_ns[k]:g} ns follows a later one; sort the spikes of a sample by time")
