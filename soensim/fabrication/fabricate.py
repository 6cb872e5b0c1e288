"""Draw one fabricated chip: every imperfection in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from soensim.dynamics import Array
from soensim.errors import SimulationError
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Imperfection
from soensim.fabrication.sizes import acting
from soensim.network import Network

Watch = Callable[[Imperfection, FabricatedChip, FabricatedChip], None]


def fabricate_chip(
    network: Network,
    values: Mapping[str, Array],
    spreads: Mapping[str, float],
    chip_seed: int | None,
    *,
    watch: Watch | None = None,
) -> FabricatedChip:
    """Make one chip: program it, let it drift, fabricate it, and say what it does while it runs, in this order.

    Parameters
    ----------
    network
        The chip as drawn.
    values
        What was to be programmed, quantised or not, by program key: numpy arrays, or torch tensors.
    spreads
        Size of each imperfection, and their parameters, by name; one that is absent or 0 does not act.
    chip_seed
        0 or more; the same seed is the same chip, in simulation and in training, for any batch and in any order. None
        is the nominal chip.
    watch
        Called with each imperfection that acts, the chip before it and the chip after it.

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
        before, chip = chip, imperfection.apply(chip, imperfection.draw(network, chip_seed))
        if watch is not None:
            watch(imperfection, before, chip)
    return chip


def count_touched(network: Network, values: Mapping[str, Array], chip_seed: int) -> dict[str, int]:
    """Count what each imperfection of a chip changes on one fabricated chip, by name."""
    touched: dict[str, int] = {}

    def watch(imperfection: Imperfection, before: FabricatedChip, after: FabricatedChip) -> None:
        touched[imperfection.name] = imperfection.touched(network, before, after)

    fabricate_chip(network, values, network.spreads, chip_seed, watch=watch)
    return touched
