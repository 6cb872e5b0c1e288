"""The static forward-forward rules: formulas, how far a gradient goes, that the label matters, that they learn."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from scipy import stats
from static_chips import CHIPS, chip, shipped

from soensim.data import load_dataset, shift_places, smooth_masks
from soensim.dynamics import normalise
from soensim.errors import DataError, RecipeError
from soensim.evaluation import evaluate
from soensim.network import compile_network, encode_data, present, signals
from soensim.program import Program, dense_weights
from soensim.routing import route
from soensim.simulation import class_scores, simulate
from soensim.training import make_recipe, train
from soensim.training.rules.forward_forward import difference_loss, draw_wrong, threshold_loss
from soensim.training.rules.local_forward_forward import compare, shifted
from soensim.training.trainable_network import TrainableChip

LABELLED = ("ff-local", "ff-recurrent", "ff-inverted")


@pytest.fixture(scope="module")
def images():
    return load_dataset("digits-image")


def made(rule, replaced=None, **settings):
    """A chip of a rule in float64, with latent values that no symmetry makes special."""
    network = chip(rule, replaced)
    recipe = make_recipe(rule, settings)
    trainable = TrainableChip(network, recipe, dtype=torch.float64)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for latent in trainable.latent.values():
            latent.copy_(torch.from_numpy(rng.normal(0, 0.3, latent.shape)))
    return network, trainable, recipe.make_rule(trainable)


def batch(trainable, images, count=7):
    return trainable.encode(images.train.inputs[:count]), torch.tensor(images.train.labels[:count])


# --- how far a gradient goes -----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", CHIPS)
def test_no_gradient_crosses_populations(rule, images):
    """The goodness of one population moves what drives it, and nothing else."""
    network, trainable, _ = made(rule)
    x, y = batch(trainable, images)
    parts = trainable.signals(x, y[None] if network.labels else None)
    states = trainable.unroll(trainable.nominal(False), parts, local=True)
    for k, population in enumerate(network.populations):
        gradients = torch.autograd.grad(
            states[k].square().sum(), list(trainable.latent.values()), retain_graph=True, allow_unused=True
        )
        for key, gradient in zip(trainable.latent, gradients, strict=True):
            own = key == population.trim_key or (key in network.synapses and network.synapses[key].target == k)
            moved = gradient is not None and bool(gradient.abs().max() > 0)
            assert moved == own, (population.name, key)


def test_no_gradient_crosses_steps(images):
    """dG/dW is a sum over the samples that count of what arrives x slope x own state, written out by hand."""
    _, trainable, _ = made("ff-recurrent")
    x, y = batch(trainable, images)
    chip = trainable.nominal(False)
    window = range(2, 5)
    states = trainable.unroll(chip, trainable.signals(x, y[None]), local=True)
    (states[1][0, :, window.start : window.stop].square().mean(-1).sum()).backward()
    s = [part.detach()[0].numpy() for part in states]
    values = trainable.arrays()
    weights = dense_weights(trainable.network, values)
    lower, label = weights["lower->upper"], weights["label->upper"]
    one_hot = 5.0 * np.eye(10)[y.numpy()]
    expected = np.zeros_like(lower)
    for t in window:
        below = normalise(s[0][:, t], "rms")  # feed-forward: the upper population sees what the lower has just become
        flux = below @ lower.T + one_hot @ label.T + values["upper.flux_trim"]
        adjoint = 2 / 6 * s[1][:, t] * 0.7 * (flux > 0)
        expected += adjoint.T @ below
    found = trainable.latent["lower->upper"].grad.numpy().reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


# --- formulas --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["ff-local", "ff-recurrent"])
@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "difference", "margin": 0.1, "sharpness": 3.0},
        {"loss": "threshold", "threshold": 0.7, "sharpness": 3.0},
        {"loss": "threshold", "threshold": 0.1, "threshold_rule": "width"},
        {"loss": "threshold", "threshold_rule": "balance"},
    ],
)
def test_the_loss_is_that_of_its_formula(rule, settings, images):
    """Against goodness from the simulation engine, one run per sign."""
    network, trainable, made_rule = made(rule, negatives="random", **settings)
    x, y = batch(trainable, images)
    loss = made_rule.loss(trainable.nominal(False), x, y, np.random.default_rng(3))
    wrong = draw_wrong(None, y, 10, np.random.default_rng(3))
    program = Program.ideal(network, trainable.arrays())
    values = images.train.inputs[:7]
    counted = [1] if rule == "ff-local" else [3, 4, 5]
    expected = 0.0
    recipe = made_rule.recipe
    plus, minus = (
        (simulate(network, program, present(network, values, labels.numpy())).state ** 2)[:, counted]
        for labels in (y, wrong)
    )
    for k, population in enumerate(network.populations):
        p, m = (g[:, :, population.neurons].mean((1, 2)) for g in (plus, minus))
        if settings["loss"] == "difference":
            z = np.log1p(np.exp(recipe.sharpness * (recipe.margin - (p - m)))) / recipe.sharpness
        else:
            theta = recipe.threshold * (6 if recipe.threshold_rule == "width" else 1)
            theta = (p.mean() + m.mean()) / 2 if recipe.threshold_rule == "balance" else theta
            z = np.log1p(np.exp(recipe.sharpness * (theta - p))) + np.log1p(np.exp(recipe.sharpness * (m - theta)))
            z = z / recipe.sharpness
        assert float(loss.measures[f"loss_{population.name}"]) == pytest.approx(z.mean(), rel=1e-5)
        assert float(loss.measures[f"goodness_positive_{population.name}"]) == pytest.approx(p.mean(), rel=1e-5)
        expected += z.mean()
        assert k < 2
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)


def test_what_the_unsupervised_rule_measures(images):
    """Goodness of images and of hybrids per population and as their mean, from the simulation engine."""
    network, trainable, rule = made("ff-unsupervised")
    x, y = batch(trainable, images)
    loss = rule.loss(trainable.nominal(False), x, y, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    shown = images.train.inputs[:7]
    mask = smooth_masks(7, shown.shape[1:], rng)
    hybrids = np.where(mask == 1, shown, shown[rng.permutation(7)])
    program = Program.ideal(network, trainable.arrays())
    expected = {}
    for sign, values in (("positive", shown), ("negative", hybrids)):
        state = simulate(network, program, present(network, values)).state[:, 1:]
        each = {p.name: (state[..., p.neurons] ** 2).mean() for p in network.populations}
        expected |= {f"goodness_{sign}_{name}": value for name, value in each.items()}
        expected[f"goodness_{sign}"] = np.mean(list(each.values()))
    assert len(expected) == 2 + 2 * len(network.populations)
    for name, value in expected.items():
        assert float(loss.measures[name]) == pytest.approx(value, rel=1e-5), name
    parts = [loss.measures[f"loss_{p.name}"] for p in network.populations]
    total = sum(map(float, parts)) + float(loss.measures["loss_readout"])
    assert float(loss.total.detach()) == pytest.approx(total, rel=1e-9)
    scores = class_scores(network, program, images.train.inputs[:7])
    logits = torch.from_numpy(rule.recipe.readout_gain * scores)
    crossed = torch.nn.functional.cross_entropy(logits, y)
    assert float(loss.measures["loss_readout"]) == pytest.approx(float(crossed), rel=1e-5)


def test_goodness_of_a_labelled_batch_is_the_mean_over_populations(images):
    for rule in LABELLED:
        network, trainable, made_rule = made(rule, negatives="random")
        x, y = batch(trainable, images)
        measures = made_rule.loss(trainable.nominal(False), x, y, np.random.default_rng(3)).measures
        for sign in ("positive", "negative"):
            each = [float(measures[f"goodness_{sign}_{p.name}"]) for p in network.populations]
            assert float(measures[f"goodness_{sign}"]) == pytest.approx(np.mean(each), rel=1e-9)


def test_dynamic_negatives_are_drawn_from_the_states_before_the_label(images, monkeypatch):
    """One run for all labels; its states are those of the engine, and the classifier sees them as they are sent."""
    network, trainable, rule = made("ff-inverted")
    x, y = batch(trainable, images)
    chip_ = trainable.nominal(False)
    before = rule._before_the_label(chip_, x)
    last = network.unlabelled_samples
    assert last == 4
    program = Program.ideal(network, trainable.arrays())
    state = simulate(network, program, present(network, images.train.inputs[:7], y.numpy())).state[:, last]
    for population, found in zip(network.populations, before, strict=True):
        assert found.shape == (1, 7, population.size)
        assert not found.requires_grad
        np.testing.assert_allclose(found[0].numpy(), state[:, population.neurons], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        rule.extra["latent_classifier"].copy_(torch.from_numpy(np.random.default_rng(2).normal(size=(10, 18))))
    seen = []
    monkeypatch.setattr(
        sys.modules[type(rule).__module__],
        "draw_wrong",
        lambda logits, *rest: seen.append(logits) or draw_wrong(logits, *rest),
    )
    loss = rule.loss(chip_, x, y, np.random.default_rng(0))
    sent = np.concatenate([normalise(state[:, p.neurons], p.normalisation) for p in network.populations], axis=1)
    logits = sent @ rule.extra["latent_classifier"].detach().numpy().T
    np.testing.assert_allclose(seen[0].numpy(), logits, rtol=1e-5, atol=1e-5)
    crossed = torch.nn.functional.cross_entropy(torch.from_numpy(logits), y)
    assert float(loss.measures["loss_latent_classifier"]) == pytest.approx(float(crossed), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss.total, rule.extra["latent_classifier"])
    share = torch.softmax(torch.from_numpy(logits), 1) - torch.nn.functional.one_hot(y, 10)
    np.testing.assert_allclose(gradient.numpy(), share.numpy().T @ sent / 7, rtol=1e-4, atol=1e-6)


def test_the_inverted_objective_wants_true_labels_quiet():
    plus, minus = torch.tensor([2.0]), torch.tensor([1.0])
    _, _, rule = made("ff-inverted")
    assert compare(rule.recipe, plus, minus, 6, rule.sign) > compare(rule.recipe, minus, plus, 6, rule.sign) + 0.5
    _, _, upright = made("ff-recurrent", loss="threshold", threshold=1.5)
    recipe, sign = upright.recipe, upright.sign
    assert compare(recipe, plus, minus, 6, sign) < compare(recipe, minus, plus, 6, sign) - 0.5


@pytest.mark.parametrize("rule", ["balance", "width"])
def test_the_threshold_rule_counts_without_labels_too(rule, images):
    _, trainable, made_rule = made("ff-unsupervised", threshold_rule=rule)
    _, _, fixed = made("ff-unsupervised")
    x, y = batch(trainable, images)
    ours, theirs = (
        float(r.loss(trainable.nominal(False), x, y, np.random.default_rng(0)).total.detach())
        for r in (made_rule, fixed)
    )
    assert abs(ours - theirs) > 1e-3


@pytest.mark.parametrize(
    "loss", [lambda p, m: difference_loss(p, m, 0.1, 5.0), lambda p, m: threshold_loss(p, m, 0.4, 5.0)]
)
def test_gradients_of_the_losses_match_finite_differences(loss):
    plus, minus = torch.rand(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (plus, minus))


def test_wrong_labels_are_wrong_and_drawn_with_the_odds_asked_for():
    y = torch.arange(10).repeat(2000)
    rng = np.random.default_rng(0)
    drawn = draw_wrong(None, y, 10, rng)
    assert not (drawn == y).any()
    counts = np.bincount((drawn - y).numpy() % 10, minlength=10)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 1e-3
    logits = torch.log(torch.tensor([1.0, 2.0, 3.0, 4.0])).repeat(8000, 1)
    hard = draw_wrong(logits, torch.full((8000,), 3), 4, rng)
    assert stats.chisquare(np.bincount(hard.numpy(), minlength=4)[:3], 8000 * np.array([1, 2, 3]) / 6).pvalue > 1e-3
    sure = torch.full((50, 4), -1e4).index_fill(1, torch.tensor([3]), 1e4)  # all odds on the true label
    assert not (draw_wrong(sure, torch.full((50,), 3), 4, rng) == 3).any()


# --- the label matters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", LABELLED)
def test_the_label_matters(rule, images):
    _, trainable, made_rule = made(rule)
    x, _ = batch(trainable, images)
    assert made_rule.scores(trainable.nominal(False), x).std(1).min() > 1e-4


@pytest.mark.parametrize("rule", LABELLED)
def test_without_label_efficacies_all_labels_score_the_same(rule, images):
    _, trainable, made_rule = made(rule)
    with torch.no_grad():
        next(v for k, v in trainable.latent.items() if k.startswith("label->")).zero_()
    x, _ = batch(trainable, images)
    assert made_rule.scores(trainable.nominal(False), x).std(1).max() < 1e-12


def test_the_lower_population_sees_the_label_from_above_only(images):
    """Drafts in circulation give their top no way down: there the lower population cannot tell labels apart."""
    _, trainable, made_rule = made("ff-recurrent")
    x, _ = batch(trainable, images)
    chip = trainable.nominal(False)
    lower, _ = made_rule.goodness(chip, x, made_rule.all_labels)
    assert lower.std(0).min() > 1e-6
    cut_off = {**chip.values, "upper->lower": torch.zeros_like(chip.values["upper->lower"])}
    assert (
        made_rule.goodness(dataclasses.replace(chip, values=cut_off), x, made_rule.all_labels)[0].std(0).max() < 1e-12
    )
    down = "  - {source: upper, target: lower, topology: all-to-all, efficacy: {bits: 4, range: 0.3, sign: free}}\n"
    _, trainable, made_rule = made("ff-recurrent", {down: ""})
    with pytest.raises(RecipeError, match="the label does not reach population 'lower'"):
        made_rule.loss(trainable.nominal(False), *batch(trainable, images), np.random.default_rng(0))


# --- hypotheses side by side ------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", LABELLED)
def test_hypotheses_side_by_side_equal_one_run_each(rule, images):
    _, trainable, made_rule = made(rule)
    x, _ = batch(trainable, images)
    chip = trainable.nominal(False)
    together = made_rule.goodness(chip, x, made_rule.all_labels)
    for label in (0, 7):
        alone = made_rule.goodness(chip, x, torch.full((1, len(x)), label))
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[label], b[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", CHIPS)
def test_scores_of_training_and_of_the_engine_agree(rule, images):
    network, trainable, made_rule = made(rule)
    x = images.test.inputs[:6]
    engine = class_scores(network, Program.ideal(network, trainable.arrays()), x)
    ours = made_rule.scores(trainable.nominal(False), trainable.encode(x)).detach().numpy()
    if network.labels:
        engine, ours = (scores - scores.mean(1, keepdims=True) for scores in (engine, ours))
    np.testing.assert_allclose(ours, engine, rtol=1e-6, atol=1e-9)


def test_the_label_is_dark_at_first(images):
    network = chip("ff-inverted")
    x = present(network, images.test.inputs[:3], np.array([1, 2, 3]))
    label = network.lines("label").channels
    assert x.shape == (3, 10, 74)
    assert not x[:, :4, label].any()
    np.testing.assert_array_equal(x[:, 4:, label], np.broadcast_to(20.0 * np.eye(10)[[1, 2, 3]][:, None], (3, 6, 10)))


@pytest.mark.parametrize("labels", [np.array([1, 2, 10]), np.array([-1, 2, 3]), np.array([0.0, 1.0, 2.0])])
def test_labels_that_are_no_classes_are_refused(labels, images):
    with pytest.raises(DataError, match="label"):
        present(chip("ff-local"), images.test.inputs[:3], labels)


def test_a_label_over_the_first_pixels(images):
    """Hinton's placement: ten pixels carry the label; the image is normalised with it."""
    replaced = {
        "drive_high: 1.0, normalise: rms}": "drive_high: 1.0, normalise: rms, label_channels: 10}",
        "  label: {kind: input, size: 10, carries: label, drive_low: 0.0, drive_high: 5.0}\n": "",
        "  - {source: label, target: first, topology: all-to-all, efficacy: {bits: 4, range: 0.6, sign: free}}\n": "",
    }
    network, trainable, rule = made("ff-local", replaced)
    x = present(network, images.test.inputs[:3], np.array([4, 5, 6]))[:, 0]
    expected = images.test.inputs[:3, 0].astype(float).copy()
    expected[:, :10] = np.eye(10)[[4, 5, 6]]
    np.testing.assert_allclose(x, expected / np.sqrt((expected**2).mean(1, keepdims=True)), rtol=1e-5)
    assert rule.scores(trainable.nominal(False), trainable.encode(images.test.inputs[:3])).std(1).min() > 1e-4


# --- pieces -----------------------------------------------------------------------------------------------


def test_normalised_activities():
    a = np.random.default_rng(0).normal(1, 2, (5, 8))
    np.testing.assert_allclose(np.linalg.norm(normalise(a, "l2"), axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose((normalise(a, "rms") ** 2).mean(1), 1, rtol=1e-9)
    s = normalise(a, "standardise")
    np.testing.assert_allclose([s.mean(1), s.std(1)], [np.zeros(5), np.ones(5)], atol=1e-9)
    assert normalise(a, None) is a
    for how in ("l2", "rms", "standardise"):
        assert not normalise(np.zeros((2, 4)), how).any()
        silent = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
        normalise(silent, how).sum().backward()
        assert silent.grad.isfinite().all()
        assert torch.autograd.gradcheck(
            lambda t, how=how: normalise(t, how), torch.rand(2, 5, dtype=torch.float64, requires_grad=True)
        )


def test_masks_are_smooth_balanced_and_fresh():
    rng = np.random.default_rng(0)
    masks = smooth_masks(200, (1, 784), rng).reshape(200, 28, 28)
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert abs(masks.mean() - 0.5) < 0.02
    neighbours = (masks[:, 1:] == masks[:, :-1]).mean()
    assert 0.8 < neighbours < 0.97  # noise without blurring: 0.5
    assert not np.array_equal(masks[0], masks[1])
    assert smooth_masks(2, (8, 5), rng).shape == (2, 8, 5)


def test_shifts_move_whole_images():
    image = np.arange(64).reshape(8, 8)
    places = shift_places(300, (1, 64), 1, np.random.default_rng(0)).reshape(300, 8, 8)
    padded = np.pad(image, 1, mode="edge")
    legal = {padded[1 + r : 9 + r, 1 + c : 9 + c].tobytes() for r in (-1, 0, 1) for c in (-1, 0, 1)}
    assert {p.tobytes() for p in places} == legal
    np.testing.assert_array_equal(shift_places(2, (1, 64), 0, np.random.default_rng(0))[0], np.arange(64))


def test_images_of_a_batch_are_shifted_as_drawn_or_stay():
    x = torch.arange(3 * 64.0).reshape(3, 1, 64)
    assert shifted(x, 0, np.random.default_rng(0)) is x
    places = shift_places(3, (1, 64), 1, np.random.default_rng(0)).reshape(3, 64)
    np.testing.assert_array_equal(
        shifted(x, 1, np.random.default_rng(0))[:, 0].numpy(), np.take_along_axis(x[:, 0].numpy(), places, axis=1)
    )


def test_first_scores_of_a_feed_forward_chip_are_its_bottom_up_pass_those_of_others_an_answer(images):
    for rule in ("ff-local", "ff-recurrent"):
        network, trainable, made_rule = made(rule)
        x, _ = batch(trainable, images)
        chip_, output = trainable.nominal(False), network.output
        if network.feed_forward:
            driven = [s.target for s in network.synapses.values() if s.source is None and network.carries_label(s.port)]
            states = trainable.unroll(chip_, trainable.signals(x, made_rule.all_labels), local=True)
            expected = sum(states[k][..., 0, :].square().mean(-1).T for k in driven) / len(driven)
        else:
            samples = len(output.window(x.shape[1] * network.hold_samples))
            expected = made_rule.scores(chip_, x) / (len(output.populations) * samples)
        torch.testing.assert_close(made_rule.first_scores(chip_, x), expected)


def test_signals_are_those_that_are_presented(images):
    network = chip("ff-inverted")
    values, labels = images.test.inputs[:4], np.array([3, 1, 4, 1])
    parts = signals(network, encode_data(network, values), labels[None])
    whole = present(network, values, labels)
    for line, part in zip(network.inputs, parts, strict=True):
        frames = [b[0, :, k] for b in part.blocks for k in range(b.shape[2])]
        for sample in (0, 3, 4, 9):
            shown = np.broadcast_to(frames[part.frame_of[sample]], whole[:, sample, line.channels].shape)
            np.testing.assert_array_equal(shown, whole[:, sample, line.channels])


# --- whole trainings ---------------------------------------------------------------------------------------

QUICK = {"batch_size": 32, "learning_rate": 0.003, "train_samples": 600}


@pytest.mark.parametrize(
    ("rule", "settings", "least"),
    [
        ("ff-local", {"ideal_epochs": 4, "epochs": 2}, 0.80),
        ("ff-recurrent", {"ideal_epochs": 4, "epochs": 2}, 0.75),
        ("ff-inverted", {"ideal_epochs": 8, "epochs": 2, "quantised_rate": 0.3}, 0.60),
        ("ff-unsupervised", {"ideal_epochs": 5, "epochs": 2}, 0.60),
    ],
)
def test_rules_learn_export_and_evaluate(rule, settings, least, images):
    routed = route(shipped(rule))
    network = compile_network(routed)
    result = train(network, images, make_recipe(rule, {**QUICK, **settings}))
    assert result.history[-1]["validation_accuracy"] > least
    found = evaluate(routed, result.program, images, trials=1)
    assert found.accuracy.quantised > least - 0.07
    assert found.accuracy.ideal > least - 0.07


def test_the_control_trains_the_readout_alone(images):
    network = chip("ff-unsupervised")
    recipe = make_recipe("ff-unsupervised", {**QUICK, "epochs": 1, "train_populations": False})
    start = TrainableChip(network, recipe).latent
    end = train(network, images, dataclasses.replace(recipe, quantise=False)).program.ideal_values
    for key, synapses in network.synapses.items():
        np.testing.assert_array_equal(end[key], start[key].detach().double().numpy(), err_msg=synapses.key)
    assert not np.array_equal(end["readout"], start["readout"].detach().double().numpy())


def test_growth_adds_one_population_after_another():
    network = chip("ff-local")
    recipe = make_recipe("ff-local", {**QUICK, "epochs": 4, "growth": "one-by-one", "quantise": False})
    trainable = TrainableChip(network, recipe)
    rule = recipe.make_rule(trainable)
    rows = [{"validation_accuracy": a} for a in (0.3, 0.5, 0.52, 0.6)]
    learned = []
    for epoch in range(4):
        rule.begin_epoch(epoch, rows[:epoch])
        learned.append(rule.learning())
    assert learned == [[0], [0], [1], [1]]
    before = trainable.latent["first->second"].clone()
    rule.begin_epoch(4, rows)
    torch.testing.assert_close(trainable.latent["first->second"], before)  # it gained 10 points: it stays
    assert rule.learning() == [0, 1]  # all of them, once all have grown


def test_growth_ends_where_a_population_adds_too_little(images):
    """Three populations in equal shares of six ideal epochs; the second gains 0.5 points, so that there is no third."""
    third = (
        "  third: {kind: dendrite, size: 6, source_function: relu, gamma_plus: 1.0, gamma_minus: 1.0, normalise: rms, "
        "flux_trim: {bits: 8, range: 2.0}}\n"
    )
    link = "  - {source: second, target: third, topology: all-to-all, efficacy: {bits: 4, range: 0.3, sign: free}}\n"
    replaced = {
        "\nprojections:": f"{third}\nprojections:",
        "\ntiming:": f"{link}\ntiming:",
        "populations: [first, second]": "populations: [first, second, third]",
    }
    _, trainable, rule = made("ff-local", replaced, growth="one-by-one", ideal_epochs=6, epochs=2)
    x, _ = batch(trainable, images)
    chip_ = trainable.nominal(False)
    each = rule.goodness(chip_, x, rule.all_labels)
    start = {key: value.detach().clone() for key, value in trainable.latent.items()}
    rows = [{"validation_accuracy": a} for a in (0.2, 0.5, 0.502, 0.505, 0.6, 0.7, 0.7, 0.7)]
    learned, exist = [], []
    for epoch in range(8):
        rule.begin_epoch(epoch, rows[:epoch])
        learned.append(rule.learning())
        exist.append(next(n for n in (1, 2, 3) if torch.equal(rule.scores(chip_, x), sum(each[:n])[..., 0].T)))
        silent = not trainable.latent["second->third"].any() and not trainable.latent["third.flux_trim"].any()
        assert silent == (epoch >= 4)
    assert learned == [[0], [0], [1], [1], [1], [1], [0, 1], [0, 1]]
    assert exist == [1, 1, 2, 2, 2, 2, 2, 2]
    for key, value in trainable.latent.items():
        assert torch.equal(value, start[key]) != (key in ("second->third", "third.flux_trim")), key
    rows[3] = {"validation_accuracy": 0.52}
    rule.begin_epoch(4, rows[:4])
    assert rule.learning() == [2]


def test_an_inverted_chip_that_sees_the_label_at_once(images):
    """Without unlabelled samples, and so with hard negatives; all starts at rest."""
    network, trainable, rule = made("ff-inverted", {" unlabelled_samples: 4,": ""}, negatives="hard")
    x, y = batch(trainable, images)
    chip_ = trainable.nominal(False)
    assert all(s.shape == (1, 1, p.size) and not s.any() for s, p in zip(
        rule._before_the_label(chip_, x), network.populations, strict=True
    ))  # fmt: skip
    goodness = torch.stack(rule.goodness(chip_, x, rule.all_labels)).sum((0, -1)).T.detach().numpy()
    engine = class_scores(network, Program.ideal(network, trainable.arrays()), images.train.inputs[:7])
    np.testing.assert_allclose(goodness, -engine, rtol=1e-5)  # the least goodness wins
    assert np.isfinite(float(rule.loss(chip_, x, y, np.random.default_rng(0)).total.detach()))


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "replaced", "settings", "message"),
    [
        ("ff-inverted", {", prefers: low}": "}"}, {}, "needs a readout with `prefers: low`"),
        ("ff-inverted", {" unlabelled_samples: 4,": ""}, {}, "set timing.unlabelled_samples, or take hard negatives"),
        (
            "ff-inverted",
            {"first_sample: 7": "first_sample: 3"},
            {},
            "readout.first_sample is 3; the label is seen after 4",
        ),
    ],
)
def test_a_chip_that_does_not_fit_the_rule(rule, replaced, settings, message):
    with pytest.raises(RecipeError, match=message):
        made(rule, replaced, **settings)


def test_rules_need_their_readouts():
    for rule, other, need in (
        ("ff-local", "ff-unsupervised", "needs a goodness readout"),
        ("ff-unsupervised", "ff-local", "needs a linear readout"),
    ):
        recipe = make_recipe(rule, {})
        with pytest.raises(RecipeError, match=need):
            recipe.make_rule(TrainableChip(chip(other), recipe))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "threshold is 0.0; it must be above 0"),
        ({"shift_pixels": -1}, "shift_pixels is -1; it must not be below 0"),
        ({"growth_gain": -0.1}, "growth_gain is -0.1"),
        ({"negatives": "easy"}, "negatives is 'easy'; it must be one of random, hard"),
    ],
)
def test_illegal_settings(settings, message):
    with pytest.raises(RecipeError) as error:
        make_recipe("ff-local", settings)
    assert message in str(error.value)
