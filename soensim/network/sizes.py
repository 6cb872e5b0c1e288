"""How many steps a chip may take, and how much memory its states need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from soensim.errors import SimulationError

if TYPE_CHECKING:
    from soensim.network.network import Network

#: Steps per input sample, refinement included: minutes of a small chip.
MAX_SUBSTEPS: Final = 1_000_000
#: Steps of the longest delay: every state of that time is kept.
MAX_DELAY_STEPS: Final = 1_000_000


def check_steps(network: Network) -> None:
    """Refuse a chip that takes too many steps.

    Raises
    ------
    SimulationError
        A sample has more than `MAX_SUBSTEPS` steps, or a delay more than `MAX_DELAY_STEPS`.
    """
    if not network.substeps <= MAX_SUBSTEPS:
        raise SimulationError(
            f"chip {network.name!r} takes {network.substeps:.4g} steps per input sample of {network.sample_tau:.4g} "
            f"tau; the limit is {MAX_SUBSTEPS}: shorten the sample (timing), or refine less"
        )
    for key, synapses in network.synapses.items():
        steps = float(np.max(synapses.delay_tau, initial=0.0)) / network.dt_tau
        if not steps <= MAX_DELAY_STEPS:
            raise SimulationError(
                f"projection {key!r}: a delay lasts {steps:.4g} integration steps; the limit is {MAX_DELAY_STEPS}: "
                "shorten the delay, or take coarser steps (timing.substeps)"
            )


def delay_steps(network: Network) -> int:
    """States that are kept for the longest delay."""
    longest = max((float(np.max(s.delay_tau, initial=0.0)) for s in network.synapses.values()), default=0.0)
    return int(longest / network.dt_tau) + 2


def state_bytes(network: Network, rows: int, samples: int) -> int:
    """Least memory of a run: the states after every sample, twice while they are put together, and those of delays.

    So are the signals of input ports that drive light, whose spikes differ from row to row.
    """
    lit = 0
    if network.light is not None and network.draws_spikes:
        ports = zip(network.light.ports, network.inputs, strict=True)
        lit = sum(line.channels.stop - line.channels.start for emission, line in ports if emission is not None)
    return 8 * rows * (network.neurons * (2 * samples + delay_steps(network)) + lit * 2 * samples)
