"""Light, energy and power of a chip, at a firing rate; before and after cooling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from soensim.budget.area import die_area_um2
from soensim.budget.counts import emitters
from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.errors import SoensimError
from soensim.netlist import DendritePopulation, Netlist, SpikingPopulation
from soensim.network import gammas, sample_duration
from soensim.network.light import highest_rates_mhz
from soensim.routing import RoutedNetlist
from soensim.units import FLUX_QUANTUM_WB, PLANCK_J_S, SPEED_OF_LIGHT_M_PER_S

_MW_PER_W, _FJ_PER_J, _AJ = 1e3, 1e15, 1e-18
_CM2_PER_UM2 = 1e-8


@dataclass(frozen=True)
class Operation:
    """How a chip runs, as far as its netlist does not say.

    Attributes
    ----------
    rate_mhz
        Firing rate of every emitter (MHz); None: the highest that the chip can have, times the activity.
    frame_samples
        Input samples per frame (one classification); None: energies per frame are left out.
    activity
        Part of its highest rate at which an emitter fires, and of state 1 at which a rate neuron is, in the mean, 0 to
        1; None: 1, the worst case, or what the rate says.
    """

    rate_mhz: float | None = None
    frame_samples: int | None = None
    activity: float | None = None

    def __post_init__(self) -> None:
        if self.rate_mhz is not None and not 0 < self.rate_mhz < float("inf"):
            raise SoensimError(f"the firing rate is {self.rate_mhz} MHz; it must be a positive finite number")
        if self.activity is not None and not 0 <= self.activity <= 1:
            raise SoensimError(f"the activity is {self.activity}; it must be from 0 (silent) to 1 (the highest rate)")
        if self.activity is not None and self.rate_mhz is not None:
            raise SoensimError("a firing rate and an activity are given; one says the other, so leave one out")
        if self.frame_samples is not None and self.frame_samples < 1:
            raise SoensimError(f"a frame has {self.frame_samples} samples; it must have 1 or more")


def photon_energy_j(wavelength_um: float) -> float:
    """Energy of one photon, h c / lambda (J)."""
    return PLANCK_J_S * SPEED_OF_LIGHT_M_PER_S / (wavelength_um * 1e-6)


def spike_energy_j(photons: Number, wavelength: Number, efficiency: Number) -> float:
    """Energy that an emitter takes for a spike (J), from what `light_numbers` gives."""
    return photons.value * photon_energy_j(wavelength.value) / efficiency.value


def rate_fluxon_power_w(netlist: Netlist, population: DendritePopulation) -> float:
    """Bias power of one rate neuron at state 1 (W).

    At rest g = (gamma_minus / gamma_plus) s. The SQUID's mean voltage is g I_c r_jj, which is a rate of fluxons times
    Phi_0, and each fluxon takes i_b I_c Phi_0 from the bias (definition, docs/physics.md): i_b I_c x g I_c r_jj. s = 1
    is the upper end of a rate neuron's state.
    """
    junction = netlist.device_technology.junction
    gamma_plus, gamma_minus = gammas(netlist, population)
    bias_a = (population.bias_current or 0.0) * junction.critical_current_a
    return bias_a * (gamma_minus / gamma_plus) * junction.voltage_scale_v


def soma_fluxon_energy_j(netlist: Netlist, population: SpikingPopulation) -> float:
    """Bias energy of the fluxons that take one soma from 0 to its threshold (J).

    A fluxon adds 2 pi / beta_di to the state, so s_th beta_di / (2 pi) of them, i_b I_c Phi_0 each. The leak makes it
    more, and the arbor adds to it.

    Raises
    ------
    TechnologyError
        A number of the population has no value.
    """
    soma = population.completed(netlist.device_technology).soma
    threshold, beta_di, bias = (value or 0.0 for value in (soma.threshold, soma.beta_di, soma.bias_current))
    return threshold * beta_di / (2 * math.pi) * fluxon_energy_j(netlist, bias)


def fluxon_energy_j(netlist: Netlist, bias_current: float) -> float:
    """i_b I_c Phi_0 (J)."""
    return bias_current * netlist.device_technology.junction.critical_current_a * FLUX_QUANTUM_WB


def light_entries(routed: RoutedNetlist) -> Iterator[BudgetEntry]:
    """Say what the light of one spike is, on a chip with waveguides.

    Raises
    ------
    TechnologyError
        The wavelength, the photons or the efficiency of the emitter have no value.
    """
    photons, wavelength, efficiency = light_numbers(routed.netlist)
    energy_j = photons.value * photon_energy_j(wavelength.value)
    yield entry("light", "photons per spike", photons.value, "1", "photons_per_spike", (photons,))
    formula = "photons_per_spike h c / wavelength_um"
    yield entry("light", "light per spike", energy_j * _FJ_PER_J, "fJ", formula, (photons, wavelength))
    yield entry(
        "light",
        "emitter energy per spike",
        energy_j / efficiency.value * _FJ_PER_J,
        "fJ",
        "light per spike / emitter_efficiency",
        (photons, wavelength, efficiency),
    )


def power_entries(routed: RoutedNetlist, operation: Operation) -> Iterator[BudgetEntry]:
    """Say what a chip dissipates; every emitter fires at the rate, every rate neuron is at state 1 x activity.

    Raises
    ------
    SoensimError
        A firing rate is given for a chip on which nothing fires, or one that its emitters or detectors cannot follow.
    TechnologyError
        An energy, an efficiency, the rate or the cooling overhead has no value.
    """
    netlist, junction = routed.netlist, routed.netlist.device_technology.junction
    activity = _activity(operation)
    firing = _firing_rate(netlist, operation, activity)
    parts: list[BudgetEntry] = []
    if firing is not None:
        yield firing
        rate = Number("rate", firing.value, "MHz", firing.quantity, firing.estimate, computed=True)
    if firing is not None and netlist.has_waveguides:
        parts += _optical_power(routed, rate)
    device = Number("I_c", junction.critical_current_a, "A", f"{netlist.device_technology.name}: its junction")
    scale = Number("I_c r_jj", junction.voltage_scale_v, "V", f"{netlist.device_technology.name}: its junction")
    squids = {name: p for name, p in netlist.dendrites.items() if not p.virtual}
    biases = {name: p.bias_current or 0.0 for name, p in squids.items()}
    for name, spiking in netlist.spiking.items():
        biases[name] = spiking.completed(netlist.device_technology).soma.bias_current or 0.0
    for name, bias in biases.items():
        yield entry(
            *("power", f"bias energy per fluxon, {name}", fluxon_energy_j(netlist, bias) / _AJ, "aJ"),
            *("bias_current I_c Phi_0", (device,), "netlist"),
        )
    if squids:
        watts = sum(p.size * rate_fluxon_power_w(netlist, p) for p in squids.values()) * activity.value
        formula = "sum of bias_current I_c (gamma_minus / gamma_plus) I_c r_jj: fluxons at state 1"
        numbers: tuple[Number, ...] = (device, scale)
        if operation.activity is not None:
            formula, numbers = f"{formula}, x activity", (*numbers, activity)
        parts.append(entry("power", "SQUIDs of rate neurons", watts * _MW_PER_W, "mW", formula, numbers, "netlist"))
    if netlist.spiking and firing is not None:
        joules = sum(p.size * soma_fluxon_energy_j(netlist, p) for p in netlist.spiking.values())
        formula = "sum of threshold beta_di / (2 pi) bias_current I_c Phi_0 x rate: fluxons to threshold"
        watts = joules * rate.value * 1e6
        parts.append(entry("power", "SQUIDs of somata", watts * _MW_PER_W, "mW", formula, (device, rate), "netlist"))
    yield from parts
    if parts:
        yield from _totals(routed, parts)
    if operation.frame_samples is not None:
        yield from _frame(routed, parts, operation.frame_samples)


def _activity(operation: Operation) -> Number:
    if operation.activity is None:
        return Number("activity", 1.0, "1", "assumed: the worst case")
    return Number("activity", operation.activity, "1", "given to the budget")


def _firing_rate(netlist: Netlist, operation: Operation, activity: Number) -> BudgetEntry | None:
    """Say how often every emitter fires; None where nothing fires.

    Raises
    ------
    SoensimError
        A rate is given, and nothing fires, or not so often.
    """
    lit = netlist.has_waveguides and not netlist.spiking
    if not (lit or netlist.spiking):
        if operation.rate_mhz is not None:
            raise SoensimError(
                f"chip {netlist.name!r}: a firing rate has no meaning; it has neither waveguides nor spiking neurons"
            )
        return None
    limits = highest_rates_mhz(netlist) if lit else {(key := "spike_rate_max_mhz"): stated(netlist, key).value}
    least = min(limits, key=lambda key: limits[key])
    if operation.rate_mhz is not None:
        if lit and operation.rate_mhz > limits[least] * (1 + 1e-12):
            raise SoensimError(
                f"chip {netlist.name!r}: a firing rate of {operation.rate_mhz:g} MHz is more than its light can carry: "
                f"{limits[least]:g} MHz, from {least} of {netlist.technology}; give at most that"
            )
        rate = Number("rate_mhz", operation.rate_mhz, "MHz", "given to the budget")
        return entry("power", "firing rate", rate.value, "MHz", rate.name, (rate,))
    names = [f"1 / {key}" if key.endswith("_ns") else key for key in limits]
    formula = f"least of {', '.join(names)}" if lit else names[0]
    numbers = (*(stated(netlist, key) for key in limits), activity)
    return entry("power", "firing rate", limits[least] * activity.value, "MHz", f"{formula}, x activity", numbers)


def _totals(routed: RoutedNetlist, parts: list[BudgetEntry]) -> Iterator[BudgetEntry]:
    netlist = routed.netlist
    total_mw = sum(part.value for part in parts)
    entering = _sum_of(parts)
    if routed.layout is None:
        # what carries the signals is not known, nor what it takes
        yield entry("power", "total, without the signals", total_mw, "mW", "sum of the lines above", (entering,))
        return
    cooling = stated(netlist, "cooling_overhead")
    yield entry("power", "total before cooling", total_mw, "mW", "sum of the lines above", (entering,))
    cooled_mw = total_mw * cooling.value
    yield entry("power", "total after cooling", cooled_mw, "mW", "total x cooling_overhead", (entering, cooling))
    density = total_mw / (die_area_um2(routed.layout) * _CM2_PER_UM2)
    yield entry("power", "power density", density, "mW/cm^2", "total before cooling / die", (entering,), "netlist")
    known = stated(netlist, "power_density_mw_per_cm2")
    yield entry("power", "power density, published", known.value, "mW/cm^2", known.name, (known,))


def _sum_of(parts: list[BudgetEntry]) -> Number:
    names = " + ".join(part.quantity for part in parts)
    return Number(
        "sum", sum(part.value for part in parts), "mW", names, any(part.estimate for part in parts), computed=True
    )


def _frame(routed: RoutedNetlist, parts: list[BudgetEntry], frame_samples: int) -> Iterator[BudgetEntry]:
    netlist = routed.netlist
    sample_s = netlist.device_technology.junction.seconds_from_tau(sample_duration(netlist))
    frame_s = frame_samples * sample_s
    samples = Number("frame_samples", frame_samples, "1", "given to the budget")
    timing = "netlist: timing"
    yield entry("power", "frame rate", 1e-6 / frame_s, "MHz", "1 / (frame_samples x sample)", (samples,), timing)
    if not parts:
        return
    entering = _sum_of(parts)
    energy_fj = entering.value / _MW_PER_W * frame_s * _FJ_PER_J
    formula = "total x frame_samples x sample"
    yield entry("power", "energy per frame", energy_fj, "fJ", formula, (entering, samples), timing)
    if routed.layout is not None:
        cooling = stated(netlist, "cooling_overhead")
        yield entry(
            *("power", "energy per frame, after cooling", energy_fj * cooling.value, "fJ"),
            *(f"{formula} x cooling_overhead", (entering, samples, cooling), timing),
        )


def _optical_power(routed: RoutedNetlist, rate: Number) -> list[BudgetEntry]:
    netlist = routed.netlist
    photons, wavelength, efficiency = light_numbers(netlist)
    event, counted = stated(netlist, "synapse_event_aj"), stated(netlist, "detector_efficiency")
    excess = stated(
        netlist, "splitter_excess_db"
    )  # of the losses that decide P(no photon), the one that may be a guess
    spike_j = spike_energy_j(photons, wavelength, efficiency)
    lit = emitters(routed)
    events = sum(
        float((1 - found.ledger.no_photon_probability).sum())
        for p in netlist.projections
        if p.medium == "optical" and (found := routed.projections[p.key]).ledger is not None
    )
    per_second = rate.value * 1e6
    return [
        entry(
            "power",
            "emitters",
            lit * spike_j * per_second * _MW_PER_W,
            "mW",
            f"{lit} emitters x emitter energy per spike x rate; the light of input ports is made off chip",
            (photons, wavelength, efficiency, rate),
            "routes",
        ),
        entry(
            "power",
            "synapse events",
            events * event.value * _AJ * per_second * _MW_PER_W,
            "mW",
            "sum of (1 - P(none counted)) x synapse_event_aj x rate",
            (event, rate, photons, counted, excess),
            "routes",
        ),
    ]


def light_numbers(netlist: Netlist) -> tuple[Number, Number, Number]:
    """Photons per spike, their wavelength (um), and the efficiency of an emitter.

    Raises
    ------
    TechnologyError
        One of them has no value.
    """
    photons, wavelength, efficiency = (
        stated(netlist, key) for key in ("photons_per_spike", "wavelength_um", "emitter_efficiency")
    )
    return photons, wavelength, efficiency
