"""Every neuron leaks at a rate of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class GammaMinusSpread(PlacedSpread):
    """gamma_minus -> gamma_minus max(1 + d, 0) for each neuron, d as in `PlacedSpread`.

    A leak below zero would be a gain: the tail of the Gaussian is cut there.
    """

    name = "gamma_minus_spread"
    varies = "leak gamma_minus"
    unit = "1"
    description = "Spread of leaks, one sigma (relative)"
    source = "estimate: a thin-film resistor over an inductor; 2 % in the technology, none measured"
    has_flag = True

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        return {
            name: np.maximum(1 + d, 0) for name, d in self.neuron_deviations(network, chip_seed, "gamma_minus").items()
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply by the factors."""
        old = zip(chip.gamma_minus, drawn.values(), strict=True)
        return replace(chip, gamma_minus=tuple(value * d for value, d in old))
