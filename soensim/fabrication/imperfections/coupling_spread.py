"""Every neuron's coil couples the flux of all its synapses with a factor of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, fabricated_shapes, register, scaled
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network
from soensim.program import READOUT


@register
@dataclass(frozen=True)
class CouplingSpread(PlacedSpread):
    """w_ij -> w_ij (1 + d_i), d_i as in `PlacedSpread`: one factor for all synapses that drive neuron i.

    Flux trims have a line of their own and keep theirs. So do the weights of a readout: their coils are not neurons'.
    """

    name = "coupling_spread"
    varies = "coupling of each neuron"
    unit = "1"
    description = "Spread of the coupling of all synapses into a neuron's SQUID, one sigma (relative)"
    source = "assumed: the mutual inductance of the collection coil and the SQUID; no measured value found"
    touches = "efficacies"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, and give it to each efficacy that drives the neuron, by program key."""
        deviations = self.neuron_deviations(network, chip_seed, "coupling")
        return {
            key: 1 + deviations[network.populations[s.target].name][s.targets] for key, s in network.synapses.items()
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the efficacies by their factors."""
        return replace(chip, values=scaled(chip.values, drawn))

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the efficacies, those of a readout left out."""
        return sum(shape[0] for key, shape in fabricated_shapes(network).items() if key != READOUT)
