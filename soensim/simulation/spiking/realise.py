"""A fabricated chip of spiking neurons -> the arrays that its engine steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.spiking import SpikingArrays
from soensim.errors import SimulationError
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
        One chip of it, with the values that are programmed. Its efficacies need not be levels any more.

    Raises
    ------
    SimulationError
        The network has no spiking neurons, or the chip has imperfections that their engine lacks.
    """
    spiking = spiking_of(network)
    _check(network, chip)
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


def _check(network: Network, chip: FabricatedChip) -> None:
    """Refuse what the engine of spiking chips does not have."""
    unknown = {
        "spread of the SQUIDs": bool(chip.squids),
        "flux noise": bool(chip.read_noise_flux),
        "noise of the loops": bool(chip.thermal_noise or chip.shot_noise),
        "converters": bool(chip.dac_bits or chip.adc_bits or chip.dac_noise or chip.adc_noise),
        "stray light": bool(chip.stray_light),
    }
    found = [name for name, present in unknown.items() if present]
    if found:
        raise SimulationError(
            f"chip {network.name!r}: {', '.join(found)} among its imperfections, which the engine of spiking chips "
            "does not have; leave them out"
        )


def dendrites_of(spiking: SpikingNetwork, population: Population) -> NDArray[np.int64]:
    """Return where the dendrites of a population of `Network` are in the arrays, shape (size,)."""
    name, _, place = population.name.partition(".")
    return spiking.dendrites(name, place or "soma")
