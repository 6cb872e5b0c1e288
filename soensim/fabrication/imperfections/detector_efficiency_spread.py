"""Every detector counts its photons with an efficiency of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.light import LightSpread, light_of
from soensim.network import Network


@register
@dataclass(frozen=True)
class DetectorEfficiencySpread(LightSpread):
    """m -> m max(1 + d, 0) for each detector, d as in `PlacedSpread`; an efficiency is not cut at 1."""

    name = "detector_efficiency_spread"
    varies = "detector efficiency"
    unit = "1"
    description = "Spread of the efficiencies of the detectors, one sigma (relative)"
    source = "assumed: width and film of a nanowire vary; no measured value found"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each detector, by projection."""
        drawn = self.synapse_deviations(network, chip_seed, ".detector_efficiency")
        return {key: np.maximum(1 + drawn[key], 0) for key in light_of(network).photons}
