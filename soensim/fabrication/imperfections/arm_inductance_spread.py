"""The two arms of every SQUID have inductances of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip, SquidFactors
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network

LEAST = 0.1
"""No arm has less of its inductance than this."""


@register
@dataclass(frozen=True)
class ArmInductanceSpread(PlacedSpread):
    """beta_k -> beta_k max(1 + d_k, 0.1) for both arms k of each neuron's SQUID; d_k as in `PlacedSpread`.

    The two are drawn on their own. Their sum moves the threshold, their difference lets the SQUID's own current couple
    in a flux (`soensim.fabrication.varied_squid`).
    """

    name = "arm_inductance_spread"
    acts_on_spikes = False
    varies = "arm inductances"
    unit = "1"
    description = "Spread of the inductance of each arm of the neurons' SQUIDs, one sigma (relative)"
    source = "assumed: width and penetration depth of the lines; no measured value of this process found"
    touches = "arms"

    @classmethod
    def absent(cls, network: Network) -> str:
        """Only a source function that follows from the arms can see them."""
        return "" if cls.count(network) else "no arms: none of its source functions is `squid`"

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the arms."""
        return 2 * sum(p.size for p in network.populations if p.source.table is not None)

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count the arms that differ."""
        del before
        squids = [s for p, s in zip(network.populations, after.squids, strict=True) if p.source.table is not None]
        return sum(int((s.arm_1 != 1).sum() + (s.arm_2 != 1).sum()) for s in squids)

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each arm, shape (2, neurons), by population."""
        first, second = (self.neuron_deviations(network, chip_seed, f"arm_{k}") for k in (1, 2))
        return {name: np.maximum(1 + np.stack([first[name], second[name]]), LEAST) for name in first}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply by the factors."""
        squids = chip.squids or tuple(SquidFactors.ones(both.shape[1]) for both in drawn.values())
        changed = zip(squids, drawn.values(), strict=True)
        return replace(
            chip, squids=tuple(replace(s, arm_1=s.arm_1 * one, arm_2=s.arm_2 * two) for s, (one, two) in changed)
        )
