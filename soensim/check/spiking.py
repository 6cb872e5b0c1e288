"""Rules on chips of spiking neurons whose rates carry something: rates that follow the flux, and light that counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from soensim.check.finding import Finding
from soensim.check.rules import RULES
from soensim.circuit import Device, SourceTable, source_table
from soensim.errors import SimulationError
from soensim.netlist import Netlist, RateCode
from soensim.netlist import SpikingPopulation as SpikingPart
from soensim.netlist.schema.spiking import SOMA
from soensim.network import edge_signs
from soensim.network.light import frame_seconds
from soensim.routing import RoutedNetlist

#: Least climb of a soma, in fall times of its synapses: where its rate still is a function of its mean flux.
LEAST_CLIMB = 0.4
#: Fewest photons that a detector should count of a spike; of exp(-2) of the spikes, 14 %, it then counts none.
FEWEST_PHOTONS = 2
#: Fewest spikes of a frame at the highest rate.
FEWEST_SPIKES = 5
# Rounding errors are not counted.
_ABOVE = 1 + 1e-9


def spiking_findings(netlist: Netlist, routed: RoutedNetlist | None = None) -> Iterator[Finding]:
    """Apply SOEN-SP-001 to 005 to a chip of spiking neurons.

    Parameters
    ----------
    netlist
        The chip; one without spiking neurons has no findings.
    routed
        Its routes; without them SOEN-SP-003 and 004, which are of edges that exist, say nothing.

    Raises
    ------
    TechnologyError
        A number has no value.
    """
    if not netlist.spiking:
        return
    technology = netlist.device_technology
    parts = {name: part.completed(technology) for name, part in netlist.spiking.items()}
    device = Device.from_technology(technology)
    sources = {name: source_table(device, temperature_k=part.temperature_k) for name, part in parts.items()}
    rates = {name: largest_rate(part, sources[name]) for name, part in parts.items()}
    if _by_rates(netlist):
        for name, part in parts.items():
            yield from _climb(netlist, name, part)
    yield from _dead_times(netlist, parts, rates)
    if routed is not None:
        for name, part in parts.items():
            yield from _runaway(routed, name, part, sources[name])
        yield from _photons(routed, parts)
    if _by_rates(netlist):
        yield from _frames(netlist, rates)


def climb_ns(part: SpikingPart, tau_0_s: float) -> float:
    """beta_di tau_0 s_th of the soma of a completed population: its climb if the SQUID gave I_c r_jj throughout."""
    return _number(part.soma.beta_di) * tau_0_s * 1e9 * _number(part.soma.threshold)


def largest_rate(part: SpikingPart, source: SourceTable) -> float:
    """Rate (MHz) of the soma of a completed population alone, at the flux at which it fires most often."""
    from soensim.simulation.spiking.rate import soma_rates  # numba

    junction = source.device.junction
    rates = soma_rates(
        source,
        np.array([1 / _number(part.soma.beta_di)]),
        np.array([float(junction.gamma_minus_from_tau_di_seconds(_number(part.soma.tau_di_ns) * 1e-9))]),
        np.array([_number(part.soma.bias_current)]),
        threshold=_number(part.soma.threshold),
        held_ns=_number(part.soma.absolute_refractory_ns),
    )
    return 1e3 * float(rates.max())


def _by_rates(netlist: Netlist) -> bool:
    """Tell whether rates carry something: values of a data set, or answers."""
    coded = any(isinstance(lines.code, RateCode) for lines in netlist.spike_inputs.values())
    return coded or netlist.readout is not None


def _climb(netlist: Netlist, name: str, part: SpikingPart) -> Iterator[Finding]:
    if not any(p.target == name and (p.place or SOMA) == SOMA for p in netlist.projections):
        return
    climb, fall_ns = climb_ns(part, netlist.device_technology.junction.tau_0_s), _number(part.synapse.tau_fall_ns)
    least_ns = LEAST_CLIMB * fall_ns
    if climb * _ABOVE >= least_ns:
        return
    said = (
        f"the soma climbs in {climb:.3g} ns, {climb / fall_ns:.2g} of the {fall_ns:g} ns in which a response falls: it "
        "fires on every excursion of its flux, and a rate that is foretold from the flux's mean and spread may be "
        "wrong. On 8 x 8 digits, with a hold of 50 ns, a climb of 2.4 ns to 0.3 I_c cost 12 points, one of 4 ns to 0.5 "
        "I_c one, and none after a training with closed_loop_rounds 4"
    )
    yield _finding("SOEN-SP-001", f"populations.{name}.soma", climb, least_ns, "ns", said)


def _dead_times(netlist: Netlist, parts: Mapping[str, SpikingPart], rates: Mapping[str, float]) -> Iterator[Finding]:
    for name, lines in netlist.spike_inputs.items():
        if isinstance(lines.code, RateCode):
            where, rate_mhz = f"populations.{name}.code.rate_max_mhz", lines.code.rate_max_mhz
            yield from _dead_time(_dead_ns(netlist, parts, name), where, rate_mhz, "a line", lines.code.statistics)
    for name, part in parts.items():
        if not part.refractory.present:  # with one the largest rate depends on what it was driven by before
            where = f"populations.{name}.soma"
            yield from _dead_time(_dead_ns(netlist, parts, name), where, rates[name], "a neuron")


def _dead_ns(netlist: Netlist, parts: Mapping[str, SpikingPart], name: str) -> float:
    """Longest dead time of the detectors that a population reaches; 0 where it reaches none."""
    reached = [parts[p.target].synapse for p in netlist.projections if p.source == name]
    return max((_number(synapse.dead_time_ns) for synapse in reached), default=0.0)


def _dead_time(dead_ns: float, where: str, rate_mhz: float, who: str, statistics: str = "regular") -> Iterator[Finding]:
    spikes = rate_mhz * 1e-3 * dead_ns  # in a dead time
    if spikes <= _ABOVE:
        return
    every = math.ceil(spikes / _ABOVE)
    counted = f"counts one in {every} of its spikes, as if it sent {rate_mhz / every:.3g} MHz"
    if statistics == "poisson":
        counted = f"counts {100 / (1 + spikes):.0f} % of its spikes, {rate_mhz / (1 + spikes):.3g} MHz"
    said = (
        f"{who} may send {rate_mhz:.3g} MHz, of which a detector that is dead for {dead_ns:g} ns {counted}: light is "
        "wasted, and its largest values look like smaller ones"
    )
    yield _finding("SOEN-SP-002", where, rate_mhz, 1e3 / dead_ns, "MHz", said)


def _runaway(routed: RoutedNetlist, name: str, part: SpikingPart, source: SourceTable) -> Iterator[Finding]:
    from soensim.dynamics.spiking import threshold_flux  # numba

    if not part.refractory.present:
        return
    try:
        limit = -threshold_flux(source, _number(part.soma.bias_current))
    except SimulationError:  # active at every flux, or at none: SOEN-PH-003
        return
    lowest = _least_flux(routed, name, part, source)
    below = lowest < limit * _ABOVE
    if not below.any():
        return
    worst, count = float(lowest.min()), int(below.sum())
    said = (
        f"with all that inhibits at its largest the flux of a soma falls to {worst:.3g} Phi_0 ({count} of {part.size} "
        "neurons). It fires there as above the positive threshold, and its refractory dendrite, which pulls further "
        "down, does not end it: 94 MHz were seen at -0.38 Phi_0"
    )
    yield _finding("SOEN-SP-003", f"populations.{name}", worst, limit, "Phi_0", said, count)


def _least_flux(routed: RoutedNetlist, name: str, part: SpikingPart, source: SourceTable) -> NDArray[np.float64]:
    """Least flux of each soma (Phi_0), shape (size,): all that inhibits at its largest, and nothing that excites."""
    from soensim.dynamics.spiking import largest_state  # numba

    trim = 0.0 if part.flux_trim is None else part.flux_trim.range
    lowest = np.full(part.size, part.soma.flux_offset - trim)
    for branch in part.arbor:
        lowest += min(0.0, branch.coupling) * largest_state(source, _number(branch.bias_current))
    peak = _peak_flux(part)
    for projection in routed.netlist.projections:
        if projection.target == name and (projection.place or SOMA) == SOMA:
            edges = routed.projections[projection.key].edges
            levels = projection.efficacy.level_table
            signs = edge_signs(projection.efficacy, edges.sources, routed.netlist.populations[projection.source].size)
            least = np.minimum(np.minimum(signs * levels[0], signs * levels[-1]), 0.0)
            lowest += peak * np.bincount(edges.targets, least, part.size)
    return lowest


def _peak_flux(part: SpikingPart) -> float:
    """Largest flux of a synapse of a completed population at an efficacy of 1 (Phi_0): at the end of the hotspot."""
    synapse = part.synapse
    rise_ns, fall_ns = _number(synapse.tau_rise_ns), _number(synapse.tau_fall_ns)
    return -_number(synapse.phi_peak) * (1 - rise_ns / fall_ns) * math.expm1(-_number(synapse.hotspot_ns) / rise_ns)


def _photons(routed: RoutedNetlist, parts: Mapping[str, SpikingPart]) -> Iterator[Finding]:
    from soensim.network.spiking.compile import path_light  # numba

    for projection in routed.netlist.projections:
        edges = len(routed.projections[projection.key].edges.sources)
        efficiency = _number(parts[projection.target].synapse.detector_efficiency)
        counted = np.broadcast_to(path_light(routed, projection, parts)[0], (edges,)) * efficiency
        few = counted * _ABOVE < FEWEST_PHOTONS
        if not few.any():
            continue
        least, count = float(counted.min()), int(few.sum())
        said = (
            f"{least:.3g} photons are counted of a spike in the mean ({count:,} of {edges:,} synapses have fewer than "
            f"{FEWEST_PHOTONS}), so that {100 * math.exp(-least):.0f} % of the spikes are missed. On 8 x 8 digits 8 "
            "photons sufficed; 0.8 cost one to three points in samples of 1 us, of a training that counts them"
        )
        yield _finding("SOEN-SP-004", projection.key, least, FEWEST_PHOTONS, "photons", said, count)


def _frames(netlist: Netlist, rates: Mapping[str, float]) -> Iterator[Finding]:
    """Compare what lines and neurons can send in a frame with what a rate needs."""
    frame_ns = frame_seconds(netlist) * 1e9 * (netlist.timing.hold_samples or 1)
    coded = {
        f"populations.{name}.code.rate_max_mhz": lines.code.rate_max_mhz
        for name, lines in netlist.spike_inputs.items()
        if isinstance(lines.code, RateCode)
    }
    for where, rate_mhz in (*coded.items(), *((f"populations.{name}.soma", rate) for name, rate in rates.items())):
        spikes = rate_mhz * 1e-3 * frame_ns
        if spikes * _ABOVE < FEWEST_SPIKES:
            needed = (
                f"{FEWEST_SPIKES / rate_mhz * 1e3:.3g} ns have {FEWEST_SPIKES}" if rate_mhz > 0 else "it never fires"
            )
            said = (
                f"at most {spikes:.3g} spikes in a frame of {frame_ns:.4g} ns tell few values apart; {needed}. On "
                "8 x 8 digits a quarter of a microsecond cost two points. Answers count the spikes of all frames"
            )
            yield _finding("SOEN-SP-005", where, spikes, FEWEST_SPIKES, "spikes", said)


def _finding(rule: str, where: str, value: float, limit: float, unit: str, said: str, count: int = 1) -> Finding:
    found = RULES[rule]
    return Finding(rule, found.severity, where, value, limit, unit, f"{said}; {found.fix}", count=count)


def _number(value: float | None) -> float:
    """A value of a completed part, which has them all."""
    if value is None:
        raise SimulationError("a number of a spiking population is missing; complete it from the technology first")
    return value
