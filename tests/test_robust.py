"""Training on virtual chips: the same chips as the engine's, drawn anew for every batch, and a finer step."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import LABELS, SMALL, compiled, delayed, untimed

from soensim.errors import RecipeError, SimulationError
from soensim.fabrication import IMPERFECTIONS
from soensim.netlist import parse_netlist
from soensim.network import compile_network, present, refined, split_channels, with_delay_factor
from soensim.program import READOUT, Program
from soensim.routing import route
from soensim.simulation import linear_scores, simulate
from soensim.training import BpttRecipe, FFTemporalRecipe, train
from soensim.training.loop import Training
from soensim.training.trainable_network import TrainableChip
from soensim.training.virtual_chips import training_spreads

SPREAD = {
    "efficacy_spread": 0.1,
    "gamma_minus_spread": 0.05,
    "bias_current_spread": 0.02,
    "flux_offset_spread": 0.03,
}
NOISY = SMALL.replace(
    "readout:", "imperfections: {" + ", ".join(f"{k}: {v}" for k, v in SPREAD.items()) + "}\nreadout:"
)
SYNAPTIC = ("efficacy_spread", "drop_synapses")
QUICK = {"epochs": 2, "train_samples": 128, "batch_size": 32}


def trainable(network, **settings):
    return TrainableChip(network, BpttRecipe(**settings), dtype=torch.float64)


def run(chip, fabricated, batch=3, steps=4, seed=0):
    x = np.random.default_rng(seed).uniform(0, 0.5, (batch, steps, chip.network.channels))
    return states(chip, fabricated, torch.from_numpy(x)), x


def states(chip, fabricated, inputs):
    return chip.unroll(fabricated, split_channels(chip.network, inputs))[0].flatten(0, -3)


# --- one chip ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"robust": True}, SPREAD], ids=["the netlist's spreads", "the recipe's"])
def test_a_chip_seed_means_the_same_chip_in_training_and_in_simulation(given):
    network = compiled(NOISY)
    chip = trainable(network, **given)
    fabricated = chip.fabricated(chip.values(True), chip_seed=5)
    ours, x = run(chip, fabricated)
    trace = simulate(network, Program.quantised(network, chip.arrays()), x, chip_seed=5)
    np.testing.assert_allclose(ours.detach().numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)
    scores = linear_scores(network, [ours], fabricated.values[READOUT]).detach().numpy()
    np.testing.assert_allclose(scores, trace.output, rtol=0, atol=1e-12)
    assert np.abs(run(chip, chip.nominal(True))[0].detach().numpy() - trace.state[:, 1:]).max() > 1e-4


@pytest.mark.parametrize("name", [*SPREAD, "read_noise_flux", "drop_synapses"])
def test_each_spread_changes_its_own_quantity(small, name):
    chip = trainable(small, **{name: 0.2})
    nominal, fabricated = chip.nominal(True), chip.fabricated(chip.values(True), 3)
    changed = {key for key, v in fabricated.values.items() if not torch.equal(v, nominal.values[key])}
    assert changed == ({"pixels->hidden", "hidden->hidden", READOUT} if name in SYNAPTIC else set())
    for quantity in ("gamma_minus", "bias_current", "flux_offset"):
        same = np.array_equal(getattr(fabricated, quantity), getattr(nominal, quantity))
        assert same == (name != f"{quantity}_spread")
    assert (fabricated.read_seed is None) == (name != "read_noise_flux")
    assert (run(chip, fabricated)[0] - run(chip, nominal)[0]).abs().max() > 1e-5


def test_dead_synapses_are_zero_and_the_others_whole(small):
    chip = trainable(small, drop_synapses=0.3, input_gain=0.1, quantise=False)
    whole, drawn = chip.values(False), [chip.fabricated(chip.values(False), seed).values for seed in range(200)]
    for key in ("pixels->hidden", "hidden->hidden", READOUT):
        dead = torch.stack([values[key] == 0 for values in drawn]).double()
        alive = torch.stack([(values[key] == whole[key]) for values in drawn]).double()
        assert torch.all(dead + alive == 1)
        assert float(dead.mean()) == pytest.approx(0.3, abs=0.02)
    gradient = torch.autograd.grad(drawn[0][READOUT].sum(), chip.latent[READOUT])[0]
    assert torch.equal(gradient == 0, drawn[0][READOUT] == 0)


def test_read_noise_has_its_size_and_is_fresh_for_every_neuron_and_sample():
    text = LABELS.replace("tanh, gamma_plus: 0.2, gamma_minus: 0.2", "tanh, gamma_plus: 1, gamma_minus: 1")
    chip = TrainableChip(compiled(text), FFTemporalRecipe(read_noise_flux=0.01), dtype=torch.float64)
    fabricated = chip.fabricated({key: torch.zeros_like(w) for key, w in chip.latent.items()}, 1)
    state = states(chip, fabricated, torch.zeros(500, 6, 18, dtype=torch.float64))  # s = tanh(noise)
    assert float(state.std()) == pytest.approx(0.01, rel=0.02)
    correlation = torch.corrcoef(state.reshape(500, -1).T) - torch.eye(72, dtype=torch.float64)
    assert float(correlation.abs().max()) < 0.25
    torch.testing.assert_close(states(chip, fabricated, torch.zeros(500, 6, 18, dtype=torch.float64)), state)


def test_slow_links_are_those_of_a_chip_with_longer_delays():
    routed = delayed(SMALL, 300)
    chip = trainable(compile_network(routed), delay_spread=0.3)
    fabricated = chip.fabricated(chip.values(True), 2)
    factor = fabricated.delay_factor
    assert abs(factor - 1) > 0.05
    slower = {key: dataclasses.replace(p, delay_ps=p.delay_ps * factor) for key, p in routed.projections.items()}
    ours, x = run(chip, fabricated)
    network = compile_network(dataclasses.replace(routed, projections=slower))
    theirs = states(trainable(network), chip.nominal(True), torch.from_numpy(x))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert (ours - run(chip, chip.nominal(True))[0]).abs().max() > 1e-5
    spread = [chip.fabricated(chip.values(True), k).delay_factor for k in range(400)]
    assert np.std(spread) == pytest.approx(0.3, rel=0.15)
    assert min(spread) >= 0
    still = with_delay_factor(compile_network(routed), 0.0)
    assert all(s.delay_tau.max() == 0 for s in still.synapses.values())


# --- draws -------------------------------------------------------------------------------------------------


def test_a_batch_draws_its_chip_from_its_numbers_alone(small):
    settings = dict.fromkeys([*SPREAD, "read_noise_flux", "drop_synapses"], 0.1)
    chip, again, other = (trainable(small, **settings, train_seed=seed) for seed in (0, 0, 1))
    chip.training_chip(True, (0, 1))
    first, same, later, others = (
        c.training_chip(True, b) for c, b in ((chip, (4, 2)), (again, (4, 2)), (chip, (4, 3)), (other, (4, 2)))
    )
    for quantity in ("gamma_minus", "bias_current", "flux_offset", "read_seed"):
        drawn = [getattr(c, quantity) for c in (first, same, later, others)]
        assert [np.array_equal(drawn[0], d) for d in drawn] == [True, True, False, False]
    for key in first.values:
        torch.testing.assert_close(first.values[key], same.values[key], rtol=0, atol=0)
        if not key.endswith("flux_trim"):
            assert not torch.equal(first.values[key], later.values[key])
            assert not torch.equal(first.values[key], others.values[key])
    assert set(chip.values(True)) == set(chip.latent)  # validation and export: the nominal chip


def test_robust_takes_the_netlists_spreads_unless_given():
    noisy = compiled(NOISY)
    network = dataclasses.replace(noisy, spreads={**noisy.spreads, "read_noise_flux": 0.004})
    assert not any(training_spreads(network, BpttRecipe()).values())
    taken = training_spreads(network, BpttRecipe(robust=True, flux_offset_spread=0.5))
    own = {"flux_offset_spread": 0.5, "read_noise_flux": 0.004, "delay_spread": 0, "drop_synapses": 0}
    assert taken == {**dict.fromkeys(IMPERFECTIONS, 0.0), **SPREAD, **own}


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (SMALL, {"validation_chips": 2}, "validation_chips would all be the nominal chip"),
        (SMALL, {"delay_spread": 0.1}, "delay_spread: chip 'small' has no delays"),
        (SMALL, {"drop_synapses": 1.0}, "drop_synapses is 1.0; it must be below 1"),
        (SMALL, {"efficacy_spread": -0.1}, "efficacy_spread is -0.1; it must not be below 0"),
        (SMALL, {"refine": 0}, "refine is 0; it must be above 0"),
        (SMALL, {"chips_per_batch": 0}, "chips_per_batch is 0; it must be above 0"),
        (
            LABELS,
            {"bias_current_spread": 0.1},
            "bias_current_spread: chip 'labels' has no bias: all its source functions are virtual",
        ),
        (SMALL, {"robust": True}, "robust: chip 'small' states no spread"),
    ],
)
def test_what_a_chip_cannot_show_is_refused(text, settings, message):
    network = dataclasses.replace(compiled(text), spreads=dict.fromkeys(SPREAD, 0.0))
    with pytest.raises(RecipeError) as error:
        TrainableChip(network, BpttRecipe(**settings))
    assert message in str(error.value)


@pytest.mark.parametrize("stop", [1, 2])
def test_resume_gives_the_same_program_and_history(digits, tmp_path, train_in_two_parts, stop):
    network = compiled(NOISY)
    recipe = BpttRecipe(
        **QUICK, ideal_epochs=1, robust=True, read_noise_flux=0.01, drop_synapses=0.05, validation_chips=2
    )
    whole = train(network, digits, recipe)
    assert all(0 <= row["validation_accuracy_chips"] <= 1 for row in whole.history)
    resumed = train_in_two_parts(network, digits, recipe, tmp_path, stop)
    assert resumed.program == whole.program
    assert untimed(resumed.history) == untimed(whole.history)
    plain = train(network, digits, BpttRecipe(**QUICK, ideal_epochs=1))
    assert plain.program.with_header({}) != whole.program.with_header({})
    assert "validation_accuracy_chips" not in plain.history[0]


def test_several_chips_share_the_samples_of_a_batch(digits, monkeypatch):
    network = compiled(NOISY)
    settings = {"epochs": 1, "train_samples": 64, "batch_size": 32, "quantise": False}
    one = train(network, digits, BpttRecipe(**settings))
    parts = train(network, digits, BpttRecipe(**settings, chips_per_batch=5))  # 7, 7, 6, 6 and 6 samples
    assert parts.history[0]["loss"] == pytest.approx(one.history[0]["loss"], rel=1e-5)
    for key, values in one.program.ideal_values.items():
        np.testing.assert_allclose(parts.program.ideal_values[key], values, atol=1e-4)
    drawn = []
    draw = TrainableChip.fabricated

    def recorded(self, values, chip_seed):
        drawn.extend([] if chip_seed is None else [chip_seed])
        return draw(self, values, chip_seed)

    monkeypatch.setattr(TrainableChip, "fabricated", recorded)
    train(network, digits, BpttRecipe(**settings, chips_per_batch=5, robust=True))
    assert len(drawn) == len(set(drawn)) == 10


def test_the_gradient_of_a_batch_is_the_mean_over_its_chips(digits):
    """Plain descent without clipping takes a step that is the gradient: a sum over chips would be several times it."""
    network = compiled(NOISY)
    settings = {"optimiser": "sgd", "schedule": "constant", "learning_rate": 1e-2, "clip_norm": 1e9}
    recipe = BpttRecipe(**settings, epochs=1, train_samples=32, batch_size=32, quantise=False)
    start = TrainableChip(network, recipe).arrays()
    steps = [
        {key: w - start[key] for key, w in train(network, digits, r).program.ideal_values.items()}
        for r in (recipe, dataclasses.replace(recipe, chips_per_batch=3))  # 11, 11 and 10 samples
    ]
    for key in start:
        assert np.abs(steps[0][key]).max() > 1e-6
        np.testing.assert_allclose(steps[1][key], steps[0][key], rtol=1e-3, atol=1e-3 * np.abs(steps[0][key]).max())


def test_validation_on_chips_is_the_mean_over_chips(digits):
    network = compiled(NOISY)
    recipe = BpttRecipe(**QUICK, robust=True, validation_chips=3)
    training = Training(network, digits, recipe)
    nominal, seen = training.chip.nominal(True), []
    draw = training.chip.fabricated
    training.chip.fabricated = lambda values, seed: seen.append(seed) or draw(values, seed)
    found = training.scorer.scores(nominal).on_chips["validation_accuracy_chips"]
    assert len(set(seen)) == 3
    split, program = digits.validation, Program.quantised(network, training.chip.arrays())
    right = [
        simulate(network, program, present(network, split.inputs), chip_seed=seed).output.argmax(1) == split.labels
        for seed in seen
    ]
    assert found == pytest.approx(np.mean(right), abs=1 / split.samples)


def test_chips_that_share_a_batch_have_its_mean_gradient(small, digits):
    """Chips without spreads are all nominal: then parts of a batch, of unequal sizes, give the step of the whole."""
    settings = {"epochs": 1, "train_samples": 120, "batch_size": 40, "optimiser": "sgd", "schedule": "constant"}
    settings |= {"learning_rate": 0.1, "clip_norm": 1e9, "quantise": False}
    whole, parts = (train(small, digits, BpttRecipe(**settings, chips_per_batch=n)).program for n in (1, 3))
    start = TrainableChip(small, BpttRecipe(**settings)).arrays()
    for key, weights in whole.ideal_values.items():
        np.testing.assert_allclose(parts.ideal_values[key], weights, rtol=0, atol=1e-5)
    assert np.abs(whole.ideal_values["readout"] - start["readout"]).max() > 1e-3


# --- a finer step ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("longest_ps", [0, 300])
def test_a_refined_network_is_the_one_compiled_at_the_finer_step(longest_ps):
    routed = delayed(SMALL, longest_ps)
    ours, theirs = refined(compile_network(routed), 3), compile_network(routed, refine=3)
    assert (ours.substeps, ours.dt_tau) == (theirs.substeps, theirs.dt_tau)
    for key in ours.synapses:
        a, b = ours.synapses[key].delays(ours.dt_tau), theirs.synapses[key].delays(theirs.dt_tau)
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(SimulationError, match="refine is 0"):
        refined(ours, 0)


def test_training_at_a_finer_step_says_so_and_is_scored_from_there(digits):
    from soensim import evaluate

    routed = route(parse_netlist(SMALL))
    program = train(compile_network(routed), digits, BpttRecipe(**QUICK, refine=2)).program
    by_hand = train(compile_network(routed, refine=2), digits, BpttRecipe(**QUICK)).program
    assert program.header["substeps"] == by_hand.header["substeps"] == 4
    assert program.with_header({}) == by_hand.with_header({})
    result = evaluate(routed, program, digits, trials=1, refine=2)
    steps = dataclasses.asdict(result.steps)
    assert steps.pop("changed").keys() == {"training", "finer", "finer_accuracy"}
    assert steps == {"training_substeps": 4, "substeps": 8, "refine": 2}


@pytest.mark.parametrize(("bias", "spread"), [(3.5, 0.0), (2.6, 0.0), (2.4, 0.2), (1.9, 0.9)])
def test_training_has_the_table_of_scoring_wherever_the_biases_are(bias, spread):
    """The polynomials that training takes up to 2.5 I_c are off by 0.05 in g at 3.5, and are 0 at negative currents."""
    text = SMALL.replace("source_function: squid-fit", "source_function: squid").replace(
        "bias_current: 1.9", f"bias_current: {bias}"
    )
    network = compiled(text)
    (population,) = network.populations
    assert (population.source.name, population.bias_current[0]) == ("squid", bias)
    chip = trainable(network, bias_current_spread=spread)
    fabricated = chip.fabricated(chip.values(False), 3)
    assert ((fabricated.bias_current[0] < 0) | (fabricated.bias_current[0] > 2.5)).any()
    (cell,) = chip.cells(fabricated)
    phi = np.random.default_rng(0).uniform(-0.5, 0.5, (200, population.size))
    current = np.broadcast_to(fabricated.bias_current[0], phi.shape)
    ours = cell.source(torch.from_numpy(phi), torch.from_numpy(current.copy())).numpy()
    np.testing.assert_allclose(ours, population.source(phi, current), rtol=0, atol=1e-12)
