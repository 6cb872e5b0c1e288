"""Every synapse holds its efficacy up to a factor of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register, scaled
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class EfficacySpread(PlacedSpread):
    """w -> w (1 + d) for each synapse and each weight of a readout on the chip, d as in `PlacedSpread`."""

    name = "efficacy_spread"
    varies = "efficacies"
    unit = "1"
    description = "Spread of efficacies, one sigma (relative)"
    source = "estimate: mutual inductances and detector currents by lithography; 5 % in the technology, none measured"
    has_flag = True
    touches = "efficacies"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each efficacy, by program key."""
        return {key: 1 + d for key, d in self.synapse_deviations(network, chip_seed).items()}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the efficacies by their factors."""
        return replace(chip, values=scaled(chip.values, drawn))
