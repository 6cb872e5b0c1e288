"""When lines and neurons spike while one sample of a data set is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.data import FloatArray
from soensim.fabrication import FabricatedChip
from soensim.network import Network, encode_data
from soensim.simulation.spiking.batch import read_seed_of
from soensim.simulation.spiking.classify import light_seed_of
from soensim.simulation.spiking.encode import duration_ns, encode_spikes
from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.realise import realise


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of one sample.

    Attributes
    ----------
    sent_ns, channels
        Spikes on the input lines: when (ns), ascending, and on which channel.
    spikes_ns, neurons
        Spikes of the neurons: when (ns), and of which.
    duration_ns
        How long the sample lasts.
    """

    sent_ns: NDArray[np.float64]
    channels: NDArray[np.int64]
    spikes_ns: NDArray[np.float64]
    neurons: NDArray[np.int64]
    duration_ns: float


def sample_raster(
    network: Network, chip: FabricatedChip, values: FloatArray, *, sample: int, read_seed: int = 0
) -> Raster:
    """Run one sample of a data set; its spikes are those that `count_samples` counts.

    Parameters
    ----------
    network, chip, read_seed
        As `count_samples`.
    values
        In [0, 1], shape (frames, data channels).
    sample
        Number of the sample among those that are counted; what is drawn depends on it.

    Raises
    ------
    DataError
        Values out of range.
    SimulationError
        No input lines take data, or a state diverges.
    """
    spiking = realise(network, chip)
    batch = encode_spikes(network, encode_data(network, values[None]), read_seed=read_seed, first_sample=sample)
    lasting_ns = duration_ns(network, len(values))
    trace = simulate_spikes(
        spiking,
        batch.trains(0, network.channels),
        duration_ns=lasting_ns,
        read_seed=read_seed_of(light_seed_of(network, spiking, read_seed), sample),
    )
    return Raster(batch.times_ns, batch.channels, trace.spikes_ns, trace.spike_neuron, lasting_ns)
