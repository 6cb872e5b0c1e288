"""Cost of an answer: every line by arithmetic, and what is not known is never zero."""

import json

import numpy as np
import pytest
from check_problems import by_hand
from conftest import ROOT
from test_energy import I_C, PHI_0, PHOTON_J, R_JJ, SPIKE_PJ, optical, run_of

from soensim.budget import Activity, answer_cost
from soensim.data import load_dataset
from soensim.evaluation import evaluate
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import compile_network, present
from soensim.program import Program
from soensim.report import cost_rows
from soensim.report.text import table
from soensim.routing import route
from soensim.simulation import measure_activity, simulate
from soensim.technology import load_technology

WIRED = (
    "schema: soensim/1\nname: wired\ntechnology: nist-2023\ntiming: {sample_ns: 0.2, substeps: 4}\n"
    "populations:\n  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}\n"
    "  hidden: {kind: dendrite, size: 6, source_function: squid-fit, bias_current: 1.9, flux_offset: 0.2, "
    "beta_di: 628.3, tau_di_ns: 1.6}\n"
    "projections:\n"
    "- {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 0.5}, delay_ps: 3.0}\n"
    "- {source: hidden, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 0.5}, delay_ps: 5.0}\n"
    "readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}\n"
)
DRIVE = np.linspace(0.1, 0.6, 6)


def wired(tmp_path=None, text=WIRED, **quantities):
    netlist = parse_netlist(text)
    if quantities:
        lines = "".join(
            f"  {key}: {{value: {value}, unit: '{unit}', range: null, range_reason: none, source: {source}}}\n"
            for key, (value, unit, source) in quantities.items()
        )
        (tmp_path / "own.yaml").write_text(
            f"schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n{lines}"
        )
        netlist._technology = load_technology(tmp_path / "own.yaml")
    return route(netlist)


def lines(cost):
    return {line.name: line for line in cost.lines}


def test_wires_by_arithmetic():
    cost = answer_cost(wired(), Activity({}, {"hidden": DRIVE}, 7, 0.25))
    found = lines(cost)
    seconds = 7 * 0.2e-9
    fluxons = DRIVE.sum() * I_C * R_JJ / PHI_0 * seconds
    assert found["fluxons"].value == pytest.approx(fluxons * 1.9 * I_C * PHI_0 * 1e18, rel=1e-6)
    assert found["frames"].value == pytest.approx(1.4)
    assert found["hops"].value == pytest.approx(0.005)
    assert found["readout"].value == pytest.approx(0.205)
    assert found["readout"].estimate
    assert cost.latency_ns == cost.latency_at_least_ns == pytest.approx(1.61)
    for name in ("light", "detection", "photons", "spikes"):
        assert found[name].value == 0
        assert found[name].formula.startswith("no optical projection")
    assert found["activity_sparsity"].value == 0.25
    assert found["junctions"].value == 4 * (48 + 36) + 4 * 6 + 4 * 60
    assert found["area_mm2"].value is None
    assert "not laid out" in found["area_mm2"].unknown


def test_a_bias_that_nobody_states_is_not_known_and_spoils_the_sum():
    cost = answer_cost(wired(), Activity({}, {"hidden": DRIVE}, 7))
    found = lines(cost)
    assert found["static_bias"].value is found["cooling"].value is cost.energy_aj is None
    assert "bias_voltage_v" in found["static_bias"].unknown
    assert found["cooling"].unknown == "not known without static bias"
    assert cost.energy_at_least_aj == pytest.approx(300 * found["fluxons"].value)
    plain = json.loads(json.dumps(cost.as_dict()))
    assert plain["energy_aj"]["total"] is plain["energy_aj"]["static_bias"] is None
    assert plain["energy_aj"]["at_least"] == cost.energy_at_least_aj
    assert plain["activity_sparsity"] is None


def test_resistors_take_the_bus_voltage_less_the_fluxons(tmp_path):
    routed = wired(tmp_path, bias_voltage_v=(2.6e-3, "V", "test"))
    cost = answer_cost(routed, Activity({}, {"hidden": DRIVE}, 7, 0.5))
    found = lines(cost)
    drawn = 6 * 1.9 * I_C * 2.6e-3 * 1.4e-9 * 1e18
    assert found["static_bias"].value == pytest.approx(drawn - found["fluxons"].value)
    assert found["cooling"].value == pytest.approx(299 * drawn)
    assert cost.energy_aj == pytest.approx(300 * drawn)
    assert cost.energy_at_least_aj == pytest.approx(300 * drawn)


def test_a_bias_through_inductors_takes_the_fluxons_alone(tmp_path):
    routed = wired(tmp_path, bias_voltage_v=(0.0, "V", "test"))
    cost = answer_cost(routed, Activity({}, {"hidden": DRIVE}, 7, 0.5))
    assert lines(cost)["static_bias"].value == 0
    assert cost.energy_aj == pytest.approx(300 * lines(cost)["fluxons"].value)


def test_a_bus_below_the_mean_voltage_drives_nothing(tmp_path):
    routed = wired(tmp_path, bias_voltage_v=(1e-6, "V", "test"))
    line = lines(answer_cost(routed, Activity({}, {"hidden": DRIVE}, 7)))["static_bias"]
    assert line.value is None
    assert "below the mean voltage" in line.unknown


def test_without_an_overhead_cooling_is_not_known(tmp_path):
    own = {"cooling_overhead": ("null", "1", "not found"), "bias_voltage_v": (0.0, "V", "test")}
    cost = answer_cost(wired(tmp_path, **own), Activity({}, {"hidden": DRIVE}, 7))
    found = lines(cost)
    assert found["cooling"].value is cost.energy_aj is None
    assert "cooling_overhead" in found["cooling"].unknown
    assert cost.energy_at_least_aj == pytest.approx(found["fluxons"].value)


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("squid-fit, bias_current: 1.9, flux_offset: 0.2", "tanh", "fluxons", "virtual: no circuit"),
        ("squid-fit, bias_current: 1.9, flux_offset: 0.2", "tanh", "static_bias", "virtual: no circuit"),
        ("range: 1.0}}", "range: 1.0}, location: off-chip}", "readout", "off the chip"),
        (WIRED[WIRED.index("readout") :], "", "hops", "no readout"),
    ],
)
def test_what_is_not_known_says_why(old, new, line, why):
    text = WIRED.replace(old, new)
    assert text != WIRED
    if "tanh" in new:
        text = text.replace("beta_di: 628.3, tau_di_ns: 1.6", "gamma_plus: 0.01, gamma_minus: 0.01")
    found = lines(answer_cost(wired(text=text), Activity({}, {"hidden": DRIVE}, 7)))[line]
    assert found.value is None
    assert why in found.unknown


def test_light_by_arithmetic():
    routed = by_hand(optical())
    activity = Activity({"hidden": np.full(9, 2.0), "pixels": np.full(8, 3.0)}, {"hidden": np.full(9, 0.2)}, 5, 0.5)
    found = lines(answer_cost(routed, activity))
    assert found["spikes"].value == 18 + 24
    assert found["photons"].value == 42e4
    assert found["light"].value == pytest.approx(18 * SPIKE_PJ * 1e6)
    missed = [
        routed.projections[key].ledger.no_photon_probability.sum() for key in ("pixels->hidden", "hidden->hidden")
    ]
    events = 3 * (8 * 9 - missed[0]) + 2 * (len(routed.projections["hidden->hidden"].edges) - missed[1])
    assert found["detection"].value == pytest.approx(33 * events, rel=1e-6)
    assert found["area_mm2"].value == pytest.approx(4.0)


def test_sparsity_is_that_of_the_states():
    _, network, program, values = run_of(optical())
    found = measure_activity(network, program, values, read_seed=0).sparsity
    state = np.abs(simulate(network, program, present(network, values), read_seed=0).state[:, 1:])
    expected = 1 - (state.mean((1, 2)) ** 2 / (state**2).mean((1, 2))).mean()
    assert 0.05 < expected < 0.95
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_silent_chip_is_sparse():
    routed = wired(
        text=WIRED.replace("flux_offset: 0.2", "flux_offset: 0.0").replace("bias_current: 1.9", "bias_current: 1.1")
    )
    network = compile_network(routed)
    zero = {key: np.zeros(synapses.shape) for key, synapses in network.synapses.items()}
    program = Program.quantised(network, {**zero, "readout": np.zeros((10, 6))})
    assert measure_activity(network, program, np.zeros((2, 3, 8))).sparsity == 1


@pytest.mark.parametrize(
    ("value", "energy", "latency"),
    [
        (0.0, "0 aJ", "0 ns"),
        (0.5, "0.5 aJ", "500 ps"),
        (999.6, "1 fJ", "1 us"),
        (3.157e9, "3.16 nJ", "3.16 s"),
        (271.0, "271 aJ", "271 ns"),
    ],
)
def test_units_suit_their_values(value, energy, latency):
    assert cost_rows.energy_text(value) == energy
    assert cost_rows.latency_text(value) == latency


def test_table_tells_the_cost(digits):
    routed = wired()
    network = compile_network(routed)
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(0, 0.2, s.shape) for key, s in network.synapses.items()}
    program = Program.quantised(network, {**weights, "readout": rng.normal(0, 0.3, (10, 6))})
    evaluation = evaluate(routed, program, digits, trials=1, refine=1)
    assert evaluation.cost == answer_cost(routed, measure_activity(network, program, digits.test.inputs))
    text = table(evaluation, network)
    assert max(map(len, text.splitlines())) <= 100
    assert "not known: technology 'nist-2023' has no value for 'bias_voltage_v'" in text
    row = next(line for line in text.splitlines() if line.startswith("  energy in all "))
    assert cost_rows.energy_text(evaluation.cost.energy_at_least_aj) in row
    assert "at least: what is known, and its cooling" in row
    assert "  activity sparsity " in text  # no label is cut


def test_the_page_of_claims_has_the_figures_of_the_chips():
    text = (ROOT / "docs" / "claims-and-silicon.md").read_text()
    shown = {}
    for chip in ("year1-28", "optical-28"):
        netlist = load_netlist(ROOT / "netlists" / f"{chip}.yaml")
        program = Program.load(ROOT / "netlists" / f"{chip}.safetensors")
        network = compile_network(route(netlist), refine=4)
        activity = measure_activity(network, program, load_dataset("digits-rows").test.inputs)
        cost = lines(answer_cost(route(netlist), activity))
        shown[chip] = {name: cost_rows.energy_text(cost[name].value) for name in ("fluxons", "light", "detection")}
    assert f"fluxons {shown['year1-28']['fluxons']} per answer" in text
    optical = shown["optical-28"]
    assert f"fluxons {optical['fluxons']}, detection {optical['detection']} per answer" in text
    assert f"light {optical['light']}" in text
    assert pytest.approx(109, abs=0.5) == 2.15e-3 / 3.02e9 / 6.55e-15
    assert pytest.approx(50_000, rel=0.02) == 1e4 * PHOTON_J / 1e-3 / 33e-18


def test_a_path_whose_length_nobody_says_has_no_delay():
    """Not laid out, and a delay of none: it is not known, and not zero; the sum of the others is a lower bound."""
    cost = answer_cost(wired(text=WIRED.replace(", delay_ps: 5.0", "")), Activity({}, {"hidden": DRIVE}, 7, 0.25))
    found = lines(cost)
    for name in ("hops", "readout"):
        assert found[name].value is None
        assert "not laid out, and hidden->hidden has no delay_ps" in found[name].unknown
    assert cost.latency_ns is None
    assert cost.latency_at_least_ns == pytest.approx(1.4)
    zero = answer_cost(wired(text=WIRED.replace("5.0", "0.0")), Activity({}, {"hidden": DRIVE}, 7, 0.25))
    assert zero.latency_ns is not None  # a zero that somebody says is known
