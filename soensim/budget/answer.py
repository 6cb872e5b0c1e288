"""What one answer costs: time, energy on separate lines, area, activity; what is not known says why, and is never 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from soensim.budget.area import die_area_um2
from soensim.budget.counts import count_entries
from soensim.budget.energy import Activity, emitter_energy, event_energy, squid_energy
from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.budget.latency import hops_to, longest_delay_ps
from soensim.budget.spiking_answer import detection_energy, excitation_energy, excitations, soma_energy
from soensim.errors import SoensimError
from soensim.netlist import LinearReadout, Netlist
from soensim.network.light import frame_seconds
from soensim.routing import RoutedNetlist

_NS_PER_S, _AJ_PER_PJ, _AJ_PER_J, _MM2_PER_UM2 = 1e9, 1e6, 1e18, 1e-6
LATENCY = ("frames", "hops", "readout")
COLD = ("static_bias", "fluxons", "light", "detection")
ENERGY = (*COLD, "cooling")


@dataclass(frozen=True)
class CostLine:
    """One figure of what an answer costs.

    Attributes
    ----------
    name
        Its key in JSON.
    value, unit
        The figure; None where it is not known.
    formula, source, estimate
        As of a `BudgetEntry`; empty where it is not known.
    unknown
        Why it is not known; empty where it is.
    """

    name: str
    value: float | None
    unit: str
    formula: str = ""
    source: str = ""
    estimate: bool = False
    unknown: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**vars(self), "unknown": self.unknown or None}


@dataclass(frozen=True)
class AnswerCost:
    """What one answer costs with the quantised codes on the nominal chip, in the mean over the samples.

    Attributes
    ----------
    latency
        `LATENCY` (ns): the input samples of all frames and labels, the path delays, the readout.
    energy
        `ENERGY` (aJ): `COLD` at the chip's temperature, and what cooling them takes.
    others
        area_mm2, junctions, photons, spikes, activity_sparsity.
    energy_at_least_aj
        The parts of `COLD` that are known, with the cooling of these where that is known.
    """

    latency: tuple[CostLine, ...]
    energy: tuple[CostLine, ...]
    others: tuple[CostLine, ...]
    energy_at_least_aj: float

    @property
    def latency_ns(self) -> float | None:
        """Time from the first input to the answer; None where a part is not known."""
        return _total(self.latency)

    @property
    def latency_at_least_ns(self) -> float:
        """Sum of the parts that are known."""
        return sum(line.value or 0.0 for line in self.latency)

    @property
    def energy_aj(self) -> float | None:
        """Energy of an answer with cooling; None where a part is not known."""
        return _total(self.energy)

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """All of them."""
        return (*self.latency, *self.energy, *self.others)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "latency_ns": self.latency_ns,
            "latency_at_least_ns": self.latency_at_least_ns,
            "energy_aj": {
                **{line.name: line.value for line in self.energy},
                "total": self.energy_aj,
                "at_least": self.energy_at_least_aj,
            },
            **{line.name: line.value for line in self.others},
            "lines": [line.as_dict() for line in self.lines],
        }


def _total(lines: tuple[CostLine, ...]) -> float | None:
    values = [line.value for line in lines if line.value is not None]
    return sum(values) if len(values) == len(lines) else None


def answer_cost(routed: RoutedNetlist, activity: Activity) -> AnswerCost:
    """Say what an answer costs (docs/hardware.md); what the technology or the netlist does not say is None.

    Parameters
    ----------
    routed
        The chip.
    activity
        What an answer makes it do; without optical projections it has no spikes.
    """
    netlist = routed.netlist
    seconds = activity.frames * frame_seconds(netlist)
    fluxons = _line("fluxons", "aJ", lambda: _fluxons(netlist, activity, seconds))
    cold = (
        _line("static_bias", "aJ", lambda: _static_bias(netlist, fluxons, seconds)),
        fluxons,
        _line("light", "aJ", lambda: _light(routed, activity, emitter_energy, excitation_energy)),
        _line("detection", "aJ", lambda: _light(routed, activity, event_energy, _detections)),
    )
    return AnswerCost(
        _latency(routed, activity.frames, seconds),
        (*cold, _line("cooling", "aJ", lambda: _cooling(netlist, cold))),
        (
            _line("area_mm2", "mm^2", lambda: _area(routed)),
            _line("junctions", "1", lambda: _junctions(routed)),
            _line("photons", "1", lambda: _photons(routed, activity)),
            _line("spikes", "1", lambda: _spikes(netlist, activity)),
            _line("activity_sparsity", "1", lambda: _sparsity(activity)),
        ),
        _at_least_aj(netlist, cold),
    )


def answer_latency_ns(routed: RoutedNetlist, frames: int) -> float | None:
    """Return the latency of an answer that takes so many input samples, which no program changes; None: not known."""
    return _total(_latency(routed, frames, frames * frame_seconds(routed.netlist)))


def _latency(routed: RoutedNetlist, frames: int, seconds: float) -> tuple[CostLine, ...]:
    return (
        _line("frames", "ns", lambda: _frames(frames, seconds)),
        _line("hops", "ns", lambda: _hops(routed)),
        _line("readout", "ns", lambda: _readout(routed)),
    )


def _at_least_aj(netlist: Netlist, cold: tuple[CostLine, ...]) -> float:
    overhead = netlist.device_technology.quantity("cooling_overhead").value
    return sum(line.value or 0.0 for line in cold) * (1.0 if overhead is None else overhead)


def _line(name: str, unit: str, make: Callable[[], BudgetEntry]) -> CostLine:
    """Make a line; a number that is missing is no error here, since the others do not depend on it."""
    try:
        found = make()
    except SoensimError as error:
        return CostLine(name, None, unit, unknown=str(error))
    return CostLine(name, found.value, unit, found.formula, found.source, found.estimate)


def _frames(frames: int, seconds: float) -> BudgetEntry:
    formula = f"{frames} input samples (all frames, all labels) x input sample"
    return entry("latency", "frames", seconds * _NS_PER_S, "ns", formula, basis="netlist: timing, the data")


def _hops(routed: RoutedNetlist) -> BudgetEntry:
    netlist = routed.netlist
    if netlist.readout is None:
        raise SoensimError("the chip has no readout to reach")
    reached = [hops_to(netlist, name) for name in netlist.readout.reads]
    hops = max((h for h in reached if h is not None), default=None)
    if hops is None:
        raise SoensimError("no path leads from the inputs to the readout")
    delay_ns = _known_delay_ns(routed)
    where = "routes" if routed.layout is not None else "netlist: delay_ps"
    return entry("latency", "hops", hops * delay_ns, "ns", f"{hops} hops, input to readout, x longest delay", (), where)


def _known_delay_ns(routed: RoutedNetlist) -> float:
    """Longest delay of a path; refused where nothing says how long the paths are."""
    unknown = [p.key for p in routed.netlist.projections if "delay_ps" not in p.model_fields_set]
    if routed.layout is None and unknown:
        raise SoensimError(f"the chip is not laid out, and {unknown[0]} has no delay_ps: add a floorplan, or the delay")
    return longest_delay_ps(routed) * 1e-3


def _readout(routed: RoutedNetlist) -> BudgetEntry:
    readout = routed.netlist.readout
    if not isinstance(readout, LinearReadout) or readout.location != "on-chip":
        raise SoensimError("the readout is off the chip, and its electronics are not described")
    value = _known_delay_ns(routed) + frame_seconds(routed.netlist) * _NS_PER_S
    assumed = Number("readout", 1, "hop", "estimate: its dendrites integrate for as long as a neuron's", estimate=True)
    return entry("latency", "readout", value, "ns", "one hop more: longest delay + one input sample", (assumed,))


def _biased(netlist: Netlist) -> dict[str, tuple[int, float]]:
    """Return size and bias (I_c) of every population of SQUIDs.

    Raises
    ------
    SoensimError
        A source function is virtual.
    """
    if netlist.spiking:
        return _biased_somas(netlist)
    virtual = [name for name, population in netlist.dendrites.items() if population.virtual]
    if virtual:
        raise SoensimError(f"the source function of {', '.join(virtual)} is virtual: no circuit has it")
    return {name: (p.size, p.bias_current or 0.0) for name, p in netlist.dendrites.items()}


def _biased_somas(netlist: Netlist) -> dict[str, tuple[int, float]]:
    """Return size and bias (I_c) of the somas of every population."""
    technology = netlist.device_technology
    somas = {name: (p.size, p.completed(technology).soma) for name, p in netlist.spiking.items()}
    return {name: (size, soma.bias_current or 0.0) for name, (size, soma) in somas.items()}


def _fluxons(netlist: Netlist, activity: Activity, seconds: float) -> BudgetEntry:
    if netlist.spiking:
        found = soma_energy(netlist, activity)
        return entry("energy", "fluxons", found.value * _AJ_PER_PJ, "aJ", found.formula, found.numbers, found.basis)
    _biased(netlist)
    (found,) = squid_energy(netlist, activity, seconds)
    formula = (
        "sum over neurons of bias_current I_c Phi_0 x fluxons, their number being I_c r_jj / Phi_0 x integral of g dt"
    )
    return entry("energy", "fluxons", found.value * _AJ_PER_PJ, "aJ", formula, found.numbers, found.basis)


def _static_bias(netlist: Netlist, fluxons: CostLine, seconds: float) -> BudgetEntry:
    """Say what the resistors take through which the bias comes; the fluxons take their part themselves."""
    biased = _biased(netlist)
    voltage = stated(netlist, "bias_voltage_v")
    junction = netlist.device_technology.junction
    device = Number("I_c", junction.critical_current_a, "A", f"{netlist.technology}: its junction")
    current_a = sum(size * bias for size, bias in biased.values()) * device.value
    if voltage.value == 0:
        return entry(
            "energy", "static bias", 0.0, "aJ", "bias through inductors: the fluxons are all of it", (voltage,)
        )
    drawn_aj = current_a * voltage.value * seconds * _AJ_PER_J
    if fluxons.value is None or drawn_aj < fluxons.value:
        raise SoensimError(
            f"bias_voltage_v is {voltage.value:g} V, below the mean voltage of the SQUIDs, so that no current flows; "
            "give more, or 0 for a bias through inductors"
        )
    formula = "sum over neurons of bias_current I_c x bias_voltage_v x duration of the frames, less the fluxons"
    return entry("energy", "static bias", drawn_aj - fluxons.value, "aJ", formula, (device, voltage), "netlist")


def _detections(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    return detection_energy(routed.netlist, activity)


def _light(
    routed: RoutedNetlist,
    activity: Activity,
    of_rates: Callable[[RoutedNetlist, Activity], BudgetEntry],
    of_spikes: Callable[[RoutedNetlist, Activity], BudgetEntry],
) -> BudgetEntry:
    spiking = bool(routed.netlist.spiking)
    if not (spiking or routed.netlist.has_waveguides):
        return entry("energy", "light", 0.0, "aJ", "no optical projection", basis="netlist")
    if not spiking and routed.layout is None:
        raise SoensimError("the chip is not laid out, so that the losses of its light are not known")
    found = (of_spikes if spiking else of_rates)(routed, activity)
    return entry("energy", found.quantity, found.value * _AJ_PER_PJ, "aJ", found.formula, found.numbers, found.basis)


def _cooling(netlist: Netlist, cold: tuple[CostLine, ...]) -> BudgetEntry:
    missing = [line.name for line in cold if line.value is None]
    if missing:
        names = ", ".join(name.replace("_", " ") for name in missing)
        raise SoensimError(f"not known without {names}")
    overhead = stated(netlist, "cooling_overhead")
    total = sum(line.value or 0.0 for line in cold)
    entering = Number("cold", total, "aJ", " + ".join(COLD), any(line.estimate for line in cold), computed=True)
    formula = "(cooling_overhead - 1) x sum of the lines above"
    return entry("energy", "cooling", (overhead.value - 1) * total, "aJ", formula, (overhead, entering))


def _area(routed: RoutedNetlist) -> BudgetEntry:
    if routed.layout is None:
        raise SoensimError("the chip is not laid out; give it a `floorplan`")
    value = die_area_um2(routed.layout) * _MM2_PER_UM2
    return entry("area", "die", value, "mm^2", "die_width_um x die_height_um", basis="netlist")


def _junctions(routed: RoutedNetlist) -> BudgetEntry:
    found = [line for line in count_entries(routed) if line.quantity in ("junctions", "readout junctions")]
    formula = "; readout: ".join(line.formula for line in found)
    return entry("counts", "junctions", sum(line.value for line in found), "1", formula, found[0].numbers, "routes")


def _photons(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    netlist = routed.netlist
    if netlist.spiking:
        return excitations(routed, activity)
    if not netlist.has_waveguides:
        return entry("light", "photons", 0.0, "1", "no optical projection", basis="netlist")
    photons = stated(netlist, "photons_per_spike")
    sent = sum(float(counts.sum()) for counts in activity.spikes.values())
    return entry("light", "photons", sent * photons.value, "1", "spikes x photons_per_spike", (photons,), "the data")


def _spikes(netlist: Netlist, activity: Activity) -> BudgetEntry:
    if not (netlist.has_waveguides or netlist.spiking):
        return entry("light", "spikes", 0.0, "1", "no optical projection: states are currents", basis="netlist")
    sent = sum(float(counts.sum()) for counts in activity.spikes.values())
    return entry("light", "spikes", sent, "1", "sum over neurons and input ports", basis="the data")


def _sparsity(activity: Activity) -> BudgetEntry:
    if activity.sparsity is None:
        raise SoensimError("the states were not recorded")
    formula = "1 - <|s|>^2 / <s^2> over neurons and input samples (Treves, Rolls, Network 2, 371, 1991)"
    return entry("activity", "sparsity", activity.sparsity, "1", formula, basis="the data")
