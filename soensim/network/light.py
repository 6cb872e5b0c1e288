"""Light of a compiled chip: spikes per frame of every source, and what the detectors of every edge are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Emission, SourceFunction
from soensim.errors import NetlistError
from soensim.netlist import DendritePopulation, InputPopulation, Netlist
from soensim.network.dendrite_parameters import gammas, sample_duration, source_function
from soensim.routing import RoutedNetlist
from soensim.technology import Technology

FloatArray = NDArray[np.float64]

_MOST = 2**53  # what a float64 counts

PEAK_FLUX = 0.5  # Phi_0: there g of equal arms is largest; of unequal ones its peak is a few per cent higher


@dataclass(frozen=True)
class Light:
    """How the optical projections of a chip carry rates; arrays are read-only.

    Attributes
    ----------
    ports, populations
        Emission of every input port and population; None where it has no emitters.
    photons
        Mean number of photons that a detector counts of a spike, Poisson, shape (edges,), by key of the projection.
    dark_counts
        Mean number of dark counts in a frame, of every detector.
    averaged
        Whether light is taken for the average that any number of spikes would be, so that none is drawn.
    """

    ports: tuple[Emission | None, ...]
    populations: tuple[Emission | None, ...]
    photons: Mapping[str, FloatArray]
    dark_counts: float
    averaged: bool = False


def highest_rates_mhz(netlist: Netlist) -> dict[str, float]:
    """Return what limits the rate of spikes that carry a state on a chip, as `rate_limits_mhz` of its technology.

    Raises
    ------
    TechnologyError
        The technology lacks one of them.
    """
    return rate_limits_mhz(netlist.device_technology)


def rate_limits_mhz(technology: Technology) -> dict[str, float]:
    """Return what limits the rate of spikes that carry a state (MHz), by key of the technology.

    They are the rates of emitter and synapse, and one spike per dead time (infinite without one).

    Raises
    ------
    TechnologyError
        The technology lacks one of them.
    """
    rates, dead_ns = ("spike_rate_max_mhz", "synapse_rate_max_mhz"), "detector_dead_time_ns"
    dead = technology.value(dead_ns)
    return {**{key: technology.value(key) for key in rates}, dead_ns: 1e3 / dead if dead > 0 else np.inf}


def frame_spikes(netlist: Netlist) -> float:
    """Return the spikes of a frame at the highest rate, r T; r is the smallest of `highest_rates_mhz`.

    Raises
    ------
    TechnologyError
        The technology lacks one of them.
    """
    return min(highest_rates_mhz(netlist).values()) * 1e6 * frame_seconds(netlist)


def most_spikes(netlist: Netlist) -> int:
    """Return the most spikes that a detector can tell apart in a frame, T over the dead time.

    Raises
    ------
    TechnologyError
        The technology lacks the dead time.
    """
    dead_ns = netlist.device_technology.value("detector_dead_time_ns")
    if dead_ns == 0:
        return _MOST
    return int(min(frame_seconds(netlist) * 1e9 / dead_ns * (1 + 1e-12), _MOST))


def frame_seconds(netlist: Netlist) -> float:
    """Return how long an input sample is held (s)."""
    return float(netlist.device_technology.junction.seconds_from_tau(sample_duration(netlist)))


def largest_state(source: SourceFunction, ratio: float, bias_current: float) -> float:
    """Return the largest state that a SQUID dendrite can reach (I_c).

    Driven by half a flux quantum for ever, it rests where the leak balances the drive: s = ratio g(1/2, i_b - s).

    Parameters
    ----------
    source
        g(phi, i) of a SQUID.
    ratio
        gamma_plus / gamma_minus; infinite without a leak.
    bias_current
        i_b (I_c).
    """
    flux = np.array(PEAK_FLUX)
    low, high = 0.0, bias_current
    for _ in range(60):
        middle = 0.5 * (low + high)
        drive = float(source(flux, np.array(bias_current - middle)))
        low, high = (middle, high) if drive * ratio > middle else (low, middle)
    return low


def compile_light(routed: RoutedNetlist) -> Light | None:
    """Compile the light of a routed chip; None where no projection is optical.

    Raises
    ------
    NetlistError
        An emitter has no state at which it fires at its highest rate.
    TechnologyError
        A number of the light is in neither netlist nor technology.
    """
    netlist = routed.netlist
    lit = {p.source for p in netlist.projections if p.medium == "optical"}
    if not lit or netlist.routing is None:
        return None
    routing = netlist.routing.completed(netlist.device_technology)
    photons = {}
    for projection in netlist.projections:
        ledger = routed.projections[projection.key].ledger
        if projection.medium == "optical" and ledger is not None:
            photons[projection.key] = ledger.photons * (routing.detector_efficiency or 0.0)
            photons[projection.key].setflags(write=False)
    return Light(
        ports=tuple(
            _emission(netlist, port_reference(name, p) if name in lit else 0.0, name in lit)
            for name, p in netlist.inputs.items()
        ),
        populations=tuple(
            _emission(netlist, population_reference(netlist, name) if name in lit else 0.0, name in lit)
            for name in netlist.dendrites
        ),
        photons=photons,
        dark_counts=(routing.dark_count_rate_hz or 0.0) * frame_seconds(netlist),
    )


def port_reference(name: str, port: InputPopulation) -> float:
    """Return the signal at which the emitters of an input port fire at their highest rate (I_c): its largest drive.

    Raises
    ------
    NetlistError
        It is never positive.
    """
    reference = max(port.drive_low, port.drive_high)
    if reference <= 0:
        raise NetlistError(
            f"input population {name!r} drives light with at most {reference} I_c; spikes can only carry what is "
            "above 0: set drive_high above 0"
        )
    return reference


def population_reference(netlist: Netlist, name: str) -> float:
    """Return the state at which the emitters of a population fire at their highest rate (I_c).

    It is the netlist's `reference_state`, or the largest state that its SQUID can reach.

    Raises
    ------
    NetlistError
        A virtual source function has no largest state, and none is stated; or the SQUID is never active.
    """
    population = netlist.dendrites[name]
    if population.reference_state is not None:
        return population.reference_state
    reference = 0.0 if population.virtual else _largest(netlist, name, population)
    if reference <= 0:
        why = "its source function is virtual" if population.virtual else "at this bias its SQUID is never active"
        raise NetlistError(
            f"netlist {netlist.name!r}: populations.{name}: {why}, so that no largest state follows from it; give "
            "reference_state, the state (I_c) at which its emitters fire at their highest rate"
        )
    return reference


def _largest(netlist: Netlist, name: str, population: DendritePopulation) -> float:
    gamma_plus, gamma_minus = gammas(netlist, population)
    ratio = gamma_plus / gamma_minus if gamma_minus > 0 else np.inf
    return largest_state(source_function(netlist, name, population), ratio, population.bias_current or 0.0)


def _emission(netlist: Netlist, reference: float, lit: bool) -> Emission | None:
    if not lit or netlist.routing is None:
        return None
    poisson = netlist.routing.spike_statistics == "poisson"
    return Emission(reference, frame_spikes(netlist), max(1, most_spikes(netlist)), poisson)
