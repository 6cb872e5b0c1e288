"""Whether a chip of rate neurons stands for a spiking one; loads no engine."""

from __future__ import annotations

from soensim.errors import SimulationError
from soensim.network import LinearOutput, Network
from soensim.network.light import Light


def check_has_counterpart(network: Network) -> Light:
    """Refuse a chip that stands for no spiking one; return its light.

    Raises
    ------
    SimulationError
        It spikes itself, a projection is electrical, light is averaged or random, a source function is no SQUID's,
        states are normalised, SQUIDs have several temperatures, or the readout is not linear.
    """
    where, light = f"chip {network.name!r} cannot be run as a spiking chip:", network.light
    if network.spiking is not None:
        raise SimulationError(f"{where} it is one; leave `--engine spiking` out, its score counts spikes already")
    if light is None:
        raise SimulationError(
            f"{where} no light carries its rates, and a wire carries a state, not spikes; take a chip with "
            "`medium: optical`, or leave `--engine spiking` out"
        )
    wired = [key for key in network.synapses if key not in light.photons]
    if wired:
        raise SimulationError(f"{where} projection {wired[0]!r} is electrical, and carries a state, not spikes")
    if light.averaged:
        raise SimulationError(f"{where} `--light average` leaves no spike to compare with; leave one of the two out")
    if any(e is not None and e.poisson for e in (*light.ports, *light.populations)):
        raise SimulationError(f"{where} routing.spike_statistics is poisson, and somas spike regularly; take `regular`")
    for population in network.populations:
        if population.source.table is None:
            raise SimulationError(
                f"{where} population {population.name!r} has the source function {population.source.name!r}, and "
                "spiking neurons are SQUIDs; take source_function `squid`"
            )
        if population.normalisation is not None:
            raise SimulationError(f"{where} population {population.name!r} normalises its states, which no neuron does")
    if len({table.temperature_k for p in network.populations if (table := p.source.table) is not None}) > 1:
        raise SimulationError(f"{where} its populations have several temperatures, and a spiking chip has one")
    if not isinstance(network.output, LinearOutput) or network.labels:
        raise SimulationError(f"{where} its answer is no linear readout of states; take `readout: {{kind: linear}}`")
    return light
