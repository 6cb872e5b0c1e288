"""What all devices of a chip have in common off its drawing: a bias, a leak, a brightness that is set wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from soensim.errors import SimulationError
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.delay_spread import DelaySpread
from soensim.fabrication.imperfections.light import no_light
from soensim.network import Network

Apply = Callable[[Network, FabricatedChip, float], FabricatedChip]


@dataclass(frozen=True)
class Offset:
    """A parameter that all devices of a chip can have off alike.

    Attributes
    ----------
    varies
        What it is, in a word or two for tables.
    adds
        Whether an amount is added (Phi_0); else it is a factor.
    absent
        Says what a chip lacks that cannot show it; empty if it can.
    apply
        Makes the chip that is off by an amount.
    """

    varies: str
    adds: bool
    absent: Callable[[Network], str]
    apply: Apply


def shifted(network: Network, chip: FabricatedChip, parameter: str, amount: float) -> FabricatedChip:
    """Make the chip of which a parameter is off by an amount, alike in all devices.

    Parameters
    ----------
    network
        The chip as drawn.
    chip
        What was fabricated.
    parameter
        One of `OFFSETS`.
    amount
        A factor of 0 or more; of the flux offset what is added (Phi_0).

    Raises
    ------
    SimulationError
        The parameter is unknown, or the factor negative.
    """
    if parameter not in OFFSETS:
        raise SimulationError(f"no parameter {parameter!r} can be off; there are {', '.join(OFFSETS)}")
    offset = OFFSETS[parameter]
    if amount < 0 and not offset.adds:
        raise SimulationError(f"the factor on {parameter} is {amount:g}; it must be 0 or more")
    return offset.apply(network, chip, amount)


def _gamma_plus(network: Network, chip: FabricatedChip, factor: float) -> FabricatedChip:  # noqa: ARG001
    return replace(chip, gamma_plus=tuple(factor * value for value in chip.gamma_plus))


def _gamma_minus(network: Network, chip: FabricatedChip, factor: float) -> FabricatedChip:  # noqa: ARG001
    return replace(chip, gamma_minus=tuple(factor * value for value in chip.gamma_minus))


def _bias_current(network: Network, chip: FabricatedChip, factor: float) -> FabricatedChip:  # noqa: ARG001
    return replace(chip, bias_current=tuple(factor * value for value in chip.bias_current))


def _flux_offset(network: Network, chip: FabricatedChip, added: float) -> FabricatedChip:  # noqa: ARG001
    return replace(chip, flux_offset=tuple(value + added for value in chip.flux_offset))


def _delays(network: Network, chip: FabricatedChip, factor: float) -> FabricatedChip:  # noqa: ARG001
    return replace(chip, delay_factor=chip.delay_factor * factor)


def _photons(network: Network, chip: FabricatedChip, factor: float) -> FabricatedChip:
    of_drawing = {} if network.light is None else network.light.photons
    return replace(
        chip,
        photons={key: factor * chip.photons.get(key, np.ones(len(photons))) for key, photons in of_drawing.items()},
    )


def _no_bias(network: Network) -> str:
    return "no bias: all its source functions are virtual" if network.virtual else ""


def _no_leak(network: Network) -> str:
    return "" if any(p.gamma_minus.any() for p in network.populations) else "no leak"


OFFSETS: dict[str, Offset] = {
    "bias_current": Offset("bias current", False, _no_bias, _bias_current),
    "flux_offset": Offset("flux offset", True, lambda _: "", _flux_offset),
    "gamma_plus": Offset("drive gain gamma_plus", False, lambda _: "", _gamma_plus),
    "gamma_minus": Offset("leak gamma_minus", False, _no_leak, _gamma_minus),
    "delays": Offset("delays", False, DelaySpread.absent, _delays),
    "photons": Offset("photons per spike", False, no_light, _photons),
}
"""By name; `photons` are those that a detector counts of a spike: emitter power times detector efficiency."""
