"""Some neurons are dead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class DeadNeurons(Imperfection):
    """gamma_plus -> 0 with probability size for each neuron: whatever drives it, its state stays at rest."""

    name = "dead_neurons"
    varies = "dead neurons"
    unit = "1"
    below = 1
    description = "Fraction of the neurons that are dead in the mean, their state zero"
    source = "assumed: a SQUID that is shorted or open adds no current to its loop; no measured yield found"
    touches = "neurons"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw which neurons are alive, by population."""
        return {p.name: stream(chip_seed, f"{p.name}.dead").random(p.size) >= self.size for p in network.populations}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Take away the drive of the dead neurons."""
        gains = zip(chip.gamma_plus, drawn.values(), strict=True)
        return replace(chip, gamma_plus=tuple(gain * alive for gain, alive in gains))
