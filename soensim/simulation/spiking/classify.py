"""Scores of every class on a spiking chip, and what its neurons did: spikes counted sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.data import FloatArray
from soensim.errors import SimulationError
from soensim.fabrication import FabricatedChip
from soensim.network import CountOutput, Network, encode_data
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.program import Program
from soensim.simulation.chip import chip_of
from soensim.simulation.spiking.batch import SampleCounts, SpikeBatch, count_spikes
from soensim.simulation.spiking.encode import duration_ns, encode_spikes
from soensim.simulation.spiking.readout import readings, scores_of
from soensim.simulation.spiking.realise import realise

_BLOCK = 256  # samples between two calls of `stop`


@dataclass(frozen=True, eq=False)
class CountedSamples:
    """What a spiking chip did with samples.

    Attributes
    ----------
    sent
        (samples, channels): spikes on each input channel.
    spikes, mean_flux
        (samples, neurons): spikes of each neuron, and the flux through its soma (Phi_0) in the mean over time.
    """

    sent: NDArray[np.int64]
    spikes: NDArray[np.int64]
    mean_flux: NDArray[np.float64]


def count_samples(
    network: Network,
    chip: FabricatedChip,
    values: FloatArray,
    *,
    read_seed: int = 0,
    threads: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> CountedSamples:
    """Run samples of a data set on one chip, each from rest.

    Parameters
    ----------
    network
        The chip as drawn, at the integration step to use.
    chip
        One fabricated chip of it, or the nominal one.
    values
        In [0, 1], shape (samples, frames, data channels).
    read_seed
        Draws the spike trains, the photons and the dark counts of each sample.
    threads
        None: as many as there are cores.
    stop
        Called now and then; what it raises ends the work.

    Returns
    -------
    CountedSamples
        The same for a given sample, whatever the number of samples or threads.

    Raises
    ------
    DataError
        Values out of range.
    SimulationError
        No input lines take data, or a state diverges.
    """
    return count_encoded(network, chip, encode_data(network, values), read_seed=read_seed, threads=threads, stop=stop)


def count_encoded(
    network: Network,
    chip: FabricatedChip,
    drive: FloatArray,
    *,
    read_seed: int = 0,
    threads: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> CountedSamples:
    """`count_samples` of samples that `soensim.network.encode_data` has made rates (MHz) of, or times."""
    spiking = realise(network, chip)
    light_seed = light_seed_of(network, spiking, read_seed)
    lasting_ns = duration_ns(network, drive.shape[1])
    parts, sent = [], []
    for start in range(0, len(drive), _BLOCK):
        stop()
        batch = encode_spikes(network, drive[start : start + _BLOCK], read_seed=read_seed, first_sample=start)
        sent.append(_sent(batch, network.channels))
        parts.append(
            count_spikes(
                spiking,
                batch,
                duration_ns=lasting_ns,
                read_seed=light_seed,
                first_sample=start,
                threads=threads,
                stop=stop,
            )
        )
    counts = SampleCounts(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("spikes", "mean_flux")))
    return CountedSamples(np.concatenate(sent), counts.spikes, counts.mean_flux)


def spike_scores(
    network: Network,
    program: Program,
    values: FloatArray,
    *,
    chip_seed: int | None = None,
    chip: FabricatedChip | None = None,
    read_seed: int = 0,
    stop: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Score every class by what the readout reads; the arguments are those of `soensim.simulation.class_scores`.

    Returns
    -------
    array
        Shape (samples, classes): spikes or mean fluxes of the neuron of each class, or sums of them.
    """
    made = chip_of(network, program, chip_seed, chip)
    counted = count_samples(network, made, values, read_seed=read_seed, stop=stop)
    return scores_of(network, made.values, readings(network, SampleCounts(counted.spikes, counted.mean_flux)))


def light_seed_of(network: Network, spiking: SpikingNetwork, read_seed: int) -> int | None:
    """Return the seed of photons and dark counts; None where neither is random."""
    return read_seed if network.light is not None or spiking.arrays.kinds[:, 6].any() else None


def counts_of_classes(network: Network, spikes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take the spikes of the neurons that are read, shape (samples, classes), from those of all neurons.

    Raises
    ------
    SimulationError
        The chip has no readout that counts spikes.
    """
    output = network.output
    if not isinstance(output, CountOutput) or network.spiking is None:
        raise SimulationError(f"chip {network.name!r} has no readout that counts spikes; add one to the netlist")
    read = [network.spiking.population(network.populations[k].name).neurons for k in output.populations]
    return np.concatenate([spikes[:, neurons] for neurons in read], axis=1)


def _sent(batch: SpikeBatch, channels: int) -> NDArray[np.int64]:
    samples = np.repeat(np.arange(batch.samples), np.diff(batch.starts))
    counted = np.bincount(samples * channels + batch.channels, minlength=batch.samples * channels)
    return counted.reshape(batch.samples, channels).astype(np.int64)
