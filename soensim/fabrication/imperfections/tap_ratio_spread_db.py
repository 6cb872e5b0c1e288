"""Splitters share the light of a net out unevenly."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.fabrication.imperfections.base import Draws, register
from soensim.fabrication.imperfections.light import LightSpread, light_of, net_sums
from soensim.network import Network


@register
@dataclass(frozen=True)
class TapRatioSpreadDb(LightSpread):
    """m_e -> m_e k f_e / sum f, f_e = 10^(d_e / 10), d in dB as in `PlacedSpread`, over the k detectors of a net.

    On the drawing all detectors of a net receive the same light. What one splitter sends too much to one detector the
    others lack: the sum over a net stays.
    """

    name = "tap_ratio_spread_db"
    varies = "tap ratios"
    unit = "dB"
    most = 10.0
    description = "Spread of the light that the splitters of a net send to each detector, one sigma (dB)"
    source = "0.7 to 0.9 dB mean output error of a two-plane manifold of 10 x 100: arXiv:1805.05439"

    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw a factor for each detector, by projection."""
        drawn = self.synapse_deviations(network, chip_seed, ".tap_ratio")
        shares = {key: 10 ** (drawn[key] / 10) for key in light_of(network).photons}
        sums = net_sums(network, shares)
        fan_out = net_sums(network, {key: 0 * share + 1 for key, share in shares.items()})
        return {key: share * fan_out[key] / sums[key] for key, share in shares.items()}
