"""Some synapses are dead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, fabricated_shapes, register, scaled, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class DropSynapses(Imperfection):
    """The efficacy of a dead synapse is zero; nothing makes up for it, on the chip or here."""

    name = "drop_synapses"
    varies = "dead synapses"
    unit = "1"
    below = 1
    description = "Fraction of the synapses that are dead in the mean, their efficacy zero"
    source = "DropConnect (Wan et al. 2013, ICML 28, 1058) without its rescaling; no measured yield found"
    has_flag = True
    touches = "efficacies"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw which synapses are alive, by program key."""
        shapes = fabricated_shapes(network)
        return {key: stream(chip_seed, f"{key}.dead").random(shape) >= self.size for key, shape in shapes.items()}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Set the efficacies of the dead synapses to zero."""
        return replace(chip, values=scaled(chip.values, drawn))
