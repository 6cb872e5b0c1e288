"""What the imperfections of light have in common: they change how many photons the detectors are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws
from soensim.fabrication.imperfections.placed import PlacedSpread
from soensim.network import Light, Network


@dataclass(frozen=True)
class LightSpread(PlacedSpread):
    """Base of the spreads that multiply the mean number m of photons that a detector counts of a spike.

    Where spikes are drawn, it misses one with the probability e^-m. Where light is taken for its average, an efficacy
    is (1 - e^-m) / (1 - e^-m_0) of what it was, with the m_0 of the drawing.
    """

    touches: ClassVar[str] = "detectors"

    @classmethod
    def absent(cls, network: Network) -> str:
        """An electrical chip has no light."""
        return no_light(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the detectors."""
        return detectors(network)

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count the detectors that count another number of photons."""
        del network
        return sum(int((factor != before.photons.get(key, 1.0)).sum()) for key, factor in after.photons.items())

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Multiply the photons by their factors."""
        photons = {key: chip.photons.get(key, 1.0) * factor for key, factor in drawn.items()}
        return replace(chip, photons={**chip.photons, **photons})


def light_of(network: Network) -> Light:
    """Return the light of a chip that has some.

    Raises
    ------
    ValueError
        It has none; `no_light` says so before.
    """
    if network.light is None:
        raise ValueError(f"chip {network.name!r} has no light")
    return network.light


def no_light(network: Network) -> str:
    """Say that a chip has no light; empty if it has."""
    return "no light: none of its projections is optical" if network.light is None else ""


def detectors(network: Network) -> int:
    """Count the detectors of a chip: one for each edge of an optical projection."""
    return 0 if network.light is None else sum(len(photons) for photons in network.light.photons.values())


def net_sums(network: Network, per_edge: Draws) -> Draws:
    """Sum over the detectors of each net, shape (edges,), by optical projection; a net is one emitter and its light."""
    totals: dict[tuple[bool, int], np.ndarray] = {}
    for key, values in per_edge.items():
        synapses = network.synapses[key]
        net = (synapses.source is None, synapses.port if synapses.source is None else synapses.source)
        own = np.bincount(synapses.sources, weights=values, minlength=synapses.shape[1])
        totals[net] = totals.get(net, 0.0) + own
    sums = {}
    for key in per_edge:
        synapses = network.synapses[key]
        net = (synapses.source is None, synapses.port if synapses.source is None else synapses.source)
        sums[key] = totals[net][synapses.sources]
    return sums
