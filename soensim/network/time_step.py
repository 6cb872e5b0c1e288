"""A compiled chip at a finer integration step, or with slower or faster links."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soensim.errors import SimulationError
from soensim.network.network import FloatArray, Network, Synapses

_WHOLE_STEP = 1e-9  # a remainder this near to 0 or 1 is a rounding error of ps / dt, not a part of a step


def refined(network: Network, factor: int) -> Network:
    """Make the same chip at a step ``factor`` times finer: what `compile_network(routed, refine=factor)` gives.

    Raises
    ------
    SimulationError
        The factor is below 1.
    """
    if factor < 1:
        raise SimulationError(f"refine is {factor}; it divides the integration step, so it must be 1 or more")
    return network if factor == 1 else replace(with_delay_factor(network, factor), substeps=network.substeps * factor)


def with_delay_factor(network: Network, factor: float) -> Network:
    """Make the same chip with every delay times a factor of 0 or more."""
    return replace(network, synapses={key: _slower(s, factor) for key, s in network.synapses.items()})


def whole_steps(delays: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Split delays (in steps) into whole steps and a remainder in [0, 1)."""
    whole = np.floor(delays)
    remainder = delays - whole
    up = remainder > 1 - _WHOLE_STEP
    return (whole + up).astype(np.int64), np.where(up | (remainder < _WHOLE_STEP), 0.0, remainder)


def _slower(synapses: Synapses, factor: float) -> Synapses:
    steps, remainder = whole_steps((synapses.delay_steps + synapses.delay_remainder) * factor)
    steps.setflags(write=False)
    remainder.setflags(write=False)
    return replace(synapses, delay_steps=steps, delay_remainder=remainder)
