"""Every efficacy is programmed with an error of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, fabricated_shapes, like, register, stream
from soensim.network import Network
from soensim.program import slots


@register
@dataclass(frozen=True)
class ProgrammingError(Imperfection):
    """w -> w + size w_max n, n normal, for each synapse and each weight of a readout on the chip.

    w_max is the largest magnitude of the level table. Flux trims have no error.
    """

    name = "programming_error"
    varies = "programmed efficacies"
    unit = "1"
    stage = "program"
    description = "Error of each programmed efficacy, one sigma (relative to the largest level)"
    source = "assumed: none measured; the more than 400 states of arXiv:2311.05881 are 0.25 % of the range apart"
    touches = "efficacies"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw an error (Phi_0 per I_c) for each efficacy, by program key."""
        largest = {key: float(np.abs(slot.levels).max()) for key, slot in slots(network).items()}
        return {
            key: self.size * largest[key] * stream(chip_seed, f"{key}.programming").standard_normal(shape)
            for key, shape in fabricated_shapes(network).items()
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Add the errors to the efficacies."""
        values = {key: v + like(drawn[key], v) if key in drawn else v for key, v in chip.values.items()}
        return replace(chip, values=values)
