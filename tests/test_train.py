"""Training: rules against their formulas, masks that hold, quantisation, resuming after a kill."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import LABELS, ROOT, SMALL, compiled, delayed, untimed
from static_chips import chip

from soensim.commands import cli
from soensim.commands.train import main
from soensim.data import load_dataset
from soensim.errors import RecipeError, SimulationError
from soensim.kernels import SparseWeights, supports
from soensim.netlist import parse_netlist
from soensim.netlist.topology.edges import Edges
from soensim.network import compile_network, present, split_channels
from soensim.program import Program, dense_weights, midpoints, slots
from soensim.routing import route
from soensim.simulation import goodness, simulate
from soensim.training import BpttRecipe, FFTemporalRecipe, make_recipe, train
from soensim.training.delayed_weights import DelayedWeights
from soensim.training.rules.bptt import Bptt
from soensim.training.rules.ff_temporal import FFTemporal
from soensim.training.rules.forward_forward import difference_loss, draw_wrong
from soensim.training.trainable_network import TrainableChip

QUICK = BpttRecipe(epochs=2, train_samples=256, batch_size=64)


# --- the trainable chip ----------------------------------------------------------------------------------


def test_training_and_simulation_are_one_dynamics(digits):
    """The torch forward pass of quantised values equals the engine's, for both kinds of source function."""
    for text in (SMALL, LABELS):
        network = compiled(text)
        chip = TrainableChip(network, BpttRecipe(recurrent_gain=1.0), dtype=torch.float64)
        x = digits.test.inputs[:7]
        signals = present(network, x, None if network.lines("label") is None else np.arange(7))
        ours = chip.unroll(chip.nominal(True), split_channels(network, torch.from_numpy(signals).double()))[0]
        trace = simulate(network, Program.quantised(network, chip.arrays()), signals)
        np.testing.assert_allclose(ours[0].detach().numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)
        assert trace.state.max() > 0.01


def test_weights_never_leave_the_range_that_the_chip_can_hold(small, digits):
    """A rate of 1 throws every weight far outside; what is left is at the ends of its level table."""
    recipe = BpttRecipe(epochs=1, train_samples=64, batch_size=64, learning_rate=9.0)
    ideal = train(small, digits, recipe).program.as_ideal().values
    outermost = {key: np.abs(ideal[key]).max() / np.abs(slot.levels).max() for key, slot in slots(small).items()}
    assert max(outermost.values()) == pytest.approx(1, rel=1e-6)


def test_straight_through_values_are_levels_and_gradients_pass(small):
    chip = TrainableChip(small, BpttRecipe())
    nominal = chip.nominal(True)
    for key, slot in slots(small).items():
        nearest = slot.values(slot.codes(chip.latent[key].detach().double().numpy()))
        np.testing.assert_allclose(nominal.values[key].detach().numpy(), nearest, atol=1e-6)
        weight = torch.arange(1.0, 1 + nominal.values[key].numel()).reshape(nominal.values[key].shape)
        (nominal.values[key] * weight).sum().backward()
        torch.testing.assert_close(chip.latent[key].grad, weight)


def test_latent_values_start_within_range_and_are_clamped_into_it(small):
    chip = TrainableChip(small, BpttRecipe(input_gain=50.0))
    assert float(chip.latent["pixels->hidden"].detach().abs().max()) <= 0.3 + 1e-6
    with torch.no_grad():
        chip.latent["hidden->hidden"].fill_(7.0)
    chip.clamp()
    torch.testing.assert_close(chip.latent["hidden->hidden"], torch.full((18,), 0.3))


def test_latent_values_start_xavier_uniform():
    """Bound sqrt(6 / (fan-in + fan-out)) times the gain, over the edges that exist (Glorot and Bengio 2010, eq. 16)."""
    network = compiled(SMALL.replace("size: 6", "size: 60"))
    recipe = BpttRecipe(input_gain=0.5, recurrent_gain=0.4)
    latent = TrainableChip(network, recipe).latent
    edges = len(network.synapses["hidden->hidden"])
    bounds = {
        "pixels->hidden": 0.5 * np.sqrt(6 / (8 + 60)),
        "hidden->hidden": 0.4 * np.sqrt(6 / (2 * edges / 60)),
        "readout": np.sqrt(6 / (60 + 10)),
    }
    assert max(bounds.values()) < 0.3  # no range cuts it off
    for key, bound in bounds.items():
        drawn = latent[key].detach().numpy()
        assert 0.98 * bound < np.abs(drawn).max() <= bound * (1 + 1e-6), key
        assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.05), key
    assert not latent["hidden.flux_trim"].any()


def test_latent_values_of_fixed_sign_start_as_magnitudes_of_the_same_bound():
    fixed = "efficacy: {bits: 4, range: 0.9, sign: negative}"
    text = SMALL.replace("size: 6", "size: 60").replace("efficacy: {bits: 4, range: 0.3}", fixed)
    drawn = TrainableChip(compiled(text), BpttRecipe()).latent["pixels->hidden"].detach().numpy()
    bound = np.sqrt(6 / (8 + 60))
    assert -bound <= drawn.min() < -0.98 * bound
    assert -0.02 * bound < drawn.max() <= 0
    assert drawn.mean() == pytest.approx(-bound / 2, rel=0.1)


def test_an_unquantised_batch_sees_the_latent_values(small):
    chip = TrainableChip(small, BpttRecipe())
    free, held = (chip.training_chip(quantise, (0, 0)) for quantise in (False, True))
    for key, latent in chip.latent.items():
        torch.testing.assert_close(free.values[key], latent)
    assert not torch.equal(held.values["pixels->hidden"], free.values["pixels->hidden"])


def test_fixed_signs_are_kept_in_training(digits):
    text = SMALL.replace(
        "efficacy: {bits: 4, range: 0.3}\ntiming", "efficacy: {bits: 4, range: 0.3, sign: negative}\ntiming"
    )
    network = compiled(text)
    result = train(network, digits, QUICK)
    assert result.program.values["hidden->hidden"].max() <= 0
    assert result.program.values["hidden->hidden"].min() < 0
    assert result.program.ideal_values["hidden->hidden"].max() <= 0


def test_an_absent_edge_has_no_weight(small, digits):
    chip = TrainableChip(small, QUICK)
    assert chip.latent["hidden->hidden"].shape == (len(small.synapses["hidden->hidden"]),) == (18,)
    weights = dense_weights(small, chip.arrays())["hidden->hidden"]
    mask = np.zeros((6, 6), dtype=bool)
    mask[small.synapses["hidden->hidden"].targets, small.synapses["hidden->hidden"].sources] = True
    assert np.all(weights[~mask] == 0)
    trained = train(small, digits, QUICK).program
    assert len(trained.codes["hidden->hidden"]) == 18


def states_of_both_engines(network, signals):
    """States after every sample from the torch forward pass and from the engine, on the same program."""
    chip = TrainableChip(network, BpttRecipe(recurrent_gain=1.0), dtype=torch.float64)
    parts = split_channels(network, torch.from_numpy(signals))
    ours = [s[0].detach().numpy() for s in chip.unroll(chip.nominal(True), parts)]
    trace = simulate(network, Program.quantised(network, chip.arrays()), signals)
    return np.concatenate(ours, axis=2), trace.state[:, 1:]


@pytest.mark.parametrize(("steps", "lags"), [(1, (1,)), (1.4, (1, 2))])
def test_delays_are_seen_in_training(steps, lags):
    """A delay on W_hh changes the states that training sees, as it does in the engine."""
    junction = parse_netlist(SMALL).device_technology.junction
    ps = junction.seconds_from_tau(100 * steps) * 1e12  # steps are of 100 tau
    network = compiled(SMALL.replace("min_fan_in: 1}", f"min_fan_in: 1}}\n    delay_ps: {ps!r}"))
    assert network.delay_layout(network.synapses["hidden->hidden"]).lags == lags
    signals = np.random.default_rng(0).uniform(0, 0.5, (3, 6, 8))
    ours, theirs = states_of_both_engines(network, signals)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.abs(ours - states_of_both_engines(compiled(SMALL), signals)[0]).max() > 1e-4


FEED_FORWARD = LABELS.replace("sample_tau: 1}", "sample_tau: 1, substeps: 2, update: feed-forward}").replace(
    "projections:\n",
    """  out: {kind: dendrite, size: 5, source_function: tanh, gamma_plus: 0.2, gamma_minus: 0.2}
projections:
  - {source: hidden, target: out, topology: {kind: random, density: 0.6, seed: 1}, efficacy: {bits: 4, range: 2.0}}
  - {source: out, target: hidden, topology: {kind: random, density: 0.6, seed: 2}, efficacy: {bits: 4, range: 2.0}}
""",
)


@pytest.mark.parametrize(("normalised", "fused"), [((), True), (("out",), False), (("hidden", "out"), False)])
def test_a_chip_with_a_normalised_population_has_no_fused_loss(normalised, fused):
    text = FEED_FORWARD.replace("density: 0.6", "density: 0.9")
    for name in normalised:
        text = text.replace(f"  {name}: {{kind: dendrite,", f"  {name}: {{kind: dendrite, normalise: rms,")
    network = compiled(text)
    assert sum(p.normalisation is not None for p in network.populations) == len(normalised)
    chip = TrainableChip(network, FFTemporalRecipe())
    signals = chip.signals(chip.encode(np.full((4, 3, 8), 0.3)), torch.arange(8).reshape(2, 4))
    loss = chip.forward_forward_loss(chip.nominal(False), signals, torch.ones(2, 3), 0.0, 20.0)
    assert (loss is not None) == fused


@pytest.mark.parametrize(
    ("changes", "fused"),
    [
        ({}, True),
        ({"density: 0.6, seed: 2": "density: 0.15, seed: 2"}, False),  # few edges, which are taken alone
        ({"update: feed-forward": "integrator: heun"}, False),
    ],
)
def test_a_chip_of_few_edges_or_of_heuns_step_has_no_fused_loss(changes, fused):
    text = FEED_FORWARD
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    chip = TrainableChip(compiled(text), FFTemporalRecipe())
    signals = chip.signals(chip.encode(np.full((4, 3, 8), 0.3)), torch.arange(8).reshape(2, 4))
    loss = chip.forward_forward_loss(chip.nominal(False), signals, torch.ones(2, 3), 0.0, 20.0)
    assert (loss is not None) == fused


@pytest.mark.parametrize("refine", [1, 3])
@pytest.mark.parametrize(
    ("text", "longest_ps"),
    [(SMALL, 400), (SMALL.replace("substeps: 2", "substeps: 2, integrator: heun"), 400), (FEED_FORWARD, 3)],
    ids=["lockstep", "heun", "feed-forward"],
)
def test_training_and_simulation_see_the_delay_of_every_edge_alike(text, longest_ps, refine):
    network = compile_network(delayed(text, longest_ps), refine=refine)
    assert min(len(network.delay_layout(s).lags) for s in network.synapses.values()) > 3
    signals = np.random.default_rng(0).uniform(0, 0.5, (3, 6, network.channels))
    ours, theirs = states_of_both_engines(network, signals)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.abs(ours - states_of_both_engines(compiled(text, refine=refine), signals)[0]).max() > 1e-4


def test_a_projection_of_which_no_edge_exists_adds_nothing(small_netlist):
    routed, none = route(small_netlist), np.empty(0, dtype=np.int64)
    bare = dataclasses.replace(
        routed.projections["hidden->hidden"], edges=Edges(none, none.copy()), delay_ps=np.empty(0)
    )
    network = compile_network(dataclasses.replace(routed, projections={**routed.projections, "hidden->hidden": bare}))
    assert network.delay_layout(network.synapses["hidden->hidden"]).lags == ()
    signals = np.random.default_rng(0).uniform(0, 0.5, (3, 6, 8))
    ours, theirs = states_of_both_engines(network, signals)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert ours.max() > 0.01


# --- rules -----------------------------------------------------------------------------------------------


def test_bptt_loss_is_the_cross_entropy_of_the_readout(small, digits):
    chip = TrainableChip(small, QUICK, dtype=torch.float64)
    rule = Bptt(chip, QUICK)
    x, y = digits.train.inputs[:9], digits.train.labels[:9].copy()
    nominal = chip.nominal(False)
    loss = float(rule.loss(nominal, chip.encode(x), torch.from_numpy(y), np.random.default_rng(0)).total.detach())
    output = simulate(small, Program.ideal(small, chip.arrays()), present(small, x)).output
    logits = 10.0 * output
    expected = -np.mean(logits[np.arange(9), y] - np.log(np.exp(logits).sum(1)))
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("longest_ps", [None, 300], ids=["whole", "per-edge"])
def test_bptt_gradients_match_finite_differences(longest_ps):
    """All learned values of the virtual chip, through time, delays and the readout."""
    text = SMALL.replace("squid-fit\n    bias_current: 1.9", "tanh").replace("state: final", "state: mean")
    if longest_ps is None:
        ps = parse_netlist(SMALL).device_technology.junction.seconds_from_tau(100) * 1e12
        network = compiled(text.replace("min_fan_in: 1}", f"min_fan_in: 1}}\n    delay_ps: {ps!r}"))
        assert network.delay_layout(network.synapses["hidden->hidden"]).lags == (1,)
    else:
        network = compile_network(delayed(text, longest_ps))
        assert [network.delay_layout(s).lags for s in network.synapses.values()] == [(0, 1, 2, 3)] * 2
    chip = TrainableChip(network, QUICK, dtype=torch.float64)
    rule = Bptt(chip, QUICK)
    rng = np.random.default_rng(0)
    x, y = chip.encode(rng.uniform(0, 1, (3, 4, 8))), torch.tensor([1, 7, 3])
    names = list(chip.latent)

    def loss(*latent):
        return rule.loss(chip.fabricated(dict(zip(names, latent, strict=True)), None), x, y, rng).total

    assert torch.autograd.gradcheck(loss, tuple(chip.latent[n] for n in names))


def ff_rule(**settings):
    network = compiled(LABELS)
    recipe = FFTemporalRecipe(quantise=False, **settings)
    chip = TrainableChip(network, recipe, dtype=torch.float64)
    return network, chip, FFTemporal(chip, recipe)


def reference_ff_loss(network, chip, x, y, wrong, *, margin, sharpness, weights):
    program = Program.ideal(network, chip.arrays())
    plus, minus = (
        goodness(simulate(network, program, present(network, x, labels)).state[:, 1:]) for labels in (y, wrong)
    )
    return np.mean(np.sum(weights * np.log1p(np.exp(sharpness * (margin - (plus - minus)))) / sharpness, axis=1))


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, np.ones(8)),
        ({"steps": "final"}, np.eye(8)[7]),
        ({"compensation": True}, (w := (1 / 0.8) ** np.arange(7, -1, -1)) * 8 / w.sum()),
        ({"sharpness": 50.0, "margin": 0.02}, np.ones(8)),
    ],
    ids=["all", "final", "compensation", "sharp"],
)
def test_ff_temporal_loss_is_that_of_its_formula(digits, settings, weights):
    network, chip, rule = ff_rule(**settings)
    x, y = digits.train.inputs[:16], digits.train.labels[:16]
    labels = torch.tensor(y)
    loss = float(rule.loss(chip.nominal(False), chip.encode(x), labels, np.random.default_rng(4)).total.detach())
    wrong = draw_wrong(None, labels, 10, np.random.default_rng(4)).numpy()
    recipe = rule.recipe
    expected = reference_ff_loss(
        network, chip, x, y, wrong, margin=recipe.margin, sharpness=recipe.sharpness, weights=weights
    )
    assert loss == pytest.approx(expected, rel=1e-6)


def test_ff_temporal_draws_hard_negatives_by_the_mean_goodness_of_each_label(digits, monkeypatch):
    """The odds of softmax(k G), G the mean over populations and samples, from the simulation engine."""
    network, chip, rule = ff_rule(negatives="hard", sharpness=50.0)
    x, labels, seen = digits.train.inputs[:8], torch.tensor(digits.train.labels[:8]), []

    def drawn(logits, y, classes, rng):
        seen.append(logits)
        return draw_wrong(logits, y, classes, rng)

    monkeypatch.setattr(sys.modules[FFTemporal.__module__], "draw_wrong", drawn)
    loss = rule.loss(chip.nominal(False), chip.encode(x), labels, np.random.default_rng(4)).total
    program = Program.ideal(network, chip.arrays())
    expected = [
        goodness(simulate(network, program, present(network, x, np.full(8, label))).state[:, 1:]).mean(1)
        for label in range(10)
    ]
    np.testing.assert_allclose(seen[0].numpy(), 50.0 * np.transpose(expected), rtol=1e-6)
    assert not seen[0].requires_grad
    wrong = draw_wrong(seen[0], labels, 10, np.random.default_rng(4)).numpy()
    margin, weights = rule.recipe.margin, np.ones(8)
    by_hand = reference_ff_loss(
        network, chip, x, digits.train.labels[:8], wrong, margin=margin, sharpness=50.0, weights=weights
    )
    assert float(loss.detach()) == pytest.approx(by_hand, rel=1e-6)


def test_ff_temporal_is_the_same_with_and_without_its_kernel(digits, monkeypatch):
    """Chips that the kernel does not take go through states, goodness and torch."""
    _, chip, rule = ff_rule(sharpness=50.0)
    x, y = chip.encode(digits.train.inputs[:40]), torch.tensor(digits.train.labels[:40])
    found, taken, kernel = [], [], chip.forward_forward_loss
    for loss_of in (lambda *given: taken.append(kernel(*given)) or taken[0], lambda *_: None):
        monkeypatch.setattr(chip, "forward_forward_loss", loss_of)
        loss = rule.loss(chip.nominal(False), x, y, np.random.default_rng(4))
        gradients = torch.autograd.grad(loss.total, list(chip.latent.values()), allow_unused=True)
        found.append([loss.total.detach(), *loss.measures.values(), *gradients])
    assert taken[0] is not None
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-7)


def test_difference_loss_gradient_matches_finite_differences():
    plus, minus = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, m: difference_loss(p, m, 0.01, 7.0), (plus, minus))


def test_the_label_matters_to_forward_forward(digits):
    _, chip, rule = ff_rule()
    scores = rule.scores(chip.nominal(False), chip.encode(digits.test.inputs[:20])).detach().numpy()
    assert scores.std(axis=1).min() > 1e-6


def test_both_signs_in_one_pass_equal_two_passes(digits):
    _, chip, rule = ff_rule()
    x, y = chip.encode(digits.train.inputs[:5]), torch.tensor(digits.train.labels[:5])
    both = rule.goodness(chip.nominal(False), x, torch.stack([y, (y + 1) % 10]))[0]
    torch.testing.assert_close(both[1:], rule.goodness(chip.nominal(False), x, (y + 1)[None] % 10)[0])


def test_scores_agree_with_the_engine(small, digits):
    chip = TrainableChip(small, QUICK, dtype=torch.float64)
    rule = Bptt(chip, QUICK)
    x = digits.test.inputs[:6]
    trace = simulate(small, Program.ideal(small, chip.arrays()), present(small, x))
    scores = rule.scores(chip.nominal(False), chip.encode(x)).detach().numpy()
    np.testing.assert_allclose(scores, trace.output, atol=1e-6)  # data are float32
    np.testing.assert_allclose(trace.output, trace.state[:, -1] @ chip.arrays()["readout"].T, atol=1e-12)


# --- the loop --------------------------------------------------------------------------------------------


def test_training_learns_and_is_deterministic(small, digits):
    learned = train(small, digits, BpttRecipe(epochs=6, batch_size=32)).history
    assert learned[-1]["loss"] < 0.75 * learned[0]["loss"]
    assert learned[-1]["validation_accuracy"] > 0.5
    recipe = dataclasses.replace(QUICK, epochs=1)
    first = train(small, digits, recipe)
    assert train(small, digits, recipe).program == first.program
    assert train(small, digits, dataclasses.replace(recipe, train_seed=1)).program != first.program


def test_every_epoch_has_its_own_order_of_all_samples(small, digits, monkeypatch):
    seen, loss = [], Bptt.loss

    def noted(self, fabricated, x, y, rng):
        seen.append(y)
        return loss(self, fabricated, x, y, rng)

    monkeypatch.setattr(Bptt, "loss", noted)
    train(small, digits, BpttRecipe(epochs=2, train_samples=100, batch_size=40))
    assert [len(y) for y in seen] == [40, 40, 20] * 2
    first, second = (torch.cat(seen[k : k + 3]) for k in (0, 3))
    assert not torch.equal(first, second)
    for labels in (first, second):
        np.testing.assert_array_equal(np.sort(labels), np.sort(digits.train.labels[:100]))


def test_forward_forward_learns(digits):
    recipe = FFTemporalRecipe(epochs=8, sharpness=200.0, weight_decay=0.0)
    result = train(compiled(LABELS), digits, recipe)
    assert result.history[-1]["validation_accuracy"] > 0.3


def test_a_rule_is_told_of_every_epoch():
    """Growth is decided at the start of an epoch: in the first one the second population stays as it was drawn."""
    network, found = chip("ff-local"), []
    recipe = make_recipe("ff-local", {"epochs": 2, "growth": "one-by-one", "quantise": False, "train_samples": 64})
    start = {key: value.detach().double().numpy() for key, value in TrainableChip(network, recipe).latent.items()}
    train(network, load_dataset("digits-image"), recipe, watch=lambda _, values, __: found.append(dict(values)))
    moved = [{key for key, value in values.items() if not np.array_equal(value, start[key])} for values in found]
    below = {"pixels->first", "label->first", "first.flux_trim"}
    assert moved == [below, below | {"first->second", "second.flux_trim"}]
    assert all(np.array_equal(found[0][key], found[1][key]) for key in below)  # the first one is done


def test_ideal_epochs_keep_unquantised_weights(small, digits):
    recipe = BpttRecipe(epochs=2, ideal_epochs=3, batch_size=64)
    program = train(small, digits, recipe).program
    plain = train(small, digits, BpttRecipe(epochs=3, quantise=False, batch_size=64)).program
    for key, values in plain.ideal_values.items():
        np.testing.assert_array_equal(program.ideal_values[key], values)
    assert any(not np.array_equal(program.codes[k], plain.codes[k]) for k in plain.codes)


@pytest.mark.parametrize("schedule", ["one-cycle", "exponential", "constant"])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resume_gives_the_same_program(small, digits, tmp_path, train_in_two_parts, schedule, stop):
    recipe = BpttRecipe(epochs=2, ideal_epochs=2, schedule=schedule, train_samples=200, batch_size=64)
    whole = train(small, digits, recipe, run_dir=tmp_path / "whole")

    resumed = train_in_two_parts(small, digits, recipe, tmp_path / "cut", stop)
    assert resumed.program == whole.program
    assert untimed(resumed.history) == untimed(whole.history)
    assert Program.load(tmp_path / "cut" / "program.safetensors") == whole.program


def test_resume_draws_the_wrong_labels_of_its_epoch(digits, tmp_path, monkeypatch, train_in_two_parts):
    network = compiled(LABELS)
    recipe = FFTemporalRecipe(epochs=3, train_samples=128, sharpness=100.0)
    drawn = []

    def noted(logits, labels, classes, rng):
        wrong = draw_wrong(logits, labels, classes, rng)
        drawn.append((wrong - labels) % classes)
        return wrong

    monkeypatch.setitem(FFTemporal.loss.__globals__, "draw_wrong", noted)
    whole = train(network, digits, recipe, run_dir=tmp_path / "whole").program
    assert not torch.equal(drawn[0], drawn[2])  # two batches an epoch: the first of two epochs
    assert train_in_two_parts(network, digits, recipe, tmp_path / "cut", 1).program == whole


def test_a_killed_process_resumes(tmp_path, monkeypatch):
    """SIGKILL in the middle of an epoch: the command with --resume ends in the program of an undisturbed run."""
    (tmp_path / "small.yaml").write_text(SMALL)
    command = [sys.executable, "-m", "soensim.train", "small.yaml", "--rule", "bptt", "--data", "digits-rows"]
    command += ["--epochs", "12", "--batch-size", "64", "--run-dir", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    history = tmp_path / "run" / "history.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (history.exists() and len(json.loads(history.read_text())) >= 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "program.safetensors").exists()
    monkeypatch.chdir(tmp_path)
    assert cli.run(main, [*command[3:], "--resume"]) == 0
    recipe = BpttRecipe(epochs=12, batch_size=64)
    undisturbed = train(compiled(SMALL), load_dataset("digits-rows"), recipe).program
    resumed = Program.load(tmp_path / "run" / "program.safetensors")
    assert resumed.with_header({}) == undisturbed.with_header({})
    assert "--resume" not in resumed.header["command"]


def test_resume_refuses_another_training(small, digits, tmp_path):
    train(small, digits, QUICK, run_dir=tmp_path)
    with pytest.raises(RecipeError, match="another training: its recipe had learning_rate"):
        train(small, digits, dataclasses.replace(QUICK, learning_rate=0.1), run_dir=tmp_path, resume=True)
    with pytest.raises(RecipeError, match=r"holds a training already: checkpoint\.safetensors; add --resume"):
        train(small, digits, QUICK, run_dir=tmp_path)
    with pytest.raises(RecipeError, match="no checkpoint to resume from"):
        train(small, digits, QUICK, run_dir=tmp_path / "new", resume=True)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RecipeError, match="is not a checkpoint, or is damaged"):
        train(small, digits, QUICK, run_dir=tmp_path, resume=True)


def test_a_loss_that_is_not_finite_is_reported(digits):
    network = compiled(
        LABELS.replace("tanh, gamma_plus: 0.2, gamma_minus: 0.2", "relu, gamma_plus: 1, gamma_minus: 0").replace(
            "range: 2.0", "range: 1.0e4"
        )
    )
    recipe = FFTemporalRecipe(epochs=1, input_gain=1e12, recurrent_gain=1e12, train_samples=64)
    with pytest.raises(SimulationError, match="the loss is not finite in epoch 1"):
        train(network, digits, recipe)


# --- recipes and the command -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "settings", "message"),
    [
        ("bpt", {}, "no rule 'bpt'; did you mean 'bptt'? there are arbor, bptt, eprop, ff-inverted, ff-local"),
        (
            "bptt",
            {"learning_rat": 1.0},
            "rule 'bptt' has no setting 'learning_rat'; did you mean 'learning_rate'? it has",
        ),
        ("bptt", {"margin": 1.0}, "rule 'bptt' has no setting 'margin'; "),
        ("bptt", {"epochs": 0}, "epochs is 0; it must be above 0"),
        ("bptt", {"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
        ("bptt", {"learning_rate": float("nan")}, "learning_rate is nan; it must be a finite number"),
        (
            "bptt",
            {"schedule": "cosin"},
            "schedule is 'cosin'; did you mean 'cosine'? it must be one of constant, exponential, one-cycle, cosine",
        ),
        ("bptt", {"weight_decay": -1.0}, "weight_decay is -1.0; it must not be below 0"),
        ("bptt", {"quantise": False, "ideal_epochs": 3}, "ideal_epochs come before quantised ones"),
        ("ff-temporal", {"steps": "final", "compensation": True}, "compensation weighs several steps"),
        ("ff-temporal", {"sharpness": 0.0}, "sharpness is 0.0; it must be above 0"),
    ],
)
def test_illegal_recipes(rule, settings, message):
    with pytest.raises(RecipeError) as error:
        make_recipe(rule, settings)
    assert message in str(error.value)


def test_a_rule_needs_its_readout(small):
    for network, recipe, need in (
        (small, FFTemporalRecipe(), "needs a goodness readout"),
        (compiled(LABELS), BpttRecipe(), "needs a linear readout"),
    ):
        with pytest.raises(RecipeError, match=need):
            recipe.make_rule(TrainableChip(network, recipe))


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "r.yaml").write_text("epochs: 9\nbatch_size: 64\ntrain_samples: 128\n")
    arguments = ["small.yaml", "--rule", "bptt", "--data", "digits-rows", "--recipe", "r.yaml", "--epochs", "1"]
    assert cli.run(main, [*arguments, "--out", "p.safetensors", "--json", "t.json", "--seed", "4"]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    program = Program.load("p.safetensors")
    assert program.header["recipe"] == {
        **BpttRecipe(epochs=1, batch_size=64, train_samples=128, train_seed=4).as_dict()
    }
    assert program.header["seeds"] == {"train_seed": 4, "data_seed": 0}
    assert program.header["command"].startswith("python -m soensim.train small.yaml --rule bptt")
    assert json.loads((tmp_path / "t.json").read_text())["program"] == "p.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--data", "digit-rows"], "digits-rows"),
        (["--rule", "hebb"], "--rule: 'hebb' is not legal; it must be one of arbor, bptt, eprop, "),
        (["--margin", "0.1"], "rule 'bptt' has no setting 'margin'"),
        (["--recipe", "none.yaml"], "none.yaml: no such file"),
        (["--recipe", "list.yaml"], "list.yaml: a list is not legal; it must hold settings"),
        (["--out", "nowhere/p"], "the folder nowhere does not exist"),
        (["--data", "mnist-rows", "--data-dir", "."], "train-images-idx3-ubyte"),
        (["--train-samples", "5000"], "train_samples is 5000; 'digits-rows' has 1257"),
    ],
)
def test_command_answers_bad_input_with_one_line(tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert cli.run(main, ["small.yaml", "--rule", "bptt", "--data", "digits-rows", *change]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("soensim: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_midpoints_are_shared_by_numpy_and_torch(small):
    slot = slots(small)["readout"]
    on_border = midpoints(slot.levels)
    codes = torch.bucketize(torch.from_numpy(on_border), torch.from_numpy(midpoints(slot.levels)))
    np.testing.assert_array_equal(np.searchsorted(midpoints(slot.levels), on_border), codes.numpy())


def test_training_needs_validation_samples(small):
    with pytest.raises(RecipeError, match="without validation samples"):
        train(small, load_dataset("digits-rows", validation_fraction=0), QUICK)


@pytest.mark.parametrize(
    ("delay_steps", "density", "whole", "few"),
    [(0.0, 1.0, True, False), (2.0, 1.0, True, False), (0.5, 1.0, False, False), (0.0, 0.2, False, False),
     (0.0, 0.19, False, True), (0.5, 0.2, False, False), (0.5, 0.19, False, True)],
)  # fmt: skip
def test_a_projection_is_laid_out_as_its_edges_and_delays_ask(delay_steps, density, whole, few):
    """100 possible edges; a delay between two steps has each at two lags, in halves."""
    pairs = np.array([(s, t) for t in range(10) for s in range(10)])
    if density < 1:
        pairs = pairs[np.sort(np.random.default_rng(0).choice(100, round(100 * density), replace=False))]
    sources, targets = pairs.T
    delay = np.full(len(pairs), delay_steps)
    synapses = dataclasses.replace(
        compiled(SMALL).synapses["hidden->hidden"], shape=(10, 10), sources=sources, targets=targets, delay_tau=delay
    )
    laid = DelayedWeights(synapses.delay_layout(1.0, feed_forward=False), torch.float64)
    assert (laid.whole, laid.few) == (whole, few)
    np.testing.assert_array_equal(laid.targets.numpy(), targets)
    efficacies = torch.linspace(-1, 1, len(pairs), dtype=torch.float64)
    dense = np.zeros((10, 10))
    dense[sources, targets] = efficacies.numpy()
    expected = np.concatenate([0.5 * dense] * 2) if delay_steps == 0.5 else dense
    np.testing.assert_array_equal(laid.matrix(efficacies).numpy(), expected)
    signal = torch.rand(3, len(expected), dtype=torch.float64)
    np.testing.assert_allclose((signal @ laid.matrix(efficacies)).numpy(), signal.numpy() @ expected)


def test_few_edges_are_multiplied_alone():
    """A chip of low density keeps its edges alone in the kernel, to the same states and gradients."""
    late = "min_fan_in: 1}\n    delay_ps: 60"  # between two steps: each edge stands at two lags, in parts
    text = SMALL.replace("size: 6", "size: 20").replace("density: 0.5", "density: 0.1").replace("min_fan_in: 1}", late)
    few = compiled(text)
    assert (few.delay_layout(few.synapses["hidden->hidden"]).part != 1).any()
    chip = TrainableChip(few, BpttRecipe(), dtype=torch.float64)
    x = chip.encode(np.random.default_rng(0).random((5, 4, 8)))
    assert isinstance(chip.cells(chip.nominal(False), sparse=True)[0].terms[1].weights, SparseWeights)
    found = []
    for sparse in (True, False):
        chip._delayed["hidden->hidden"].few = sparse
        states = chip.unroll(chip.nominal(False), chip.signals(x))[0]
        found.append(
            [states, *torch.autograd.grad(states.square().sum(), list(chip.latent.values()), allow_unused=True)]
        )
    for alone, dense in zip(*found, strict=True):
        if dense is not None:  # the readout's
            torch.testing.assert_close(alone, dense, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("substeps", [1, 3])
def test_label_hypotheses_have_the_gradients_of_the_plain_loop(monkeypatch, substeps):
    """Pixels that all hypotheses share, and labels that hold still, laid apart for the kernel."""
    chip = TrainableChip(compiled(LABELS, refine=substeps), BpttRecipe(), dtype=torch.float64)
    x = chip.encode(np.random.default_rng(0).random((5, 4, 8)))
    labels = torch.tensor([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [1, 1, 1, 1, 1]])
    weights = torch.linspace(-1, 1, 3 * 5 * 4 * 12, dtype=torch.float64).view(3, 5, 4, 12)
    found = []
    for supported in (supports, lambda cells, heun: False):  # noqa: ARG005
        monkeypatch.setattr(sys.modules[TrainableChip.__module__], "supports", supported)
        states = chip.unroll(chip.nominal(False), chip.signals(x, labels))[0]
        found.append([states, *torch.autograd.grad((states * weights).sum(), list(chip.latent.values()))])
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-10, atol=1e-12)


LOADED = """
import sys
from soensim.commands.train import main

settings = ["--data", "digits-rows", "--epochs", "1", "--train-samples", "64"]
status = main(["CHIP", *settings, "--run-dir", "run"])
print(status, sorted({"torch._dynamo", "sympy", "pandas", "matplotlib", "sklearn"} & set(sys.modules)))
"""


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_training_loads_nothing_slow_that_it_does_not_need(tmp_path, optimiser):
    """torch's compiler, with sympy, takes longer to load than a small training takes."""
    code = LOADED.replace("CHIP", str(ROOT / "netlists" / "year1-28.yaml"))
    code = code.replace('"--epochs"', f'"--optimiser", "{optimiser}", "--epochs"')
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "0 []"
