"""Ledger: what every synapse's path costs, by cause, and how many photons arrive.

A splitter's ratios are chosen so that all detectors of a net receive the same. With L_e the loss (dB) of the path to
detector e without the splitting itself, this takes 1/n = 1 / sum_e 10^(L_e / 10) of the light to each detector: the
splitter in front of a subtree with need r = sum over its detectors sends r / (sum of all needs) there. Every detector
of a net then has the same total loss, 10 log10 sum_e 10^(L_e / 10); for k equal paths that is L + 10 log10 k.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.waveguides import Waveguides
from soensim.technology import Technology

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class LossTable:
    """Loss of each element (dB), and the delay; from a technology.

    Attributes
    ----------
    propagation_db_per_cm, bend_db, crossing_db, plane_crossing_db, tap_db, coupler_db
        Of a centimetre of waveguide, a 90-degree bend, a crossing in a plane and between planes, the excess loss of a
        splitter, and a hop between neighbouring planes.
    delay_ps_per_cm
        Group index over the speed of light.
    """

    propagation_db_per_cm: float
    bend_db: float
    crossing_db: float
    plane_crossing_db: float
    tap_db: float
    coupler_db: float
    delay_ps_per_cm: float

    @classmethod
    def of(cls, technology: Technology) -> LossTable:
        """Take the numbers of a technology.

        Raises
        ------
        TechnologyError
            It lacks one.
        """
        return cls(
            technology.value("waveguide_loss_db_per_cm"),
            technology.value("bend_db"),
            technology.value("crossing_db"),
            technology.value("plane_crossing_db"),
            technology.value("splitter_excess_db"),
            technology.value("coupler_db"),
            technology.value("waveguide_delay_ps_per_cm"),
        )


@dataclass(frozen=True, eq=False)
class Ledger:
    """The paths of one projection's edges, from emitter to detector; arrays have the shape (edges,).

    For electrical projections only `length_um` and `delay_ps` are not zero, and `photons` is infinite.

    Attributes
    ----------
    length_um, delay_ps
        Path length; signal delay.
    bends, crossings, plane_crossings, taps, couplers
        90-degree bends; crossings in a plane and between planes; splitters passed; hops between planes.
    propagation_db, bend_db, crossing_db, plane_crossing_db, tap_db, coupler_db
        Loss by cause; `tap_db` is the excess loss of the splitters.
    split_db
        What the splitting ratios take: the light that goes to the other detectors.
    loss_db
        The sum of all.
    photons
        Mean number that arrives at the detector per spike.
    no_photon_probability
        P(no photon counted) = exp(-detector_efficiency photons), Poisson.
    """

    length_um: FloatArray
    delay_ps: FloatArray
    bends: IntArray
    crossings: IntArray
    plane_crossings: IntArray
    taps: IntArray
    couplers: IntArray
    propagation_db: FloatArray
    bend_db: FloatArray
    crossing_db: FloatArray
    plane_crossing_db: FloatArray
    tap_db: FloatArray
    coupler_db: FloatArray
    split_db: FloatArray
    loss_db: FloatArray
    photons: FloatArray
    no_photon_probability: FloatArray

    def __len__(self) -> int:
        return len(self.length_um)

    def taken(self, edges: IntArray) -> Ledger:
        """Make the ledger of some of the edges, in this order; arrays are read-only."""
        return Ledger(*(_frozen(getattr(self, field.name)[edges]) for field in fields(self)))

    @property
    def path_db(self) -> FloatArray:
        """Loss without the splitting itself, L_e."""
        with np.errstate(invalid="ignore"):  # beyond 3080 dB the light of a net is infinite, and so are both
            path_db = self.loss_db - self.split_db
        optics = (self.propagation_db, self.bend_db, self.crossing_db, self.plane_crossing_db, self.tap_db)
        return np.where(np.isfinite(self.loss_db), path_db, sum(optics, self.coupler_db))


def optical_ledger(
    guides: Waveguides, nets: Nets, losses: LossTable, *, photons_per_spike: float, detector_efficiency: float
) -> Ledger:
    """Add up the paths of all sinks of the nets, in the order of the sinks.

    Parameters
    ----------
    guides
        The waveguides; every sink is reached.
    nets
        The nets that they belong to.
    losses
        Loss of each element.
    photons_per_spike
        What an emitter sends into its waveguide.
    detector_efficiency
        Fraction of the photons at a detector that are counted.
    """
    from soensim.routing.tree_sums import path_sums  # numba: loaded only by chips that need it

    at = guides.detector
    counts = {
        name: path_sums(guides.parent, getattr(guides, name).astype(np.float64))[at]
        for name in ("length_um", "bends", "crossings", "plane_crossings", "taps", "couplers")
    }
    length_cm = counts["length_um"] * 1e-4
    propagation_db = losses.propagation_db_per_cm * length_cm
    bend_db, tap_db = losses.bend_db * counts["bends"], losses.tap_db * counts["taps"]
    crossing_db = losses.crossing_db * counts["crossings"]
    plane_crossing_db = losses.plane_crossing_db * counts["plane_crossings"]
    coupler_db = losses.coupler_db * counts["couplers"]
    path_db = propagation_db + bend_db + crossing_db + plane_crossing_db + tap_db + coupler_db
    need = np.bincount(nets.net, weights=light_needed(path_db), minlength=len(nets))[nets.net]
    loss_db = 10 * np.log10(need)
    photons = photons_per_spike / need
    whole = {name: counts[name].astype(np.int64) for name in counts if name != "length_um"}
    return Ledger(
        length_um=counts["length_um"],
        delay_ps=losses.delay_ps_per_cm * length_cm,
        **whole,
        propagation_db=propagation_db,
        bend_db=bend_db,
        crossing_db=crossing_db,
        plane_crossing_db=plane_crossing_db,
        tap_db=tap_db,
        coupler_db=coupler_db,
        split_db=loss_db - path_db,
        loss_db=loss_db,
        photons=photons,
        no_photon_probability=np.exp(-detector_efficiency * photons),
    )


def light_needed(path_db: FloatArray) -> FloatArray:
    """10^(L_e / 10): the light that one photon at the detector takes; infinite beyond 3080 dB."""
    with np.errstate(over="ignore"):
        needed: FloatArray = 10 ** (path_db / 10)
    return needed


def electrical_ledger(length_um: FloatArray, delay_ps_per_cm: float) -> Ledger:
    """Make the ledger of wires, shape (edges,): a length and a delay, no light."""
    none = np.zeros(len(length_um), dtype=np.int64)
    zero = np.zeros(len(length_um))
    return Ledger(
        length_um,
        length_um * 1e-4 * delay_ps_per_cm,
        *(none,) * 5,
        *(zero,) * 8,
        photons=np.full(len(length_um), np.inf),
        no_photon_probability=zero,
    )


def segment_db(guides: Waveguides, losses: LossTable) -> FloatArray:
    """Loss (dB) of the segment that arrives at each node, splitting not counted."""
    total: FloatArray = (
        losses.propagation_db_per_cm * 1e-4 * guides.length_um
        + losses.bend_db * guides.bends
        + losses.crossing_db * guides.crossings
        + losses.plane_crossing_db * guides.plane_crossings
        + losses.tap_db * guides.taps
        + losses.coupler_db * guides.couplers
    )
    return total


def split_shares(guides: Waveguides, losses: LossTable) -> FloatArray:
    """Fraction of the light at its parent that is sent towards each node, shape (nodes,); 1 at emitters.

    What a splitter must be fabricated to: see the top of this module.
    """
    from soensim.routing.tree_sums import light_shares  # numba: loaded only by chips that need it

    is_detector = np.zeros(len(guides), dtype=bool)
    is_detector[guides.detector] = True
    shares: FloatArray = light_shares(guides.parent, segment_db(guides, losses), is_detector)
    return shares


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
