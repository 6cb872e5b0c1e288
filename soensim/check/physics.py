"""Rules on the physics of a chip: the model holds, the step resolves it, its neurons can be active."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from soensim.check.finding import Finding, Severity
from soensim.check.growth import growth_findings
from soensim.check.rules import RULES
from soensim.circuit import Device, threshold, validity
from soensim.circuit.drive_validity import SampledDrive, drive_validity
from soensim.circuit.model_validity import SLOW_DRIVE, VALID_BELOW
from soensim.dynamics import substeps_needed
from soensim.errors import CircuitError, SimulationError
from soensim.netlist import DendritePopulation, Netlist
from soensim.netlist.topology.edges import Edges
from soensim.network import gammas, sample_duration, step_limits, substeps_of
from soensim.routing import RoutedNetlist, RoutedProjection

#: Transition temperature of niobium, Matthias, Geballe & Compton, Rev. Mod. Phys. 35, 1 (1963).
NIOBIUM_K = 9.3
# A step is longer than a limit from here: rounding errors are not counted.
_ABOVE = 1 + 1e-9


def physics_findings(netlist: Netlist) -> Iterator[Finding]:
    """Apply SOEN-PH-001 to 006 to every dendrite of every population; needs no routes.

    Raises
    ------
    SoensimError
        A spiking population lacks a number that neither the netlist nor its technology gives.
    """
    for name, population in netlist.dendrites.items():
        yield from _population(netlist, name, population)
        yield from _temperature(name, population.temperature_k or 0.0)
    for name, neurons in netlist.spiking.items():
        yield from _temperature(name, neurons.temperature_k)
    yield from growth_findings(netlist)
    if netlist.spiking:
        yield from _spiking(netlist)


def validity_findings(netlist: Netlist) -> Iterator[Finding]:
    """Apply SOEN-PH-002 to the populations of SQUIDs: one dendrite of each against its circuit, by the chip's drive.

    Of spiking neurons the soma, under slow drives.
    """
    device = Device.from_technology(netlist.device_technology)
    for name, population in netlist.dendrites.items():
        if not population.virtual:
            yield _own_validity(netlist, f"populations.{name}", population, device)
    for name, neurons in netlist.spiking.items():
        beta_di = neurons.completed(netlist.device_technology).soma.beta_di
        yield _validity(f"populations.{name}: soma", 1 / (beta_di or 1.0))


def _spiking(netlist: Netlist) -> Iterator[Finding]:
    # numba: loaded only by chips that need it
    from soensim.dynamics.spiking import largest_step as largest_spiking_step
    from soensim.network.spiking import compile_spiking

    try:
        network = compile_spiking(_one_edge_each(netlist))
    except SimulationError as error:  # a step too coarse for a dendrite: the message says which, and what to do
        yield Finding("SOEN-PH-001", "error", "timing", None, None, "", str(error))
        return
    arrays = network.arrays
    largest_ns, _ = largest_spiking_step(arrays, tau_0_ns=network.tau_0_ns, integrator=network.integrator)
    yield Finding(
        "SOEN-PH-001", "note", "timing", network.dt_ns, largest_ns, "ns", "the integration step resolves the dendrites"
    )
    device = Device.from_technology(netlist.device_technology)
    for population in network.populations:
        for place, name in enumerate(population.places):
            where, dendrite = f"populations.{population.name}: {name}", population.first_dendrite + place
            yield _validity(where, float(arrays.gamma_plus[dendrite]))
            yield _bias(where, float(arrays.bias_current[dendrite]), device)


def _one_edge_each(netlist: Netlist) -> RoutedNetlist:
    """Stand in for the routes: the dendrites and kinds of synapses of a chip do not depend on how many there are."""
    projections = {}
    for projection in netlist.projections:
        edges = netlist.edges(projection)
        delay = np.full(1, projection.delay_ps)
        projections[projection.key] = RoutedProjection(Edges(edges.sources[:1], edges.targets[:1]), delay)
    return RoutedNetlist(netlist, projections)


def _population(netlist: Netlist, name: str, population: DendritePopulation) -> Iterator[Finding]:
    where = f"populations.{name}"
    yield _step(netlist, where, population)
    if population.virtual:
        yield Finding(
            "SOEN-PH-004",
            "warning",
            f"{where}.source_function",
            None,
            None,
            "",
            f"{population.source_function!r} is virtual: no known circuit has this source function; take `squid` "
            "to describe a chip",
        )
        return
    device = Device.from_technology(netlist.device_technology)
    yield _own_validity(netlist, where, population, device)
    yield _bias(f"{where}.bias_current", population.bias_current or 0.0, device)


def _step(netlist: Netlist, where: str, population: DendritePopulation) -> Finding:
    limits, sample = step_limits(netlist, population), sample_duration(netlist)
    step = sample / substeps_of(netlist).taken
    needed, safe = (substeps_needed(sample, limit) for limit in limits)
    gamma_plus, gamma_minus = (gamma * step for gamma in gammas(netlist, population))
    per_step = f"dt gamma_plus = {gamma_plus:.3g}, dt gamma_minus = {gamma_minus:.3g}"
    severity: Severity = "note"
    limit = limits.safe_tau
    said = f"the integration step resolves the dendrites, in training too: {per_step}"
    if population.virtual:
        said = "the integration step is part of the model: the source function is virtual"
    if step > limits.largest_tau * _ABOVE:
        limit, severity = limits.largest_tau, "error"
        said = f"the integration step is too coarse; set timing.substeps to {needed} or more, or leave it out"
    elif step > limits.safe_tau * _ABOVE:
        severity = "warning"
        said = (
            f"training at this step may learn the integrator instead of the chip: {per_step}; a finer step confirms "
            f"what was learned with {safe} substeps or more: set timing.substeps to {safe}, or leave it out"
        )
    where = f"{where} (timing.substeps)"
    return Finding("SOEN-PH-001", severity, where, step, None if math.isinf(limit) else limit, "tau", said)


def _own_validity(netlist: Netlist, where: str, population: DendritePopulation, device: Device) -> Finding:
    """Say how well the model describes a population under the drive of its chip."""
    gamma_plus, gamma_minus = gammas(netlist, population)
    if validity(1 / gamma_plus).verdict == "fails":  # compilation refuses it
        return _validity(where, gamma_plus)
    held, bias = sample_duration(netlist) * (netlist.timing.hold_samples or 1), population.bias_current or 0.0
    try:
        found = drive_validity(device, SampledDrive(bias, 1 / gamma_plus, gamma_minus, held))
    except CircuitError:  # a device that is not solved here; the loop can still be judged
        return _validity(where, gamma_plus)
    if found.chi_squared is None:  # never active: SOEN-PH-003
        return _validity(where, gamma_plus)
    times = held, 1 / gamma_minus if gamma_minus else np.inf
    held_ns, tau_di_ns = (float(device.junction.seconds_from_tau(time)) * 1e9 for time in times)
    drive = (
        f"one dendrite against its circuit, under a new level of flux every {held_ns:.4g} ns, i_b = {bias:.4g}, "
        f"tau_di = {tau_di_ns:.4g} ns"
    )
    if found.faster > 1:
        drive += f"; at most: measured on one that is {found.faster:.3g} times faster, with as much larger fluxons"
    loop = f"beta_di = 2 pi {1 / gamma_plus / (2 * math.pi):.4g}"
    valid, said = found.chi_squared <= VALID_BELOW, f"the phenomenological dendrite holds at {loop}"
    if not valid:
        said = (
            f"the phenomenological dendrite is doubtful at {loop}: few fluxons enter in a sample, and its states are "
            f"{100 * math.sqrt(found.chi_squared):.2g} % off the circuit's (root of chi^2). That says nothing yet of "
            "answers: `soensim evaluate --circuit N` compares them; a larger loop is described better"
        )
    return Finding(
        "SOEN-PH-002",
        "note" if valid else "warning",
        where,
        found.chi_squared,
        VALID_BELOW,
        "chi^2",
        f"{said} ({drive})",
    )


def _validity(where: str, gamma_plus: float) -> Finding:
    """Say how well the model describes a loop under slow drives, whatever its own is."""
    measured = validity(1 / gamma_plus)
    severity: dict[str, Severity] = {"valid": "note", "doubtful": "warning", "fails": "error"}
    loop = f"beta_di = 2 pi {measured.beta_di / (2 * math.pi):.4g}"
    said = {
        "valid": f"the phenomenological dendrite holds at {loop}",
        "doubtful": f"the phenomenological dendrite is doubtful at {loop}; a larger loop is described better",
        "fails": f"the phenomenological dendrite fails at {loop}, where single fluxons matter; use a larger loop",
    }
    verdict = measured.verdict
    text = f"{said[verdict]} (chi^2 against the circuit is that {SLOW_DRIVE}, not under the drive of this chip)"
    return Finding("SOEN-PH-002", severity[verdict], where, measured.chi_squared, VALID_BELOW, "chi^2", text)


def _temperature(name: str, temperature_k: float) -> Iterator[Finding]:
    if not temperature_k <= NIOBIUM_K:
        said = f"niobium is superconducting up to {NIOBIUM_K} K; {RULES['SOEN-PH-005'].fix}"
        if temperature_k >= 10:
            said += f"; {temperature_k:g} mK is written {temperature_k / 1000:g}"
        yield Finding(
            "SOEN-PH-005", "warning", f"populations.{name}.temperature_k", temperature_k, NIOBIUM_K, "K", said
        )


def _bias(where: str, bias: float, device: Device) -> Finding:
    lowest, highest = (float(threshold(flux, device.beta_1, device.beta_2)) for flux in (0.5, 0.0))
    if not bias > lowest:
        severity: Severity = "error"
        limit, said = lowest, f"no flux can make these neurons active; bias above i_th(1/2) = {lowest:.4g}"
    elif not bias < highest:
        severity = "warning"
        limit, said = (
            highest,
            f"these neurons are active without any flux; bias below i_th(0) = {highest:.4g} for silence",
        )
    else:
        severity, limit = "note", highest
        said = f"between i_th(1/2) = {lowest:.4g} and i_th(0) = {highest:.4g}: silent at rest, active when driven"
    return Finding("SOEN-PH-003", severity, where, bias, limit, "I_c", said)
