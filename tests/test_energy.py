"""Energy of a classification: what a run does, counted step by step, and what that costs, by arithmetic."""

import dataclasses
import json
import math

import numpy as np
import pytest
from check_problems import by_hand
from conftest import LABELS, ROOT, SMALL
from layouts import chip_text
from test_program import random_weights

from soensim.budget import Activity, classification_energy
from soensim.commands import cli
from soensim.commands.evaluate import main
from soensim.dynamics import LightDraws, TimeLoop
from soensim.errors import SoensimError
from soensim.evaluation import evaluate
from soensim.fabrication import spiking_light
from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.network import compile_network, encode_data, present, signals, with_average_light
from soensim.program import Program
from soensim.report.cost_rows import IN_COST
from soensim.routing import route
from soensim.simulation import measure_activity, simulate
from soensim.simulation.engine import Engine
from soensim.technology import load_technology

PHOTON_J = 6.62607015e-34 * 299_792_458 / 1.22e-6
SPIKE_PJ = 1e4 * PHOTON_J / 1e-3 * 1e12
PHI_0 = 2.067833848e-15  # Wb, CODATA
I_C, R_JJ = 1e-4, 2.565564  # A, Ohm
SQUIDS = "source_function: squid-fit, bias_current: 1.9, flux_offset: 0.2, gamma_plus: 1.0e-6, gamma_minus: 1.0e-6"
READOUT = "readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}\n"


def optical(integrator: str = "forward-euler", **changes) -> Netlist:
    """Nine SQUID dendrites and eight ports in light, twelve spikes in a sample."""
    virtual = "source_function: tanh, gamma_plus: 1.0e-5, gamma_minus: 1.0e-5,\n           reference_state: 1.0"
    text = chip_text(**{"inputs": 8, **changes}).replace(virtual, SQUIDS)
    timing = f"timing: {{sample_ns: 1200, substeps: 10, integrator: {integrator}}}"
    text = text.replace("timing: {sample_tau: 1.0e+6}", timing)
    assert SQUIDS in text
    assert timing in text
    return parse_netlist(text + READOUT)


def run_of(netlist: Netlist, **changes):
    """The chip as it is laid out by hand, compiled, with a program and values of five samples."""
    routed = by_hand(netlist, **changes)
    network = compile_network(routed)
    program = Program.quantised(network, random_weights(network, seed=3, scale=0.2))
    return routed, network, program, np.random.default_rng(2).uniform(0, 1, (5, 6, 8))


# --- what a run does -------------------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", ["forward-euler", "exponential-euler"])
def test_activity_is_that_of_every_step(integrator):
    """Spikes are read off the signals that arrive, and g is evaluated at every step: nothing is taken from the sums."""
    _, network, program, values = run_of(optical(integrator))
    found = measure_activity(network, program, values, read_seed=4)
    engine = Engine(network, program, None)
    drive, arriving = np.zeros((5, 9)), {"pixels": np.zeros((5, 8)), "hidden": np.zeros((5, 9))}
    steps = 0

    def observe(step):
        nonlocal steps, drive
        drive = drive + network.populations[0].source(step.flux, 1.9 - step.state)
        if steps % network.substeps == network.substeps - 1:  # without delay, all that a frame sends is there
            for name, signal in zip(arriving, step.arrived, strict=True):
                arriving[name] += np.broadcast_to(signal, (1, *arriving[name].shape))[0]
        steps += 1

    light = spiking_light(network, engine.chip, LightDraws(4, 0, 5, hypotheses=1))
    shown = signals(network, encode_data(network, values))
    loop = TimeLoop(engine._cells, shown, substeps=network.substeps, light=light, observe=observe)
    list(loop.run([np.zeros((1, 5, 9))]))
    assert steps == 6 * network.substeps
    np.testing.assert_allclose(found.drive["hidden"], np.reshape(drive, (5, 9)).mean(0) / steps, rtol=1e-9)
    for emission, name in ((network.light.ports[0], "pixels"), (network.light.populations[0], "hidden")):
        counts = arriving[name] * emission.spikes / emission.reference
        assert counts.sum() > 20
        np.testing.assert_allclose(found.spikes[name], counts.mean(0), rtol=1e-9)
    assert found.frames == 6


def test_another_seed_draws_other_spikes_and_batches_do_not_matter():
    _, network, program, values = run_of(optical())
    values = np.tile(values, (60, 1, 1))  # more than a block, the last one padded
    whole = measure_activity(network, program, values, read_seed=0)
    other = measure_activity(network, program, values, read_seed=1)
    assert (whole.spikes["hidden"] != other.spikes["hidden"]).any()
    np.testing.assert_allclose(whole.spikes["hidden"], other.spikes["hidden"], rtol=0.1, atol=0.1)
    first = measure_activity(network, program, values[:100], read_seed=0)
    rest = [measure_activity(network, program, values[:k], read_seed=0) for k in (256, 300)]
    assert (first.spikes["pixels"] * 100 <= rest[0].spikes["pixels"] * 256).all()
    np.testing.assert_allclose(rest[1].spikes["pixels"], whole.spikes["pixels"])


def test_heun_has_the_mean_of_fine_steps():
    drive = {}
    for integrator, substeps in (("heun", 10), ("heun", 80), ("forward-euler", 2000)):
        netlist = optical(integrator)
        timing = netlist.timing.model_copy(update={"substeps": substeps})
        _, network, program, values = run_of(netlist.model_copy(update={"timing": timing}))
        average = with_average_light(network)
        drive[integrator, substeps] = measure_activity(average, program, values[:2]).drive["hidden"]
    fine = drive["forward-euler", 2000]
    coarse, finer = (abs(drive["heun", k] - fine).max() / fine.max() for k in (10, 80))
    assert coarse < 5e-3
    assert finer < 1e-3


def test_average_light_has_the_expected_spikes():
    _, network, program, values = run_of(optical())
    average = with_average_light(network)
    found = measure_activity(average, program, values)
    port, population = network.light.ports[0], network.light.populations[0]
    assert port.spikes == pytest.approx(12)
    # full drive at every second frame would send twelve spikes: drive in units of its highest
    np.testing.assert_allclose(found.spikes["pixels"], 12 * values.sum(1).mean(0), rtol=1e-9)
    state = simulate(average, program, present(average, values)).state
    sent = np.clip(12 * state[:, :-1] / population.reference, 0, population.most).sum(1).mean(0)
    np.testing.assert_allclose(found.spikes["hidden"], sent, rtol=1e-9)


def test_every_label_of_a_goodness_readout_is_asked():
    text = LABELS.replace(
        "gamma_plus: 0.2, gamma_minus: 0.2", "gamma_plus: 1.0e-6, gamma_minus: 1.0e-6, reference_state: 1"
    )
    text = text.replace("sample_tau: 1}", "sample_ns: 1000}")
    text = text.replace("range: 2.0}}", "range: 2.0}, medium: optical}")
    text += (
        "floorplan: {die_width_um: 3000, die_height_um: 3000, margin_um: 100, placement: {kind: grid}}\n"
        "routing: {strategy: crossbar, absent_edges: error, detector_efficiency: 0.9}\n"
    )
    network = compile_network(by_hand(parse_netlist(text)))
    program = Program.quantised(network, random_weights(network, seed=3, scale=0.2))
    found = measure_activity(network, program, np.random.default_rng(2).uniform(0, 1, (3, 4, 8)))
    assert found.frames == 4 * 10
    np.testing.assert_array_equal(found.spikes["label"], np.full(10, 4 * 10))  # ten spikes for one label in ten
    assert found.spikes["pixels"].sum() > 0
    assert 0.11 < abs(found.drive["hidden"]).max() <= 1  # of tanh: a mean over the labels, and no sum


def test_a_chip_without_light_sends_none():
    network = compile_network(route(parse_netlist(SMALL)))
    program = Program.quantised(network, random_weights(network, seed=1))
    assert measure_activity(network, program, np.zeros((1, 2, 8))).spikes == {}


# --- what it costs ---------------------------------------------------------------------------------------


def costs(routed, activity: Activity) -> dict[str, float]:
    lines = classification_energy(routed, activity)
    for line in lines:
        assert line.group == "energy"
        assert line.formula
        assert line.source
    return {f"{line.quantity} [{line.unit}]": line.value for line in lines}


def test_costs_by_arithmetic():
    """Nine neurons and eight ports, all-to-all; neuron 0 reaches nobody, and a quarter of the spikes is missed."""
    gone = {"hidden->hidden": {(0, t): ("loss", 30.0, 20.0) for t in range(9)}}
    netlist = optical(routing="dark_count_rate_hz: 5.0e+4")
    paths = {"hidden->hidden": {"no_photon_probability": np.full(72, 0.25)}}
    routed = by_hand(netlist, absent=gone, paths=paths)
    hidden = np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    pixels = np.arange(8.0)
    g = np.linspace(0.1, 0.5, 9)
    found = costs(routed, Activity({"hidden": hidden, "pixels": pixels}, {"hidden": g}, 50))
    seconds = 50 * 1.2e-6
    assert found["duration [us]"] == pytest.approx(60)
    assert found["spikes, hidden [1]"] == 36
    assert found["spikes, pixels [1]"] == 28
    assert found["activity of the emitters [1]"] == pytest.approx(36 / (8 * 10e6 * seconds))
    assert found["light of input ports [pJ]"] == pytest.approx(28 * 1e4 * PHOTON_J * 1e12)
    assert found["emitters [pJ]"] == pytest.approx(36 * SPIKE_PJ)
    events = 28 * 9 + 36 * 9 * 0.75 + (72 + 72) * 5e4 * seconds
    assert found["synapse events [pJ]"] == pytest.approx(events * 33e-6)
    squids = 1.9 * I_C * g.sum() * I_C * R_JJ * seconds * 1e12
    assert found["SQUIDs of rate neurons [pJ]"] == pytest.approx(squids, rel=1e-6)
    total = 36 * SPIKE_PJ + events * 33e-6 + squids
    assert found["energy per classification [pJ]"] == pytest.approx(total)
    assert found["the same after cooling [pJ]"] == pytest.approx(300 * total)
    assert found["mean power [mW]"] == pytest.approx(total * 1e-12 / seconds * 1e3)
    assert found["mean power after cooling [mW]"] == pytest.approx(300 * total * 1e-12 / seconds * 1e3)
    assert found["mean power density [mW/cm^2]"] == pytest.approx(total * 1e-9 / seconds / 0.04)


def test_bias_energy_is_that_of_the_fluxons():
    """Each fluxon takes i_b I_c Phi_0 and adds 2 pi / beta_di: without leak they are counted by the state."""
    routed = by_hand(optical())
    beta_di, state, frames = 1e6, 0.3, 40
    tau = routed.netlist.device_technology.junction.tau_from_seconds(frames * 1.2e-6)
    mean_g = state * beta_di / tau  # s = gamma_plus g T
    activity = Activity({"hidden": np.zeros(9), "pixels": np.zeros(8)}, {"hidden": np.full(9, mean_g)}, frames)
    fluxons = 9 * state * beta_di / (2 * math.pi)
    assert costs(routed, activity)["SQUIDs of rate neurons [pJ]"] == pytest.approx(fluxons * 1.9 * I_C * PHI_0 * 1e12)


def test_virtual_neurons_have_no_bias():
    routed = by_hand(parse_netlist(chip_text() + READOUT))
    found = costs(routed, Activity({"hidden": np.ones(9), "pixels": np.ones(3)}, {"hidden": np.ones(9)}, 3))
    assert "SQUIDs of rate neurons [pJ]" not in found
    assert found["emitters [pJ]"] == pytest.approx(9 * SPIKE_PJ)


def test_a_chip_that_is_not_laid_out_has_no_cost():
    routed = route(parse_netlist(SMALL))
    with pytest.raises(SoensimError, match="not laid out"):
        classification_energy(routed, Activity({}, {"hidden": np.ones(6)}, 3))


# --- in an evaluation ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scored(digits):
    routed = by_hand(optical())
    network = compile_network(routed)
    program = Program.quantised(network, random_weights(network, seed=3, scale=0.2))
    options = {"trials": 1, "refine": 1}
    answers = {model: evaluate(routed, program, digits, light=model, **options) for model in ("spikes", "average")}
    return routed, network, program, answers


def test_an_evaluation_has_the_energy_of_its_test_samples(scored, digits):
    routed, network, program, answers = scored
    expected = classification_energy(routed, measure_activity(network, program, digits.test.inputs))
    assert answers["spikes"].energy == expected
    average = measure_activity(with_average_light(network), program, digits.test.inputs)
    assert answers["average"].energy == classification_energy(routed, average) != expected
    plain = answers["spikes"].as_dict()
    assert plain["energy"] == [line.as_dict() for line in expected]
    assert plain["energy_unknown"] is None
    assert json.loads(json.dumps(plain["energy"])) == plain["energy"]


def test_electrical_chips_have_none(small_netlist, digits, small):
    program = Program.quantised(small, random_weights(small, seed=1))
    plain = evaluate(route(small_netlist), program, digits, trials=1, refine=1).as_dict()
    assert plain["energy"] is plain["energy_unknown"] is None


def test_a_number_that_is_missing_is_named_and_spoils_no_score(scored, digits, tmp_path):
    routed, _, program, answers = scored
    (tmp_path / "own.yaml").write_text(
        "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n  synapse_event_aj: "
        "{value: null, unit: aJ, range: null, range_reason: none, source: not found}\n"
    )
    netlist = optical().model_copy()
    netlist._technology = load_technology(tmp_path / "own.yaml")
    found = evaluate(dataclasses.replace(routed, netlist=netlist), program, digits, trials=1, refine=1)
    assert found.energy == ()
    assert "synapse_event_aj" in found.energy_unknown
    assert found.accuracy == answers["spikes"].accuracy


def test_the_command_tells_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = [str(ROOT / "netlists" / "optical-28.yaml"), "--trials", "1", "--refine", "1"]
    assert cli.run(main, [*arguments, "--json", "e.json", "--html", "e.html"]) == 0
    text, page = capsys.readouterr().out, (tmp_path / "e.html").read_text()
    made = {line["quantity"]: line for line in json.loads((tmp_path / "e.json").read_text())["energy"]}
    total = made["energy per classification"]
    assert total["unit"] == "pJ"
    assert 1000 < total["value"] < 10_000  # 3.1 nJ
    assert total["estimate"]
    told = {quantity: line for quantity, line in made.items() if quantity not in IN_COST}
    assert len(told) == len(made) - len(IN_COST) == 7
    assert "  energy per classification " not in text
    for quantity, line in told.items():
        row = next(row for row in text.splitlines() if row.startswith(f"  {quantity} "))
        assert f"{line['value']:.4g}" in row
        assert row.endswith(" e") == line["estimate"]
        assert f'<th scope="row">{quantity}</th><td class="number" data-label="value">{line["value"]:.4g}</td>' in page
    density = made["mean power density"]["value"]
    assert density < load_netlist(arguments[0]).device_technology.value(
        "power_density_mw_per_cm2"
    )  # as its waiver says
