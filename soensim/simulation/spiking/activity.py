"""What a data set makes a spiking chip do."""

from __future__ import annotations

import numpy as np

from soensim.budget import Activity
from soensim.data import FloatArray
from soensim.network import Network
from soensim.program import Program
from soensim.simulation.chip import chip_of
from soensim.simulation.spiking.classify import count_samples


def spiking_activity(network: Network, program: Program, values: FloatArray, *, read_seed: int = 0) -> Activity:
    """Count the spikes of a program on the nominal chip, in the mean of a sample; as `measure_activity`."""
    counted = count_samples(network, chip_of(network, program, None), values, read_seed=read_seed)
    spikes = {line.name: counted.sent[:, line.channels].mean(0) for line in network.inputs}
    if network.spiking is not None:
        spikes |= {p.name: counted.spikes[:, p.neurons].mean(0) for p in network.spiking.populations}
    detections = 0.0
    for key, synapses in network.synapses.items():
        source, _, _ = key.partition("->")
        seen = 1.0 if network.light is None else -np.expm1(-network.light.photons.get(key, np.inf))
        detections += float((spikes[source][synapses.sources] * seen).sum())
    return Activity(
        spikes, {}, values.shape[1] * network.hold_samples, _sparsity(counted.spikes.astype(np.float64)), detections
    )


def _sparsity(spikes: FloatArray) -> float:
    """Return 1 - <n>^2 / <n^2> over the neurons, in the mean over the samples."""
    square = (spikes**2).mean(1)
    density = np.divide(spikes.mean(1) ** 2, square, out=np.zeros_like(square), where=square > 0)
    return 1 - float(density.mean())
