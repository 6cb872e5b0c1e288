"""The light of every chip has a speed of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network

DELAY_FACTOR = "delay_factor"


@register
@dataclass(frozen=True)
class DelaySpread(Imperfection):
    """t -> t max(1 + size n, 0), with one normal n for all delays of a chip.

    A delay is length times slowness. Lengths are drawn by lithography, while slowness (film thickness, refractive
    index) belongs to the wafer.
    """

    name = "delay_spread"
    varies = "delays"
    unit = "1"
    description = "Spread of the factor that all delays of a chip share, one sigma (relative)"
    source = "estimate: the group index depends on film thickness and composition, which vary between wafers"
    has_flag = True
    touches = "delays"

    @classmethod
    def absent(cls, network: Network) -> str:
        """A chip that is not laid out has no delays."""
        delayed = any(s.delay_tau.any() for s in network.synapses.values())
        return "" if delayed else "no delays"

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw one factor."""
        factor = 1 + self.size * stream(chip_seed, DELAY_FACTOR).standard_normal()
        return {DELAY_FACTOR: np.array(max(factor, 0.0))}

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the synapses that have a delay."""
        return sum(int((s.delay_tau > 0).sum()) for s in network.synapses.values())

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count all delays, or none."""
        return self.count(network) if before.delay_factor != after.delay_factor else 0

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the chip's factor by it."""
        return replace(chip, delay_factor=chip.delay_factor * float(drawn[DELAY_FACTOR]))
