"""The chip that a program runs on: one that is given, one that is drawn, or the nominal one."""

from __future__ import annotations

from typing import Literal

from soensim.fabrication import FabricatedChip, fabricate_chip
from soensim.network import Network
from soensim.program import Program


def chip_of(
    network: Network,
    program: Program,
    chip_seed: int | None,
    chip: FabricatedChip | None = None,
    *,
    read_seed: int | Literal["of the chip"] | None = "of the chip",
) -> FabricatedChip:
    """Return the chip, or fabricate it from the program's values.

    Raises
    ------
    ProgramError
        The program was made for another chip.
    """
    program.check_chip(network)
    if chip is not None:
        return chip
    return fabricate_chip(network, program.values, network.spreads, chip_seed, read_seed=read_seed)
