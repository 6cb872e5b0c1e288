"""Every neuron integrates its drive with a gain of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class GammaPlusSpread(PlacedSpread):
    """gamma_plus -> gamma_plus max(1 + d, 0) for each neuron, d as in `PlacedSpread`.

    The inductance of the loop alone: the leak r/L of the same loop is `gamma_minus_spread`, and drawn on its own.
    """

    name = "gamma_plus_spread"
    varies = "drive gain gamma_plus"
    unit = "1"
    description = "Spread of drive gains, one sigma (relative)"
    source = "assumed: gamma_plus = 1/beta_di spreads as the inductance of the loop does; no measured value found"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        return {
            name: np.maximum(1 + d, 0) for name, d in self.neuron_deviations(network, chip_seed, "gamma_plus").items()
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply by the factors."""
        old = zip(chip.gamma_plus, drawn.values(), strict=True)
        return replace(chip, gamma_plus=tuple(value * d for value, d in old))
