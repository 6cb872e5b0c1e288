"""Every neuron has trapped some flux."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network


@register
@dataclass(frozen=True)
class FluxOffsetSpread(Imperfection):
    """phi_0 -> phi_0 + size n, n normal, for each neuron."""

    name = "flux_offset_spread"
    varies = "flux offset"
    unit = "Phi_0"
    description = "Spread of static flux, one sigma (Phi_0)"
    source = "estimate: trapped flux and stray fields; 0.01 Phi_0 in the technology, none measured"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw an added flux (Phi_0) for each neuron, by population."""
        return {
            p.name: self.size * stream(chip_seed, f"{p.name}.flux_offset").standard_normal(p.size)
            for p in network.populations
        }

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Add the flux."""
        offsets = zip(chip.flux_offset, drawn.values(), strict=True)
        return replace(chip, flux_offset=tuple(offset + added for offset, added in offsets))
