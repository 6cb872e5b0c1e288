"""A compiled chip at another integration step, with slower or faster links, or without single spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.errors import ProgramError, SimulationError
from soensim.network.network import Network
from soensim.network.synapses import Synapses


def refined(network: Network, factor: int) -> Network:
    """Make the same chip at a step ``factor`` times finer: what `compile_network(routed, refine=factor)` gives.

    Raises
    ------
    SimulationError
        The factor is below 1.
    """
    if factor < 1:
        raise SimulationError(f"refine is {factor}; it divides the integration step, so it must be 1 or more")
    return replace(network, substeps=network.substeps * factor)


def at_training_step(network: Network, header: Mapping[str, Any]) -> Network:
    """Make the chip at the step that a program was trained with.

    Parameters
    ----------
    network
        The chip, at any step.
    header
        Header of the program; ``substeps`` is missing where weights come from elsewhere, and means the netlist's.

    Raises
    ------
    ProgramError
        The program's substeps are no multiple of those of the chip.
    """
    substeps = header.get("substeps", network.netlist_substeps)
    if substeps % network.trained_substeps:
        raise ProgramError(
            f"the program was trained with {substeps} substeps per sample; chip {network.name!r} has "
            f"{network.trained_substeps}, and training can only use a multiple of them"
        )
    return replace(network, substeps=substeps)


def with_average_light(network: Network) -> Network:
    """Make the same chip with light taken for its average: no spike, no photon and no dark count is drawn.

    Raises
    ------
    SimulationError
        No light carries a rate on this chip.
    """
    if network.spiking is not None:
        raise SimulationError(
            f"chip {network.name!r} has spiking neurons, whose light carries spikes, and no rate to average; "
            "leave `--light average` out"
        )
    if network.light is None:
        raise SimulationError(
            f"chip {network.name!r} has no optical projection of rate neurons, so that there are no spikes to average; "
            "leave `--light average` out"
        )
    return replace(network, light=replace(network.light, averaged=True))


def with_delay_factor(
    network: Network, factor: float, per_edge: Mapping[str, NDArray[np.float64]] | None = None
) -> Network:
    """Make the same chip with every delay times a factor of 0 or more, and those of some projections edge by edge."""
    own = per_edge or {}
    slower = {key: _slower(s, factor * own[key] if key in own else factor) for key, s in network.synapses.items()}
    return replace(network, synapses=slower)


def _slower(synapses: Synapses, factor: float | NDArray[np.float64]) -> Synapses:
    delay_tau = synapses.delay_tau * factor
    delay_tau.setflags(write=False)
    return replace(synapses, delay_tau=delay_tau)
