"""Every neuron leaks at a rate of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class GammaMinusSpread(Imperfection):
    """gamma_minus -> gamma_minus max(1 + size n, 0), n normal, for each neuron.

    A leak below zero would be a gain: the tail of the Gaussian is cut there.
    """

    name = "gamma_minus_spread"
    varies = "leak gamma_minus"
    unit = "1"
    description = "Spread of leaks, one sigma (relative)"
    source = "estimate: a thin-film resistor over an inductor; 2 % in the technology, none measured"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each neuron, by population."""
        return {
            p.name: np.maximum(1 + self.size * stream(chip_seed, f"{p.name}.gamma_minus").standard_normal(p.size), 0)
            for p in network.populations
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the leaks by their factors."""
        leaks = zip(chip.gamma_minus, drawn.values(), strict=True)
        return replace(chip, gamma_minus=tuple(leak * factor for leak, factor in leaks))
