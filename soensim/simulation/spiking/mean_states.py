"""What the dendrites of a spiking chip do in the mean over a sample: what a local rule can measure on the chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.fabrication import FabricatedChip
from soensim.network import Network
from soensim.simulation.spiking.batch import read_seed_of
from soensim.simulation.spiking.encode import duration_ns, encode_spikes
from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.realise import dendrites_of, realise
from soensim.simulation.spiking.trace import Recording

_EVERY = 10  # steps between two looks at the states


class MeasuredSamples(NamedTuple):
    """What a chip did with samples: spikes (samples, neurons), and mean states (samples, size) by population."""

    spikes: NDArray[np.int64]
    states: Mapping[str, NDArray[np.float64]]


def measure_states(
    network: Network, chip: FabricatedChip, drive: NDArray[np.floating], *, read_seed: int
) -> MeasuredSamples:
    """Run samples one by one, each from rest, and average the states of all dendrites.

    Parameters
    ----------
    network, chip
        The chip as drawn, and one fabricated chip of it.
    drive
        Rates (MHz), (samples, frames, data channels), as `soensim.network.encode_data` gives them.
    read_seed
        Draws the spike trains, the photons and the dark counts.

    Raises
    ------
    SimulationError
        As `encode_spikes` and `simulate_spikes`.
    """
    spiking = realise(network, chip)
    noisy = network.light is not None or bool(spiking.arrays.kinds[:, 6].any())
    batch = encode_spikes(network, drive, read_seed=read_seed)
    places = {population.name: dendrites_of(spiking, population) for population in network.populations}
    recording = Recording(dendrites=np.concatenate(list(places.values())), every=_EVERY)
    spikes, states = [], []
    for k in range(batch.samples):
        trace = simulate_spikes(
            spiking,
            batch.trains(k, network.channels),
            duration_ns=duration_ns(network, drive.shape[1]),
            read_seed=read_seed_of(read_seed, k) if noisy else None,
            record=recording,
        )
        spikes.append(np.bincount(trace.spike_neuron, minlength=spiking.arrays.neurons))
        states.append(trace.state.mean(0))
    ends = np.cumsum([len(place) for place in places.values()])[:-1]
    parts = np.split(np.array(states), ends, axis=1)
    return MeasuredSamples(np.array(spikes), dict(zip(places, parts, strict=True)))
