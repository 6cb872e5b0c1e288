"""Every SQUID has a bias current of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class BiasCurrentSpread(PlacedSpread):
    """i_b -> i_b (1 + d) for each neuron, d as in `PlacedSpread`."""

    name = "bias_current_spread"
    varies = "bias current"
    unit = "1"
    description = "Spread of bias currents, one sigma (relative)"
    source = "estimate: 1 % in the technology, none measured"
    has_flag = True

    @classmethod
    def absent(cls, network: Network) -> str:
        """A virtual source function has no bias."""
        return "no bias: all its source functions are virtual" if network.virtual else ""

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        return {name: 1 + d for name, d in self.neuron_deviations(network, chip_seed, "bias_current").items()}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply by the factors."""
        old = zip(chip.bias_current, drawn.values(), strict=True)
        return replace(chip, bias_current=tuple(value * d for value, d in old))
