"""Every SQUID has a bias current of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class BiasCurrentSpread(Imperfection):
    """i_b -> i_b (1 + size n), n normal, for each neuron."""

    name = "bias_current_spread"
    varies = "bias current"
    unit = "1"
    description = "Spread of bias currents, one sigma (relative)"
    source = "estimate: 1 % in the technology, none measured"

    @classmethod
    def absent(cls, network: Network) -> str:
        """A virtual source function has no bias."""
        return "no bias: all its source functions are virtual" if network.virtual else ""

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        return {
            p.name: 1 + self.size * stream(chip_seed, f"{p.name}.bias_current").standard_normal(p.size)
            for p in network.populations
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the bias currents by their factors."""
        biases = zip(chip.bias_current, drawn.values(), strict=True)
        return replace(chip, bias_current=tuple(bias * factor for bias, factor in biases))
