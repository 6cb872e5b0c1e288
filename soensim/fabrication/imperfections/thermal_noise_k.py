"""Johnson noise of the resistors in the integration loops."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.run_noise import RunNoise
from soensim.network import Network
from soensim.units import BOLTZMANN_J_PER_K, FLUX_QUANTUM_WB


@register
@dataclass(frozen=True)
class ThermalNoise(RunNoise):
    """s -> s + sigma sqrt(1 - r^2) n in each step, r the retention of the step, n normal for each neuron and step.

    A loop L with a resistor at the temperature T carries a current of variance k_B T / L (equipartition). In units of
    I_c that is sigma^2 = Gamma gamma_plus, with Gamma = 2 pi k_B T / (Phi_0 I_c) and gamma_plus = 1/beta_di; at 4.2 K
    and 100 uA, Gamma = 1.76e-3. It is the same for any step, and zero without a leak, since there is no resistor then.
    The noise of the SQUID's own shunts is in its source function (`temperature_k` of the population).
    """

    name = "thermal_noise_k"
    varies = "thermal noise of the loops"
    unit = "K"
    most = 100.0
    description = "Temperature (K) of the resistors in the integration loops, for their Johnson noise"
    source = "equipartition; 4.2 K: arXiv:1805.01947"
    touches = "neurons"
    field = "thermal_noise"

    @classmethod
    def absent(cls, network: Network) -> str:
        """Without a resistor nothing fluctuates, and a virtual dendrite is no loop."""
        if all(p.source.virtual or not p.gamma_minus.any() for p in network.populations):
            return "no loop with a resistor: its source functions are virtual, or nothing leaks"
        return ""

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the neurons whose loop has a resistor."""
        return sum(int((p.gamma_minus > 0).sum()) for p in network.populations if not p.source.virtual)

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw the seed of the noise; beside it, Gamma."""
        gamma = 2 * math.pi * BOLTZMANN_J_PER_K * self.size / (FLUX_QUANTUM_WB * network.critical_current_a)
        return {**super().draw(network, chip_seed), "gamma": np.array(gamma)}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Give the chip the seed and Gamma."""
        return replace(super().apply(chip, drawn), thermal_noise=float(drawn["gamma"]))
