"""Every neuron has trapped some flux."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Network


@register
@dataclass(frozen=True)
class FluxOffsetSpread(PlacedSpread):
    """phi_0 -> phi_0 + d for each neuron, d as in `PlacedSpread`."""

    name = "flux_offset_spread"
    varies = "flux offset"
    unit = "Phi_0"
    description = "Spread of static flux, one sigma (Phi_0)"
    source = "estimate: trapped flux and stray fields; 0.01 Phi_0 in the technology, none measured"
    has_flag = True

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw an added flux (Phi_0) for each neuron, by population."""
        return self.neuron_deviations(network, chip_seed, "flux_offset")

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Add the flux."""
        old = zip(chip.flux_offset, drawn.values(), strict=True)
        return replace(chip, flux_offset=tuple(value + d for value, d in old))
