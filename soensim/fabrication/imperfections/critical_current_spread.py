"""The junctions of every neuron have a critical current of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip, SquidFactors
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network

LEAST = 0.1
"""No junction has less of its critical current than this: a neuron without any is dead (`dead_neurons`)."""


@register
@dataclass(frozen=True)
class CriticalCurrentSpread(PlacedSpread):
    """I_c -> I_c c, c = max(1 + d, 0.1), for both junctions of each neuron's SQUID; d as in `PlacedSpread`.

    The bias, the inductances and the resistors stay in their SI units: g -> c g(phi, i/c), with both arms' beta times c
    (`soensim.fabrication.varied_squid`).
    """

    name = "critical_current_spread"
    acts_on_spikes = False
    varies = "critical current"
    unit = "1"
    description = "Spread of the critical currents of the neurons' SQUIDs, one sigma (relative)"
    source = "assumed: area and barrier of the junctions; no measured value of this process found"

    @classmethod
    def absent(cls, network: Network) -> str:
        """A virtual source function has no junctions."""
        return "no junctions: all its source functions are virtual" if network.virtual else ""

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the neurons that are SQUIDs."""
        return sum(p.size for p in network.populations if not p.source.virtual)

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count the SQUIDs whose junctions differ."""
        del before
        squids = zip(network.populations, after.squids, strict=True)
        return sum(int((factors.critical_current != 1).sum()) for p, factors in squids if not p.source.virtual)

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        deviations = self.neuron_deviations(network, chip_seed, "critical_current")
        return {name: np.maximum(1 + d, LEAST) for name, d in deviations.items()}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply by the factors."""
        squids = chip.squids or tuple(SquidFactors.ones(len(factor)) for factor in drawn.values())
        changed = zip(squids, drawn.values(), strict=True)
        return replace(
            chip, squids=tuple(replace(s, critical_current=s.critical_current * factor) for s, factor in changed)
        )
