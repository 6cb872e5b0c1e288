"""The budget: published counts and closed forms, figures recomputed from their definitions, sources and estimates."""

import json
import math
import re

import networkx as nx
import numpy as np
import pytest
from check_problems import by_hand
from conftest import LABELS, ROOT, SMALL
from layouts import CHIP, chip
from scipy.sparse.csgraph import shortest_path

from soensim.budget import BudgetEntry, Number, budget, fan_in, stated
from soensim.budget import closed_forms as forms
from soensim.errors import SoensimError
from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.network.light import frame_spikes
from soensim.routing import RoutedNetlist, route
from soensim.technology import load_technology

PHI_0 = 2.067833848e-15  # Wb, CODATA
ALL_OPTICAL = {
    **dict.fromkeys(("from_inputs", "topology"), "all-to-all"),
    **dict.fromkeys(("input_medium", "medium"), "optical"),
    "inputs": 3,
    "neurons": 9,
    "die_um": 2000,
    "placement": "{kind: grid}",
    "floorplan": "",
    "strategy": "crossbar",
    "absent": "prune",
    "routing": "",
}


def load(name: str) -> Netlist:
    return load_netlist(ROOT / "netlists" / f"{name}.yaml")


def figures(routed: RoutedNetlist, **options) -> dict[str, BudgetEntry]:
    lines = budget(routed, **options)
    named = {line.quantity: line for line in lines}
    assert len(named) == len(lines)
    return named


def value(lines: dict[str, BudgetEntry], quantity: str, unit: str) -> float:
    assert lines[quantity].unit == unit
    return lines[quantity].value


@pytest.fixture(scope="module")
def optical() -> RoutedNetlist:
    return route(load("optical-28"))


# --- closed forms (docs/hardware.md: soens_sim network scripts, arXiv:1805.01942) -------------------------

CM2 = 1e8  # um^2


@pytest.mark.parametrize(("neurons", "photonic", "electronic"), [(1000, 422, 111), (8100, 148, 14)])
def test_published_fan_in(neurons, photonic, electronic):
    each = forms.area_per_neuron(CM2, neurons)
    assert round(forms.photonic_fan_in(each, 2, 1.5)) == photonic
    assert round(forms.electronic_fan_in(each, 1, 30)) == electronic


def test_neurons_on_a_die_is_the_inverse_of_the_photonic_fan_in():
    k = forms.photonic_fan_in(forms.area_per_neuron(CM2, 8100), 2, 1.5)
    assert forms.neurons_on_die(CM2, 2, 1.5, k) == pytest.approx(8100)


def test_the_published_die_needs_three_planes_or_small_synapses():
    each = forms.area_per_neuron(CM2, 8100)
    fits = {
        (planes, pitch): 8100 * forms.electronic_fan_in(each, planes, pitch) >= 330_430
        for planes, pitch in [(1, 30), (2, 30), (3, 30), (1, 10)]
    }
    assert fits == {(1, 30): False, (2, 30): False, (3, 30): True, (1, 10): True}
    assert 8100 * forms.electronic_fan_in(each, 3, 30) == pytest.approx(333_333, abs=1)
    assert forms.photonic_fan_in(each, 2, 1.5) > 330_430 / 8100


def test_mean_path_of_random_graphs():
    for n, k in ((400, 8), (1000, 20)):
        graph = nx.gnm_random_graph(n, n * k // 2, seed=1)
        largest = graph.subgraph(max(nx.connected_components(graph), key=len))
        steps = shortest_path(nx.to_scipy_sparse_array(largest), unweighted=True)
        assert forms.mean_path(n, k) == pytest.approx(steps[steps > 0].mean(), rel=0.05)


def test_photons_per_detector():
    # 312 photons, 28 detectors, 16.8 dB in all leave 6.5 each
    own_db = 16.8 - 10 * math.log10(28)
    assert forms.photon_fan_out(312, 6.5, own_db) == pytest.approx(28, rel=0.02)


# --- counts ----------------------------------------------------------------------------------------------


def test_the_first_year_chip_has_4144_junctions():
    lines = figures(route(load("year1-28")))
    assert value(lines, "junctions", "1") == 4 * 1008 + 4 * 28 == 4144
    assert lines["junctions"].estimate
    assert value(lines, "readout synapses", "1") == 280
    assert value(lines, "readout junctions", "1") == 1120
    assert (value(lines, "neurons", "1"), value(lines, "input ports", "1")) == (28, 8)
    assert value(lines, "electrical synapses", "1") == 1008
    assert load_technology("rate-chip-28").value("junctions") == 4144


def test_dendrites_of_spiking_neurons_have_junctions():
    text = (ROOT / "netlists" / "point-neurons-10.yaml").read_text()
    alone = "soma: {threshold: 0.3}\n    refractory: {present: false}"
    tree = "soma: {threshold: 0.3}\n    arbor: [{name: a, coupling: 0.1, branches: [{name: b, coupling: 0.1}]}]"
    counted = {}
    for name, soma in (("plain", "soma: {threshold: 0.3}"), ("alone", alone), ("tree", tree)):
        netlist = parse_netlist(text.replace("soma: {threshold: 0.3}", soma))
        counted[name] = figures(route(netlist))["junctions"].value
    # 20 synapses; soma and refractory dendrite, without it, with two branches
    assert counted == {"plain": 4 * 20 + 4 * 20, "alone": 4 * 20 + 4 * 10, "tree": 4 * 20 + 4 * 40}


def test_only_edges_that_exist_count():
    gone = {"hidden->hidden": {(0, t): ("loss", 30.0, 20.0) for t in range(9)}}
    lines = figures(by_hand(chip(), absent=gone))
    assert lines["optical synapses"].value == lines["synapses"].value == 27 + 72
    assert lines["emitters"].formula.startswith("8 emitters")  # neuron 0 reaches nobody
    assert fan_in(by_hand(chip(), absent=gone))["hidden"].tolist() == [11] * 9
    assert fan_in(by_hand(chip(), absent=gone), asked=True)["hidden"].tolist() == [12] * 9


# --- areas and lengths -----------------------------------------------------------------------------------


def test_areas_of_an_optical_chip(optical):
    lines = figures(optical)
    guides, die = optical.layout.waveguides, 10.2 * 8.6
    assert value(lines, "die", "mm^2") == pytest.approx(die)
    assert value(lines, "cells", "mm^2") == pytest.approx(28 * 1.63**2)
    assert value(lines, "cells, of the die", "%") == pytest.approx(100 * 28 * 1.63**2 / die)
    assert value(lines, "synapses per plane", "mm^2") == pytest.approx(1008 * 0.09**2)
    length_m = sum(
        math.hypot(guides.x_um[k] - guides.x_um[p], guides.y_um[k] - guides.y_um[p])
        for k, p in enumerate(guides.parent)
        if p >= 0
    )
    assert value(lines, "waveguide length", "m") == pytest.approx(length_m * 1e-6)
    planes = [value(lines, f"waveguides on plane {k}", "mm^2") for k in (0, 1)]
    assert sum(planes) == pytest.approx(length_m * 1e-6 * 1.5e-6 * 1e6)
    assert "waveguides on plane 2" not in lines


def test_planes_share_the_synapses():
    lines = figures(by_hand(chip(floorplan="electronic_planes: 3")))
    assert value(lines, "synapses per plane", "mm^2") == pytest.approx(108 * 0.02**2 / 3)
    assert value(lines, "electronic planes", "1") == 3


def test_wires():
    netlist = chip(medium="electrical", inputs=1, from_inputs="one-to-one", neurons=1, input_medium="electrical")
    lines = figures(
        by_hand(netlist, paths={"hidden->hidden": {"length_um": 300.0}, "pixels->hidden": {"length_um": 50}})
    )
    assert value(lines, "wire length", "m") == pytest.approx(350e-6)
    assert value(lines, "wires", "mm^2") == pytest.approx(350 * 2 * 1e-6)  # 2 um pitch
    assert lines["wires"].estimate
    assert not {"waveguide length", "photons per spike", "k allowed by photonic tracks"} & set(lines)


# --- light and power -------------------------------------------------------------------------------------


def test_light(optical):
    lines = figures(optical)
    photon_j = 6.62607015e-34 * 299_792_458 / 1.22e-6
    assert value(lines, "light per spike", "fJ") == pytest.approx(1e4 * photon_j * 1e15)
    assert value(lines, "emitter energy per spike", "fJ") == pytest.approx(1e4 * photon_j / 1e-3 * 1e15)
    # 28 neurons emit at 10 MHz, which synapses follow; the light of the 8 ports is made elsewhere
    assert value(lines, "firing rate", "MHz") == 10
    assert value(lines, "emitters", "mW") == pytest.approx(28 * 1e4 * photon_j / 1e-3 * 10e6 * 1e3)
    assert "made off chip" in lines["emitters"].formula
    assert not lines["emitters"].estimate
    # nearly every spike is counted at each of the 1008 synapses
    assert value(lines, "synapse events", "mW") == pytest.approx(1008 * 33e-18 * 10e6 * 1e3)
    assert lines["synapse events"].estimate  # what arrives depends on the splitters' loss


def test_missed_spikes_take_no_synapse_energy():
    lines = figures(by_hand(chip(), paths={"hidden->hidden": {"no_photon_probability": np.full(81, 0.25)}}))
    assert lines["synapse events"].value == pytest.approx((27 + 81 * 0.75) * 33e-18 * 10e6 * 1e3)


@pytest.mark.parametrize(
    ("key", "value_", "rate_mhz"),
    [
        ("spike_rate_max_mhz", 4.0, 4.0),
        ("synapse_rate_max_mhz", 12.5, 12.5),
        ("synapse_rate_max_mhz", 80.0, 20.0),  # 20 MHz from emitters and from dead times of 50 ns
        ("detector_dead_time_ns", 400.0, 2.5),
    ],
)
def test_the_slowest_part_of_the_light_gives_its_rate(tmp_path, key, value_, rate_mhz):
    """The same rate carries states in a simulation: r T spikes per frame."""
    unit = "ns" if key.endswith("_ns") else "MHz"
    (tmp_path / "own.yaml").write_text(
        "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n"
        f"  {key}: {{value: {value_}, unit: {unit}, range: null, range_reason: own, source: own}}\n"
    )
    text = CHIP.format(**ALL_OPTICAL).replace("technology: nist-2023", "technology: ./own.yaml")
    netlist = parse_netlist(text, folder=tmp_path)
    assert figures(by_hand(netlist))["firing rate"].value == rate_mhz
    sample_s = netlist.device_technology.junction.seconds_from_tau(1e6)
    assert frame_spikes(netlist) == pytest.approx(rate_mhz * 1e6 * sample_s)
    with pytest.raises(SoensimError, match=f"more than its light can carry: {rate_mhz:g} MHz, from "):
        figures(by_hand(netlist), rate_mhz=rate_mhz * 1.01)
    assert figures(by_hand(netlist), rate_mhz=rate_mhz)["firing rate"].value == rate_mhz


def test_activity_is_a_part_of_the_worst_case(optical):
    worst, quarter = figures(optical), figures(optical, activity=0.25)
    for part in ("firing rate", "emitters", "synapse events", "SQUIDs of rate neurons", "power density"):
        assert quarter[part].value == pytest.approx(0.25 * worst[part].value), part
    assert figures(optical, activity=0.0)["total before cooling"].value == 0
    assert "activity = 0.25" in quarter["firing rate"].source
    with pytest.raises(SoensimError, match="from 0"):
        budget(optical, activity=1.5)
    with pytest.raises(SoensimError, match="leave one out"):
        budget(optical, activity=0.5, rate_mhz=5.0)


def test_loops_are_squares_of_a_film(optical):
    """L = beta_di Phi_0 / (2 pi I_c); 394 pH per square, each 3 um long in lines 4 um apart."""
    lines = figures(optical)
    henries = 2.356194490192345e7 * PHI_0 / (2 * math.pi * 1e-4)
    assert value(lines, "loop inductance, hidden", "uH") == pytest.approx(henries * 1e6)
    squares = henries / 394e-12
    assert squares == pytest.approx(196_812, abs=1)
    assert value(lines, "squares of a loop, hidden", "1") == pytest.approx(squares)
    assert value(lines, "area of a loop, hidden", "um^2") == pytest.approx(squares * 3 * 4)
    assert value(lines, "area of a loop, of the cell, hidden", "%") == pytest.approx(100 * squares * 12 / 1630**2)
    assert value(lines, "loops of all neurons", "mm^2") == pytest.approx(28 * squares * 12e-6)
    assert not lines["squares of a loop, hidden"].estimate
    assert lines["area of a loop, hidden"].estimate  # width and pitch are guesses, and say so
    assert not any("loop" in quantity for quantity in figures(by_hand(chip())))  # virtual: no circuit, no loop


def test_bias_power_of_rate_neurons(optical):
    """Another way to the same: at state 1 the loop's resistor has I_c r_di, and so has the SQUID."""
    lines = figures(optical)
    inductance_h = 100 * PHI_0 / 1e-4  # beta_di = 2 pi 100
    resistance_ohm = inductance_h / 1.6e-9  # tau_di
    watts = 28 * 1.9 * 1e-4 * (1e-4 * resistance_ohm)
    assert value(lines, "SQUIDs of rate neurons", "mW") == pytest.approx(watts * 1e3, rel=1e-6)
    assert value(lines, "bias energy per fluxon, hidden", "aJ") == pytest.approx(1.9 * 1e-4 * PHI_0 * 1e18)


def test_bias_power_of_somata():
    netlist = parse_netlist((ROOT / "netlists" / "point-neurons-10.yaml").read_text())
    lines = figures(route(netlist), rate_mhz=3.0)
    fluxons = 0.3 / 0.01  # one fluxon adds 0.01 I_c at beta_di = 2 pi 100
    watts = 10 * fluxons * 1.802395858835221 * 1e-4 * PHI_0 * 3e6
    assert value(lines, "SQUIDs of somata", "mW") == pytest.approx(watts * 1e3, rel=1e-6)


def test_bias_energy_is_that_of_the_technology():
    text = SMALL.replace("bias_current: 1.9", "bias_current: 1.7")
    energy = figures(route(parse_netlist(text)))["bias energy per fluxon, hidden"].value
    assert energy * 1e-18 == pytest.approx(load_technology("nist-2023").value("bias_energy_per_fluxon_j"))
    assert energy == pytest.approx(0.35, rel=0.01)  # 3.5e-19 J at a bias of 1.7 (docs/devices.md)


def test_totals(optical):
    lines = figures(optical)
    parts = ("emitters", "synapse events", "SQUIDs of rate neurons")
    total = sum(value(lines, part, "mW") for part in parts)
    assert value(lines, "total before cooling", "mW") == pytest.approx(total)
    assert value(lines, "total after cooling", "mW") == pytest.approx(300 * total)
    assert value(lines, "power density", "mW/cm^2") == pytest.approx(total / 0.8772)
    assert value(lines, "power density, published", "mW/cm^2") == 1
    assert lines["total before cooling"].estimate


def test_rate_and_frames(optical):
    slow, fast = (figures(optical, rate_mhz=rate, frame_samples=8) for rate in (1.0, 10.0))
    assert fast["emitters"].value == pytest.approx(10 * slow["emitters"].value)
    assert fast["SQUIDs of rate neurons"].value == slow["SQUIDs of rate neurons"].value
    assert value(fast, "frame rate", "MHz") == pytest.approx(1e3 / (8 * 6000))
    energy = value(fast, "total before cooling", "mW") * 1e-3 * 8 * 6e-6
    assert value(fast, "energy per frame", "fJ") == pytest.approx(energy * 1e15)
    assert value(fast, "energy per frame, after cooling", "fJ") == pytest.approx(300 * energy * 1e15)
    assert not any("frame" in quantity for quantity in figures(optical))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate_mhz": 0.0}, "positive"),
        ({"rate_mhz": math.nan}, "positive"),
        ({"rate_mhz": math.inf}, "positive"),
        ({"frame_samples": 0}, "1 or more"),
        ({"rate_mhz": 5.0}, "neither waveguides nor spiking neurons"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(SoensimError, match=message):
        budget(route(load("year1-28")), **options)


# --- latency ---------------------------------------------------------------------------------------------


def test_latency():
    netlist = parse_netlist(
        """
schema: soensim/1
name: chain
technology: nist-2023
populations:
  x: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}
  a: {kind: dendrite, size: 2, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
  b: {kind: dendrite, size: 2, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
projections:
  - {source: x, target: a, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, delay_ps: 30}
  - {source: a, target: b, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, delay_ps: 250}
  - {source: b, target: a, topology: all-to-all, efficacy: {bits: 4, range: 0.3}}
timing: {sample_ns: 2.0}
readout: {kind: linear, population: b, classes: 2, state: final, efficacy: {bits: 4, range: 1.0}}
"""
    )
    lines = figures(route(netlist))
    assert value(lines, "longest delay", "ps") == 250
    assert value(lines, "latency per hop", "ns") == pytest.approx(2.25)
    assert value(lines, "hops, input to readout", "1") == 2
    assert value(lines, "latency, input to readout", "ns") == pytest.approx(4.5)
    assert not lines["longest delay"].estimate
    by_wire = figures(by_hand(chip(medium="electrical", input_medium="electrical")))
    assert by_wire["longest delay"].estimate  # the delay of wires has no published source


# --- what binds ------------------------------------------------------------------------------------------


def test_binding_limit(optical):
    lines = figures(optical)
    allowed = {q: line.value for q, line in lines.items() if q.startswith("k allowed by")}
    each = 10200 * 8600 / 28
    assert allowed["k allowed by photonic tracks"] == pytest.approx(2 * math.sqrt(each) / 1.5)
    assert allowed["k allowed by electronic area"] == pytest.approx(each / 90**2)
    assert allowed["k allowed by fan-in"] == 1000
    assert lines["binding limit: light"].value == min(allowed.values())
    assert value(lines, "k of the chip, mean", "1") == 36
    assert value(lines, "k of the chip, largest fan-in", "1") == 36
    assert value(lines, "k of the chip, largest fan-out", "1") == 28


def test_light_binds_where_photons_are_few():
    netlist = chip(routing="photons_per_spike: 20")
    lines = figures(by_hand(netlist, paths={"hidden->hidden": {"loss_db": 13.0, "split_db": 10.0}}))
    # paths of 3 dB at the median (81 of 108), one photon counted at efficiency 0.9
    assert lines["k allowed by light"].value == pytest.approx(20 * 10**-0.3 * 0.9)
    assert "binding limit: light" in lines
    stricter = figures(by_hand(chip(routing="photons_per_spike: 20, limits: {min_photons: 5}")))
    assert stricter["k allowed by light"].value == pytest.approx(4)


# --- sources, estimates, missing numbers -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["year1-28", "optical-28", "rows-24", "point-neurons-10"])
def test_every_figure_names_its_formula_and_source(name):
    for line in budget(route(load(name))):
        assert line.formula
        assert line.source
        for number in line.numbers:
            assert f"{number.name} = " in line.source
            assert number.source in line.source
        assert json.loads(json.dumps(line.as_dict())) == line.as_dict()
        if not any(number.computed for number in line.numbers):
            assert line.estimate == bool(re.search(r": estimate", line.source))


def test_numbers_of_the_netlist_come_before_those_of_the_technology():
    netlist = load("optical-28")
    own = stated(netlist, "synapse_pitch_um")
    assert own == Number("synapse_pitch_um", 90, "um", "netlist, floorplan.synapse_pitch_um")
    preset = stated(netlist, "photons_per_spike")
    assert (preset.value, preset.estimate) == (1e4, False)
    assert "arXiv:1805.01947" in preset.source
    assert stated(netlist, "wire_pitch_um").estimate


@pytest.mark.parametrize(
    "key",
    [
        *("junctions_per_synapse", "junctions_per_neuron", "waveguide_pitch_um", "wavelength_um", "emitter_efficiency"),
        *("synapse_event_aj", "spike_rate_max_mhz", "cooling_overhead", "power_density_mw_per_cm2", "group_index"),
        *("fan_in_max", "electronic_planes", "photonic_planes", "splitter_excess_db"),
        *("synapse_rate_max_mhz", "detector_dead_time_ns"),
    ],
)
def test_a_missing_number_is_never_zero(tmp_path, key):
    (tmp_path / "own.yaml").write_text(
        "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n"
        f'  {key}: {{value: null, unit: "1", range: null, range_reason: "not found", source: "not found"}}\n'
    )
    text = CHIP.format(**ALL_OPTICAL).replace("technology: nist-2023", "technology: ./own.yaml")
    with pytest.raises(SoensimError, match=key):  # the netlist refuses to be without some of them
        budget(by_hand(parse_netlist(text, folder=tmp_path)))


def test_a_chip_that_is_not_laid_out_has_no_areas_and_says_so():
    lines = figures(route(parse_netlist(SMALL)))
    assert {line.group for line in lines.values()} == {"counts", "power", "latency"}
    assert "not laid out" in lines["synapses"].source
    assert "not laid out" in lines["junctions"].source
    assert "total before cooling" not in lines
    assert "total, without the signals" in lines
    virtual = figures(route(parse_netlist(LABELS)))
    assert not any(line.group == "power" for line in virtual.values())  # no SQUIDs, no energy
