"""Draw one fabricated chip: every imperfection in turn."""

from __future__ import annotations

from collections.abc import Mapping

from soensim.dynamics import Array
from soensim.errors import SimulationError
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import IMPERFECTIONS, Imperfection
from soensim.network import Network


def fabricate_chip(
    network: Network, values: Mapping[str, Array], spreads: Mapping[str, float], chip_seed: int | None
) -> FabricatedChip:
    """Make one chip.

    Parameters
    ----------
    network
        The chip as drawn.
    values
        What was programmed, by program key: numpy arrays, or torch tensors.
    spreads
        Size of each imperfection by name; one that is absent or 0 does not act.
    chip_seed
        0 or more; the same seed is the same chip, in simulation and in training. None is the nominal chip.

    Raises
    ------
    SimulationError
        A name is unknown, or a size is not legal, or the seed is negative.
    """
    chip = FabricatedChip.nominal(network, values)
    if chip_seed is None:
        return chip
    if chip_seed < 0:
        raise SimulationError(f"chip_seed is {chip_seed}; it must be 0 or more, or None for the nominal chip")
    for imperfection in acting(spreads):
        chip = imperfection.apply(chip, imperfection.draw(network, chip_seed))
    return chip


def acting(spreads: Mapping[str, float]) -> list[Imperfection]:
    """Make the imperfections that act, in the order of the registry.

    Raises
    ------
    SimulationError
        A name is unknown, or a size is not legal.
    """
    for name in spreads:
        if name not in IMPERFECTIONS:
            raise SimulationError(f"no imperfection {name!r}; there are {', '.join(IMPERFECTIONS)}")
    return [kind(spreads[name]) for name, kind in IMPERFECTIONS.items() if spreads.get(name, 0)]
