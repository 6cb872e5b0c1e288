"""Dimensionless dynamics of a netlist, from whichever form it gives them in, and whether the model holds for them."""

from __future__ import annotations

import math

from soensim.circuit import validity
from soensim.dynamics import SOURCE_FUNCTIONS, SourceFunction
from soensim.errors import NetlistError, SimulationError
from soensim.netlist import DendritePopulation, Netlist


def sample_duration(netlist: Netlist) -> float:
    """How long an input sample is held (tau)."""
    timing = netlist.timing
    if timing.sample_tau is not None:
        return timing.sample_tau
    return float(netlist.device_technology.junction.tau_from_seconds((timing.sample_ns or 0.0) * 1e-9))


def gammas(netlist: Netlist, population: DendritePopulation) -> tuple[float, float]:
    """Drive gain and leak (1/tau) of a population, from whichever form the netlist gives them in."""
    junction = netlist.device_technology.junction
    if population.gamma_plus is not None:
        gamma_plus = population.gamma_plus
    elif population.beta_di is not None:
        gamma_plus = 1 / population.beta_di
    else:
        gamma_plus = float(junction.gamma_from_per_second((population.gamma_plus_per_ns or 0.0) * 1e9))
    if population.gamma_minus is not None:
        gamma_minus = population.gamma_minus
    elif population.tau_di_ns is not None:
        gamma_minus = float(junction.gamma_minus_from_tau_di_seconds(population.tau_di_ns * 1e-9))
    else:
        gamma_minus = float(junction.gamma_from_per_second((population.gamma_minus_per_ns or 0.0) * 1e9))
    return gamma_plus, gamma_minus


def source_function(netlist: Netlist, name: str, population: DendritePopulation) -> SourceFunction:
    """Make g(phi, i) of a population.

    Raises
    ------
    NetlistError
        The bias lies beyond the currents that it covers.
    """
    source = SOURCE_FUNCTIONS.get(population.source_function) or _derived(netlist, population)
    bias = population.bias_current or 0.0
    if bias > source.max_current:
        raise NetlistError(
            f"netlist {netlist.name!r}: populations.{name}.bias_current: {bias} is beyond the {source.max_current} "
            f"up to which {source.name!r} holds"
        )
    return source


def check_validity(name: str, gamma_plus: float) -> None:
    """Refuse a SQUID's loop to which the phenomenological dendrite does not apply (measured in `circuit`).

    Raises
    ------
    SimulationError
        The model is off by more than chi^2 = 1e-3.
    """
    model = validity(1 / gamma_plus)
    if model.verdict == "fails":
        raise SimulationError(
            f"population {name!r}: beta_di is 2 pi {model.beta_di / (2 * math.pi):.3g}, where the "
            f"phenomenological dendrite is off by chi^2 = {model.chi_squared:.1g}; it holds to 1e-4 from 2 pi 100 on, "
            "under slow drives: use a larger integration loop, or simulate the circuit (soensim.circuit.dendrite)"
        )


def _derived(netlist: Netlist, population: DendritePopulation) -> SourceFunction:
    from soensim.circuit import Device, source_table  # numba: loaded only by chips that need it
    from soensim.dynamics.squid import squid_source

    device = Device.from_technology(netlist.device_technology)
    return squid_source(source_table(device, temperature_k=population.temperature_k or 0.0))
