"""Draw one fabricated chip: every imperfection in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from soensim.dynamics import Array
from soensim.errors import SimulationError
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import IMPERFECTIONS, Imperfection
from soensim.fabrication.sizes import acting, noise_only, without_noise
from soensim.network import Network

Watch = Callable[[Imperfection, FabricatedChip, FabricatedChip], None]


def fabricate_chip(
    network: Network,
    values: Mapping[str, Array],
    spreads: Mapping[str, float],
    chip_seed: int | None,
    *,
    read_seed: int | Literal["of the chip"] | None = "of the chip",
    watch: Watch | None = None,
    own_seeds: Mapping[str, int] | None = None,
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
    read_seed
        Seed of what is drawn anew while the chip runs: the one that the chip_seed draws, or another; None: no noise.
    watch
        Called with each imperfection that acts, the chip before it and the chip after it.
    own_seeds
        By name of an imperfection: the chip_seed that it is drawn with, instead of the chip's. All noise of a running
        chip has one read_seed, and needs one chip_seed.

    Raises
    ------
    SimulationError
        A name is unknown, or a size is not legal, or a seed is negative.
    """
    chip = FabricatedChip.nominal(network, values)
    if chip_seed is None:
        if read_seed is None or read_seed == "of the chip":
            return chip
        spreads, chip_seed = noise_only(spreads), 0
    if chip_seed < 0:
        raise SimulationError(f"chip_seed is {chip_seed}; it must be 0 or more, or None for the nominal chip")
    own = _checked(own_seeds or {})
    for imperfection in acting(spreads if read_seed is not None else without_noise(spreads)):
        before, chip = chip, imperfection.apply(chip, imperfection.draw(network, own.get(imperfection.name, chip_seed)))
        if watch is not None:
            watch(imperfection, before, chip)
    if chip.read_seed is None or read_seed is None or read_seed == "of the chip":
        return chip
    return replace(chip, read_seed=read_seed)


def _checked(own_seeds: Mapping[str, int]) -> Mapping[str, int]:
    for name, seed in own_seeds.items():
        if name not in IMPERFECTIONS:
            raise SimulationError(f"own_seeds names {name!r}; there are {', '.join(IMPERFECTIONS)}")
        if seed < 0:
            raise SimulationError(f"the chip_seed of {name} is {seed}; it must be 0 or more")
    return own_seeds


def count_touched(network: Network, values: Mapping[str, Array], chip_seed: int) -> dict[str, int]:
    """Count what each imperfection of a chip changes on one fabricated chip, by name."""
    touched: dict[str, int] = {}

    def watch(imperfection: Imperfection, before: FabricatedChip, after: FabricatedChip) -> None:
        touched[imperfection.name] = imperfection.touched(network, before, after)

    fabricate_chip(network, values, network.spreads, chip_seed, watch=watch)
    return touched
