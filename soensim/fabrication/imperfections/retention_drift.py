"""What the synapses hold decays until the chip is used."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import (
    Draws,
    Imperfection,
    fabricated_shapes,
    parameter,
    register,
    scaled,
    stream,
)
from soensim.limits import Limits
from soensim.network import Network

_TIME = Limits(1e-9, 1e12, "s", "a nanosecond to 30,000 years", zero=True)
_SPREAD = Limits(0, 1, "relative", "one sigma", zero=True)


@register
@dataclass(frozen=True)
class RetentionDrift(Imperfection):
    """w(t) = w (1 + t/1 s)^(-size e), e = max(1 + exponent_spread n, 0), n normal for each synapse.

    Also for each weight of a readout on the chip. The power law of phase-change memory (Le Gallo and Sebastian 2020,
    J. Phys. D 53, 213002), with t from the time of programming; a size of 0.01 loses 2.3 % per decade of time. Flux
    trims do not drift.
    """

    name = "retention_drift"
    varies = "stored efficacies"
    unit = "1"
    stage = "drift"
    description = "Exponent (a number) of the decay of stored efficacies with time, w (1 + t/1 s)^(-size)"
    source = "assumed: a persistent current should not decay, and no measurement of the memory's retention was found"
    touches = "efficacies"

    time_s: float = parameter(86400.0, "time from programming to use (s)", _TIME)
    exponent_spread: float = parameter(0.0, "spread of the exponents, one sigma (relative)", _SPREAD)

    @property
    def acts(self) -> bool:
        """Nothing has drifted at time 0."""
        return self.size != 0 and self.time_s != 0

    @property
    def differs(self) -> bool:
        """One exponent for all synapses is that of every chip."""
        return self.exponent_spread != 0

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw the share of each efficacy that is left, by program key."""
        left = {}
        for key, shape in fabricated_shapes(network).items():
            exponent = np.full(shape, self.size)
            if self.exponent_spread:
                normal = stream(chip_seed, f"{key}.drift").standard_normal(shape)
                exponent = exponent * np.maximum(1 + self.exponent_spread * normal, 0)
            left[key] = np.exp(-exponent * math.log1p(self.time_s))
        return left

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the efficacies by what is left of them."""
        return replace(chip, values=scaled(chip.values, drawn))
