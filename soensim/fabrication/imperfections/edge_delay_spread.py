"""Every link has a delay of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.delay_spread import DelaySpread
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class EdgeDelaySpread(PlacedSpread):
    """t -> t max(1 + d, 0) for each edge, d as in `PlacedSpread`, beside what all delays share (`delay_spread`)."""

    name = "edge_delay_spread"
    varies = "delay of each edge"
    unit = "1"
    description = "Spread of the delay of each edge, one sigma (relative)"
    source = "assumed: widths of lines vary along a die; no measured value found"
    touches: ClassVar[str] = "delays"

    @classmethod
    def absent(cls, network: Network) -> str:
        """A chip that is not laid out has no delays."""
        return DelaySpread.absent(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the synapses that have a delay."""
        return DelaySpread.count(network)

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count the delays that changed."""
        del before
        factors = after.edge_delay_factor
        return sum(int(((factors[key] != 1) & (s.delay_tau > 0)).sum()) for key, s in network.synapses.items())

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each edge, by projection."""
        drawn = self.synapse_deviations(network, chip_seed, ".delay")
        return {key: np.maximum(1 + drawn[key], 0) for key in network.synapses}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Keep the factors."""
        return replace(chip, edge_delay_factor=drawn)
