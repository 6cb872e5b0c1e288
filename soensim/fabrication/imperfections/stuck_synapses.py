"""Some synapses cannot be programmed, and hold some level or other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, fabricated_shapes, like, register, stream
from soensim.network import Network
from soensim.program import slots


@register
@dataclass(frozen=True)
class StuckSynapses(Imperfection):
    """w -> a random level of its own table with probability size, for each synapse and weight of an on-chip readout.

    All levels are equally likely, also the one that was to be programmed; a table whose full scale is programmable is
    taken whole. The device has the mismatch of the others.
    """

    name = "stuck_synapses"
    varies = "stuck synapses"
    unit = "1"
    below = 1
    stage = "program"
    description = "Fraction of the synapses that are stuck in the mean, at a random level of their table"
    source = "assumed: a memory that cannot be written keeps what it holds; no measured yield found"
    touches = "efficacies"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw which synapses are free (1, else 0), and what the stuck ones hold (else 0), by program key."""
        drawn = {}
        for key, shape in fabricated_shapes(network).items():
            rng, slot = stream(chip_seed, f"{key}.stuck"), slots(network)[key]
            stuck = rng.random(shape) < self.size
            held = slot.sign * slot.levels[rng.integers(len(slot.levels), size=shape)]
            drawn[key] = np.stack([1.0 - stuck, np.where(stuck, held, 0.0)])
        return drawn

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Replace the efficacies of the stuck synapses; their gradient is zero."""
        values = dict(chip.values)
        for key, both in drawn.items():
            free, held = (like(part, values[key]) for part in both)
            values[key] = values[key] * free + held
        return replace(chip, values=values)
