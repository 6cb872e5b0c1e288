"""Fluxons enter the integration loops one by one."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.fabrication.imperfections.base import register
from soensim.fabrication.imperfections.run_noise import RunNoise
from soensim.network import Network


@register
@dataclass(frozen=True)
class FluxonShotNoise(RunNoise):
    """s -> s + sqrt(size q d) n in each step, d its drive (I_c), n normal for each neuron and step.

    A fluxon adds q = Phi_0 / L, in I_c 2 pi gamma_plus; a step that adds d = gamma_plus g dt has d / q of them in the
    mean, and their number has the variance size d / q. The size is the Fano factor: 0 for a regular train, which a
    running SQUID comes close to, and 1 for a Poisson process. The number is taken for Gaussian.
    """

    name = "fluxon_shot_noise"
    varies = "shot noise of fluxons"
    unit = "1"
    description = "Fano factor (a number) of the fluxons that drive a loop: 0 regular, 1 as a Poisson process"
    source = "q: arXiv:2210.09976 (a fluxon adds 0.01 I_c at beta_di = 2 pi 100); assumed: the Fano factor"
    touches = "neurons"
    field = "shot_noise"

    @classmethod
    def absent(cls, network: Network) -> str:
        """A virtual source function has no fluxons."""
        return "no fluxons: all its source functions are virtual" if network.virtual else ""

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the neurons that are SQUIDs."""
        return sum(p.size for p in network.populations if not p.source.virtual)
