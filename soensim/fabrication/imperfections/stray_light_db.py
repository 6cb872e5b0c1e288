"""Light that has left its waveguide reaches every detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register
from soensim.fabrication.imperfections.light import detectors, no_light
from soensim.network import Network


@register
@dataclass(frozen=True)
class StrayLightDb(Imperfection):
    """Poisson counts of stray photons beside a detector's own: r T (1 - exp(-10^(size / 10) m)) per frame in the mean.

    A floor: at any time a detector is given 10^(size / 10) of the photons m that it counts of a spike of its own
    emitter, as often as there are spikes in a frame T at the highest rate r. Where light is taken for its average, this
    is a constant flux w s_ref (1 - exp(…)) for each synapse. It is the same for all chips.
    """

    name = "stray_light_db"
    acts_on_spikes = False
    varies = "stray light"
    unit = "dB"
    least = -200.0
    most = 0.0
    description = "Floor of stray light at every detector (dB), negative: below the light of its own emitter; 0 none"
    source = "-30 dB on chip: arXiv:2006.07470"
    touches = "detectors"

    @property
    def differs(self) -> bool:
        """It is the same for all chips."""
        return False

    @classmethod
    def absent(cls, network: Network) -> str:
        """An electrical chip has no light."""
        return no_light(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the detectors."""
        return detectors(network)

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count all detectors."""
        del before, after
        return self.count(network)

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw nothing."""
        return {}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:  # noqa: ARG002
        """Give the chip the share of stray light."""
        return replace(chip, stray_light=10 ** (self.size / 10))
