"""Every emitter sends pulses of its own brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.light import LightSpread, light_of
from soensim.network import Network


@register
@dataclass(frozen=True)
class EmitterPowerSpread(LightSpread):
    """m -> m max(1 + d, 0) for all detectors of an emitter, d as in `PlacedSpread`.

    An emitter is a neuron's or an input port's; a spike has a brightness, its rate is the neuron's and does not change.
    """

    name = "emitter_power_spread"
    varies = "emitter power"
    unit = "1"
    description = "Spread of the photons that the emitters send per spike, one sigma (relative)"
    source = "assumed: no measured value found; efficiencies of 1e-4 to 1e-3 are published for the same light source"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each emitter, and give it to all its detectors, by projection."""
        drawn = self.emitter_deviations(network, chip_seed, "emitter_power")
        factors = {}
        for key in light_of(network).photons:
            synapses = network.synapses[key]
            lines, populations = network.inputs, network.populations
            name = lines[synapses.port].name if synapses.source is None else populations[synapses.source].name
            factors[key] = np.maximum(1 + drawn[name], 0)[synapses.sources]
        return factors
