"""Ledger: what every synapse's path costs, by cause."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.routing.placement import FloatArray, IntArray


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
