"""Energy of one classification, from what the data make a chip of rate neurons do: spikes, and drive of its SQUIDs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.budget.area import die_area_um2
from soensim.budget.counts import emitters, lit_sources
from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.budget.power import light_numbers, photon_energy_j, spike_energy_j
from soensim.errors import SoensimError
from soensim.netlist import Netlist
from soensim.network.light import frame_seconds, highest_rates_mhz
from soensim.routing import RoutedNetlist

FloatArray = NDArray[np.float64]

GROUP = "energy"
_PJ_PER_J, _AJ, _MW_PER_W, _US_PER_S = 1e12, 1e-18, 1e3, 1e6
_CM2_PER_UM2 = 1e-8


@dataclass(frozen=True)
class Activity:
    """What one classification makes a chip do, in the mean over the samples of a data set.

    Attributes
    ----------
    spikes
        Spikes of each neuron or port whose population emits light, shape (size,), by population.
    drive
        Mean over time of g of each neuron, shape (size,), by population of dendrites; empty on a spiking chip.
    frames
        Input samples that a classification takes, those of all labels of a goodness readout together.
    sparsity
        1 - <|s|>^2 / <s^2> over neurons and input samples: 0 where all are equally active, near 1 where few are; None
        where the states were not recorded. On a spiking chip s are the spikes of a neuron.
    detections
        Spikes that detectors count, on a spiking chip; None where they were not counted.
    """

    spikes: Mapping[str, FloatArray]
    drive: Mapping[str, FloatArray]
    frames: int
    sparsity: float | None = None
    detections: float | None = None


def classification_energy(routed: RoutedNetlist, activity: Activity) -> tuple[BudgetEntry, ...]:
    """Say what a classification costs on a chip whose light carries rates, and what power that is.

    Emitters on the chip, synapse events (spikes that are counted, and dark counts) and the bias of the rate neurons'
    SQUIDs enter. The light of input ports is made off chip and is told apart. A readout is not counted: it is
    electrical, and no energy of its synapses is known.

    Raises
    ------
    SoensimError
        The chip is not laid out.
    TechnologyError
        A number that a figure needs has no value.
    """
    layout = routed.layout
    if layout is None:
        raise SoensimError(f"chip {routed.netlist.name!r} is not laid out; what its light takes is not known")
    netlist = routed.netlist
    seconds = activity.frames * frame_seconds(netlist)
    lines = list(_spikes(routed, activity, seconds))
    parts = [
        emitter_energy(routed, activity),
        event_energy(routed, activity),
        *squid_energy(netlist, activity, seconds),
    ]
    cooling = stated(netlist, "cooling_overhead")
    total_pj = sum(part.value for part in parts)
    total = Number(
        "sum", total_pj, "pJ", " + ".join(p.quantity for p in parts), any(p.estimate for p in parts), computed=True
    )
    power_mw = total_pj / _PJ_PER_J / seconds * _MW_PER_W
    cooled, formula = total_pj * cooling.value, "sum of the lines above"
    density = power_mw / (die_area_um2(layout) * _CM2_PER_UM2)
    return (
        *lines,
        *parts,
        entry(GROUP, "energy per classification", total_pj, "pJ", formula, (total,)),
        entry(GROUP, "the same after cooling", cooled, "pJ", f"{formula} x cooling_overhead", (total, cooling)),
        entry(GROUP, "mean power", power_mw, "mW", "energy per classification / duration", (total,), "netlist: timing"),
        entry(
            *(GROUP, "mean power after cooling", power_mw * cooling.value, "mW"),
            *("mean power x cooling_overhead", (total, cooling), "netlist: timing"),
        ),
        entry(GROUP, "mean power density", density, "mW/cm^2", "mean power / die", (total,), "netlist"),
    )


def _spikes(routed: RoutedNetlist, activity: Activity, seconds: float) -> tuple[BudgetEntry, ...]:
    """Say how long a classification takes and how many spikes it has, and how active that is."""
    netlist, lit = routed.netlist, lit_sources(routed)
    counted = {name: float(activity.spikes[name][seen].sum()) for name, seen in lit.items()}
    limits = highest_rates_mhz(netlist)
    most = min(limits.values()) * 1e6 * seconds * emitters(routed)
    sent = sum(count for name, count in counted.items() if name in netlist.dendrites)
    shares = []
    if most > 0:
        formula, numbers = "spikes of emitters / (highest rate x duration)", [stated(netlist, key) for key in limits]
        shares = [entry(GROUP, "activity of the emitters", sent / most, "1", formula, numbers, "the data")]
    photons, wavelength, _ = light_numbers(netlist)
    off_chip = sum(count for name, count in counted.items() if name not in netlist.dendrites)
    light_pj = off_chip * photons.value * photon_energy_j(wavelength.value) * _PJ_PER_J
    return (
        entry(GROUP, "duration", seconds * _US_PER_S, "us", "frames x input sample", basis="netlist: timing, the data"),
        *(
            entry(GROUP, f"spikes, {name}", n, "1", "sum over its emitters", basis="the data")
            for name, n in counted.items()
        ),
        *shares,
        entry(
            *(GROUP, "light of input ports", light_pj, "pJ", "spikes x light per spike; made off chip, not in the sum"),
            *((photons, wavelength), "the data"),
        ),
    )


def emitter_energy(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    """Say what the emitters of neurons take.

    Raises
    ------
    TechnologyError
        A number of theirs has no value.
    """
    netlist, numbers = routed.netlist, light_numbers(routed.netlist)
    sent = sum(
        float(activity.spikes[name][seen].sum())
        for name, seen in lit_sources(routed).items()
        if name in netlist.dendrites
    )
    joules = sent * spike_energy_j(*numbers)
    formula = "spikes of neurons x photons_per_spike h c / (wavelength_um emitter_efficiency)"
    return entry(GROUP, "emitters", joules * _PJ_PER_J, "pJ", formula, numbers, "the data")


def event_energy(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    """Say what the synapses take of which a detector counts something: a spike, or what was none."""
    netlist = routed.netlist
    keys = ("synapse_event_aj", "photons_per_spike", "detector_efficiency", "splitter_excess_db")
    numbers = [stated(netlist, key) for key in keys]
    dark_hz = 0.0
    if netlist.routing is not None:
        dark_hz = netlist.routing.completed(netlist.device_technology).dark_count_rate_hz or 0.0
    events = 0.0
    for projection in netlist.projections:
        found = routed.projections[projection.key]
        if projection.medium == "optical" and found.ledger is not None:
            spikes = activity.spikes[projection.source][found.edges.sources]
            events += float((spikes * (1 - found.ledger.no_photon_probability)).sum())
            events += dark_hz * activity.frames * frame_seconds(netlist) * len(found.edges)
    formula = "(sum over edges of spikes x (1 - P(none counted)), and dark counts) x synapse_event_aj"
    return entry(
        GROUP, "synapse events", events * numbers[0].value * _AJ * _PJ_PER_J, "pJ", formula, numbers, "routes, the data"
    )


def squid_energy(netlist: Netlist, activity: Activity, seconds: float) -> tuple[BudgetEntry, ...]:
    """Say what the bias gives to the SQUIDs: its current times their mean voltage, g I_c r_jj."""
    junction = netlist.device_technology.junction
    where = f"{netlist.technology}: its junction"
    device = Number("I_c", junction.critical_current_a, "A", where)
    scale = Number("I_c r_jj", junction.voltage_scale_v, "V", where)
    squids = {name: p for name, p in netlist.dendrites.items() if not p.virtual}
    if not squids:
        return ()
    watts = sum(
        (population.bias_current or 0.0) * device.value * float(activity.drive[name].sum()) * scale.value
        for name, population in squids.items()
    )
    formula = "sum of bias_current I_c x mean g x I_c r_jj x duration"
    joules = watts * seconds
    return (
        entry(GROUP, "SQUIDs of rate neurons", joules * _PJ_PER_J, "pJ", formula, (device, scale), "netlist, the data"),
    )
