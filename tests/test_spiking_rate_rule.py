"""`spiking-rate`: moments of fluxes, averaged rates, and a training that the engine confirms."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from spiking_chips import SPIKING, changed, chip

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import Program, slots
from soensim.routing import route
from soensim.simulation.spiking import spike_interval
from soensim.simulation.spiking.classify import count_samples
from soensim.simulation.spiking.rate import FLUX_GRID, soma_rates
from soensim.training import make_recipe, train
from soensim.training.rate_table import RateTable
from soensim.training.trainable_spiking import TrainableSpikingChip, averaged_part, response_moments

RNG = np.random.default_rng(3)


# --- moments of a response ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "seen"), [(0.001, 1.0), (0.004, 1.0), (0.015, 1.0), (0.015, 0.6), (0.004, 0.3)])
def test_moments_are_those_of_a_train(rate, seen):
    """Brute force: ages of many trains with random phases, in the long run."""
    tau, window, starts = 50.0, 1e9, RNG.random(4000)
    missed = RNG.geometric(seen, 4000) - 1
    ages = (starts + missed) / rate
    kept = np.exp(-ages / tau)
    mean, variance = response_moments(torch.tensor([rate], dtype=torch.float64), tau, 50.0, seen, window)
    assert float(mean) == pytest.approx(kept.mean(), abs=4 * kept.std() / 63)
    assert float(variance) == pytest.approx(kept.var(), abs=0.1 * kept.var() + 1e-3)


@pytest.mark.parametrize("rate", [0.0005, 0.00125, 0.003, 0.01, 0.02])
def test_a_window_starts_without_a_count(rate):
    tau, window = 50.0, 1000.0
    t = (np.arange(20_000) + 0.5) / 20_000 * window
    phases = (np.arange(200) + 0.5) / 200
    ages = [np.where(t >= u / rate, (t - u / rate) % (1 / rate), np.inf) for u in phases]
    brute = np.mean([np.exp(-age / tau) for age in ages])
    mean, _ = response_moments(torch.tensor([rate], dtype=torch.float64), tau, 50.0, 1.0, window)
    assert float(mean) == pytest.approx(brute, rel=1e-3)


def test_a_detector_counts_no_more_than_its_dead_time_lets_it():
    fast = torch.tensor([0.02, 0.03, 1.0])
    mean, variance = response_moments(fast, 50.0, 50.0, 1.0, 1000.0)
    assert torch.equal(mean, mean[:1].expand(3))
    assert torch.equal(variance, variance[:1].expand(3))
    faster, _ = response_moments(fast, 50.0, 0.0, 1.0, 1000.0)
    assert (faster.diff() > 0).all()


@pytest.mark.parametrize("x", [0.2, 1.4, 8.0])
def test_a_soma_sees_the_flux_in_the_mean_over_its_climb(x):
    """Double integral of exp(-|t - u|) over a window of x, by the midpoint rule."""
    t = (np.arange(800) + 0.5) / 800 * x
    brute = np.exp(-np.abs(t[:, None] - t)).mean()
    assert averaged_part(50.0 * x, 50.0) == pytest.approx(brute, rel=1e-4)
    assert averaged_part(0.001, 50.0) == 1.0


def test_a_silent_source_has_no_flux():
    mean, variance = response_moments(torch.zeros(1), 50.0, 50.0, 1.0, 1000.0)
    assert abs(float(mean)) < 1e-6
    assert abs(float(variance)) < 1e-6


# --- rates --------------------------------------------------------------------------------------------------


def devices(network, k=0):
    population = network.populations[k]
    return population.gamma_plus, population.gamma_minus, population.bias_current


def test_soma_rates_are_the_reciprocal_of_the_interval():
    from soensim.dynamics.spiking import Dendrite

    network = chip()
    source = network.spiking.source
    rates = soma_rates(source, *(column[:1] for column in devices(network)), threshold=0.3, held_ns=20.0)
    assert rates.shape == (1, FLUX_GRID)
    soma = Dendrite("soma", *(float(column[0]) for column in devices(network)))
    for k in (0, 70, 90, 128, 200):
        interval = spike_interval(soma, source, threshold=0.3, held_ns=20.0, flux=k / FLUX_GRID)
        assert rates[0, k] == pytest.approx(1 / interval, rel=2e-3)
    assert rates[0, 0] == 0
    assert rates.max() > 0.01


def test_the_average_of_a_table_is_a_gaussian_one():
    """A step from 0 to 1 between 0.25 and 0.75: the average is a difference of two normal distributions."""
    grid = np.arange(FLUX_GRID) / FLUX_GRID
    table = RateTable(((grid >= 0.25) & (grid < 0.75)).astype(float)[None], torch.float64)
    mean, spread = torch.tensor([0.2, 0.3, 0.5, 1.28, -0.7]), torch.full((5,), 0.05)
    edges = 0.25 - 0.5 / FLUX_GRID, 0.75 - 0.5 / FLUX_GRID
    inside = [0.2, 0.3, 0.5, 0.28, 0.3]
    exact = [norm.cdf((edges[1] - m) / 0.05) - norm.cdf((edges[0] - m) / 0.05) for m in inside]
    assert np.allclose(table(mean, spread).numpy(), exact, atol=5e-3)
    assert table.highest == 1.0


def test_a_table_has_slopes_in_mean_and_spread():
    grid = np.arange(FLUX_GRID) / FLUX_GRID
    table = RateTable(((grid >= 0.25) & (grid < 0.75)).astype(float)[None], torch.float64)
    mean = torch.tensor([0.22], dtype=torch.float64, requires_grad=True)
    spread = torch.tensor([0.06], dtype=torch.float64, requires_grad=True)
    table(mean, spread).sum().backward()
    z = (0.25 - 0.22) / 0.06
    assert float(mean.grad) == pytest.approx(norm.pdf(z) / 0.06, rel=0.05)
    assert float(spread.grad) == pytest.approx(z * norm.pdf(z) / 0.06, rel=0.15)


def test_each_neuron_has_its_own_row():
    grid = np.arange(FLUX_GRID) / FLUX_GRID
    table = RateTable(np.stack([np.cos(2 * np.pi * grid), 2 + np.sin(2 * np.pi * grid)]), torch.float64)
    spread = torch.tensor([0.1, 0.2])
    found = table(torch.tensor([[0.125, 0.25]]), spread)
    damping = np.exp(-2 * np.pi**2 * spread.numpy() ** 2)
    assert np.allclose(found.numpy(), [[np.cos(np.pi / 4) * damping[0], 2 + damping[1]]], atol=2e-3)


# --- the chip -----------------------------------------------------------------------------------------------


def trained_values(network, seed=1):
    rng = np.random.default_rng(seed)
    given = {key: rng.uniform(-0.2, 0.3, slot.shape) for key, slot in slots(network).items()}
    given |= {key: 0.1 * rng.standard_normal(slot.shape) for key, slot in slots(network).items() if "trim" in key}
    return Program.quantised(network, given).values


def tensors(values):
    return {key: torch.tensor(value, dtype=torch.float32) for key, value in values.items()}


def test_expected_spikes_are_those_of_the_engine():
    network = changed("sample_ns: 400, substeps: 200", "sample_ns: 2000, substeps: 1000")
    trainable = TrainableSpikingChip(network, make_recipe("spiking-rate", {"flux_spread_floor": 0.01}))
    rows = np.random.default_rng(0).random((60, 1, 4))
    counted = [[], []]
    for seed in range(6):
        given = trained_values(network, seed)
        fabricated = trainable.fabricated(tensors(given), None)
        with torch.no_grad():
            rates = trainable.expected(fabricated, trainable.encode(rows)).rates
            expected = trainable.readings(fabricated, trainable.encode(rows))
        assert torch.allclose(expected, rates[1].sum(1) * 2000)
        counted[0].append(torch.cat(rates, -1)[:, 0].numpy() * 2000)
        counted[1].append(count_samples(network, FabricatedChip.nominal(network, given), rows).spikes)
    model, engine = (np.concatenate(part)[:, :3] for part in counted)
    assert np.corrcoef(model.ravel(), engine.ravel())[0, 1] > 0.98
    assert abs(model.mean() - engine.mean()) < 0.05 * engine.mean()


def test_lines_without_data_are_silent():
    dark = SPIKING.replace(
        "projections:",
        """projections:
  - {source: more, target: output, topology: all-to-all, efficacy: {bits: 4, range: 0.3}}""",
    ).replace("  hidden:", "  more: {kind: spike-input, size: 2, photons_per_synapse: 10}\n  hidden:", 1)
    network, usual = compile_network(route(parse_netlist(dark))), chip()
    recipe = make_recipe("spiking-rate", {})
    found = []
    for one in (network, usual):
        trainable = TrainableSpikingChip(one, recipe)
        given = {key: value for key, value in trained_values(usual).items() if key in slots(one)}
        given |= {key: np.full(slot.shape, 0.3) for key, slot in slots(one).items() if key not in given}
        rows = trainable.encode(np.random.default_rng(0).random((5, 1, 4)))
        with torch.no_grad():
            found.append(trainable.readings(trainable.fabricated(tensors(given), None), rows))
    assert torch.allclose(*found, atol=1e-4)


def test_chips_whose_devices_differ_have_rates_of_their_own():
    network = chip()
    recipe = make_recipe("spiking-rate", {"spread": "bias_current=0.05,detector_efficiency=0.5,efficacy=0"})
    trainable = TrainableSpikingChip(network, recipe)
    given = tensors(trained_values(network))
    rows = trainable.encode(np.random.default_rng(0).random((20, 1, 4)))
    with torch.no_grad():
        drawn = trainable.expected(trainable.fabricated(given, None), rows).rates
        other = trainable.expected(trainable.fabricated(given, 5), rows).rates
        again = trainable.expected(trainable.fabricated(given, 5), rows).rates
    assert torch.equal(other[0], again[0])
    assert not torch.allclose(other[0], drawn[0], rtol=0.05)


def test_training_learns_and_its_program_holds_levels():
    from test_spiking_program import dataset

    network = chip()
    recipe = make_recipe("spiking-rate", {"ideal_epochs": 30, "epochs": 30, "batch_size": 8})
    found = train(network, dataset(96), recipe)
    assert found.history[-1]["validation_accuracy"] > 0.85
    found.program.check_chip(network)
    assert set(found.program.codes) == set(slots(network))
    again = train(network, dataset(96), recipe)
    assert again.program == found.program


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("readout: {kind: spike-count, population: output}", ""), "has no readout; spiking-rate"),
        (("{kind: rate, rate_max_mhz: 15}", "{kind: latency, window_ns: 300}"), "with a code of kind rate"),
        (("refractory: {present: false}", "refractory: {present: true}"), "has the dendrites 'hidden.refractory'"),
        (("source: lines, target: hidden", "source: output, target: hidden"), "drive each other in a circle"),
        (("tau_di_ns: 250", "tau_di_ns: 20"), "somas of 'hidden' do not reach their threshold under any constant flux"),
    ],
)  # fmt: skip
def test_what_rates_do_not_cover_is_refused(change, match):
    network = compile_network(route(parse_netlist(SPIKING.replace(*change))))
    with pytest.raises(RecipeError, match=match):
        TrainableSpikingChip(network, make_recipe("spiking-rate", {}))


def test_images_are_moved_in_training_alone():
    network = chip()
    moving = make_recipe("spiking-rate", {"shift_pixels": 1})
    trainable = TrainableSpikingChip(network, moving)
    rule = moving.make_rule(trainable)
    given = trainable.fabricated(tensors(trained_values(network, 4)), None)
    x, y = trainable.encode(np.random.default_rng(0).random((6, 1, 4))), torch.zeros(6, dtype=torch.long)
    losses = [float(rule.loss(given, x, y, np.random.default_rng(seed)).total) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    still = make_recipe("spiking-rate", {}).make_rule(trainable)
    expected = torch.nn.functional.cross_entropy(0.5 * still.scores(given, x), y)
    assert float(still.loss(given, x, y, np.random.default_rng(0)).total) == float(expected)
    assert torch.equal(rule.scores(given, x), still.scores(given, x))


def test_rules_are_for_their_kind_of_neuron():
    from conftest import SMALL, compiled
    from test_spiking_program import dataset

    with pytest.raises(RecipeError, match="has spiking neurons, which rule 'bptt' does not train; take 'spiking-rate'"):
        train(chip(), dataset(), make_recipe("bptt", {}))
    with pytest.raises(RecipeError, match="has rate neurons, which rule 'spiking-rate' does not train; take 'bptt'"):
        train(compiled(SMALL), dataset(), make_recipe("spiking-rate", {}))


@pytest.mark.parametrize(
    "setting", [{"slope_width": 0.1}, {"refine": 2}, {"calibration_samples": 5, "quantise": False}]
)
def test_settings_of_rate_neurons_are_refused(setting):
    with pytest.raises(RecipeError, match=f"{next(iter(setting))} has no meaning for rule 'spiking-rate'"):
        make_recipe("spiking-rate", setting)


def test_the_highest_rate_of_input_lines_is_in_spikes_per_ns():
    network = chip()
    trainable = TrainableSpikingChip(network, make_recipe("spiking-rate", {}))
    (from_lines,) = [synapses for synapses in network.synapses.values() if synapses.source is None]
    assert trainable._highest(from_lines) == pytest.approx(0.015)  # 15 MHz
