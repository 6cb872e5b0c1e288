"""Every synapse holds its efficacy up to a factor of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, fabricated_shapes, register, scaled, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class EfficacySpread(Imperfection):
    """w -> w (1 + size n), n normal, for each synapse and each weight of a readout on the chip."""

    name = "efficacy_spread"
    varies = "efficacies"
    unit = "1"
    description = "Spread of efficacies, one sigma (relative)"
    source = "estimate: mutual inductances and detector currents by lithography; 5 % in the technology, none measured"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each efficacy, by program key."""
        shapes = fabricated_shapes(network)
        return {key: 1 + self.size * stream(chip_seed, key).standard_normal(shape) for key, shape in shapes.items()}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the efficacies by their factors."""
        return replace(chip, values=scaled(chip.values, drawn))
