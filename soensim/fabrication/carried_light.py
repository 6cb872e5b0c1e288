"""What a fabricated chip's light carries where it is not as drawn: other numbers of photons, and stray ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import like
from soensim.network import Network

FloatArray = NDArray[np.float64]


def carried(network: Network, chip: FabricatedChip, key: str) -> Array:
    """Return the efficacies of a projection, as what carries its signals lets them be.

    Where light is taken for its average they fall with the share of the spikes that a detector counts,
    (1 - e^-m) / (1 - e^-m_0); else what it misses is drawn (`soensim.fabrication.spiking_light`).
    """
    light = network.light
    if light is None or not light.averaged or key not in chip.photons:
        return chip.values[key]
    nominal = light.photons[key]
    return chip.values[key] * like(np.expm1(-nominal * chip.photons[key]) / np.expm1(-nominal), chip.values[key])


def stray_counts(network: Network, chip: FabricatedChip, key: str) -> FloatArray | float:
    """Mean number of counts of stray photons in a frame, shape (edges,); see `StrayLightDb`."""
    light, synapses = network.light, network.synapses[key]
    if light is None or chip.stray_light == 0:
        return 0.0
    emission = light.ports[synapses.port] if synapses.source is None else light.populations[synapses.source]
    if emission is None:
        return 0.0
    counts: FloatArray = -emission.spikes * np.expm1(-chip.stray_light * light.photons[key])
    return counts


def stray_flux(network: Network, chip: FabricatedChip, index: int) -> Array | None:
    """Return the flux (Phi_0) that stray light gives a population, (neurons,), where light is taken for its average."""
    light = network.light
    if light is None or not light.averaged or chip.stray_light == 0:
        return None
    total: Array | None = None
    for key in light.photons:
        synapses, values = network.synapses[key], chip.values[key]
        emission = light.ports[synapses.port] if synapses.source is None else light.populations[synapses.source]
        if synapses.target != index or emission is None:
            continue
        flux = _sums(
            values * like(emission.signal(stray_counts(network, chip, key)), values), synapses.targets, index, network
        )
        total = flux if total is None else total + flux
    return total


def _sums(per_edge: Array, targets: NDArray[np.int64], index: int, network: Network) -> Array:
    """Sum over the edges of each neuron of a population, numpy or torch."""
    size = network.populations[index].size
    if isinstance(per_edge, np.ndarray):
        return np.bincount(targets, weights=per_edge, minlength=size)
    import torch  # a simulation does not load it

    return per_edge.new_zeros(size).index_add(0, torch.as_tensor(targets, device=per_edge.device), per_edge)
