"""A fabricated chip of spiking neurons -> the arrays that its engine steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.spiking import SpikingArrays
from soensim.fabrication import FabricatedChip
from soensim.network import Network, Population
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.simulation.spiking.encode import sample_ns, spiking_of


def realise(network: Network, chip: FabricatedChip) -> SpikingNetwork:
    """Give the dendrites, synapses and paths of a spiking chip what one fabricated chip has.

    Parameters
    ----------
    network
        The chip as drawn.
    chip
        One chip of it, with the values that are programmed; what it has beyond the drawing's is taken as `FabricatedChip`
        says. Efficacies are no levels any more, and are taken as they are.

    Raises
    ------
    SimulationError
        The network has no spiking neurons.
    """
    spiking = spiking_of(network)
    arrays = spiking.arrays
    columns = {
        name: getattr(arrays, name).copy() for name in ("gamma_plus", "gamma_minus", "bias_current", "flux_offset")
    }
    for index, population in enumerate(network.populations):
        dendrites = dendrites_of(spiking, population)
        for name, column in columns.items():
            column[dendrites] = getattr(chip, name)[index]
        if population.trim_key in chip.values:
            columns["flux_offset"][dendrites] += chip.values[population.trim_key]
    efficacy, photons, delay = arrays.efficacy.copy(), np.ones(arrays.synapses), np.ones(arrays.synapses)
    delay *= chip.delay_factor
    for key, group in spiking.groups.items():
        efficacy[group.synapses] = chip.values[key]
        photons[group.synapses] = chip.photons.get(key, 1.0)
        delay[group.synapses] *= chip.edge_delay_factor.get(key, 1.0)
    changed: dict[str, NDArray[np.float64]] = {
        **columns,
        "efficacy": efficacy,
        "edge_photons": arrays.edge_photons * photons[arrays.edge_synapse],
        "edge_delay_ns": arrays.edge_delay_ns * delay[arrays.edge_synapse],
    }
    for array in changed.values():
        array.setflags(write=False)
    return replace(
        spiking,
        arrays=SpikingArrays(**{**arrays._asdict(), **changed}),
        dt_ns=sample_ns(network) / network.substeps,  # the step of the network, which may have been refined
        record_every=network.substeps,
    )


def dendrites_of(spiking: SpikingNetwork, population: Population) -> NDArray[np.int64]:
    """Return where the dendrites of a population of `Network` are in the arrays, shape (size,)."""
    name, _, place = population.name.partition(".")
    return spiking.dendrites(name, place or "soma")
