"""Weights that a chip can hold: level tables with a programmable scale, and three ways to train through them."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from conftest import LABELS, SMALL, compiled
from static_chips import chip

from soensim.data import load_dataset
from soensim.dynamics import normalise
from soensim.errors import DataError, NetlistError, ProgramError, RecipeError
from soensim.netlist import dump_netlist, parse_netlist, symmetric_levels
from soensim.network import compile_network, present
from soensim.program import READOUT, Program, Slot, best_scale, dense_weights, slots
from soensim.routing import route
from soensim.simulation import simulate
from soensim.training import BpttRecipe, FFTemporalRecipe, train
from soensim.training.calibrate import _round, calibrated
from soensim.training.quantise import Table
from soensim.training.trainable_network import TrainableChip

PROGRAMMABLE = SMALL.replace("range: 0.3}", "range: 0.3, full_scale: programmable}").replace(
    "range: 1.0}", "range: 1.0, full_scale: programmable}"
)
QUICK = BpttRecipe(epochs=3, ideal_epochs=2, train_samples=128, batch_size=32)


def random_program(network, seed=0, scale=0.05):
    rng = np.random.default_rng(seed)
    edges = {key: rng.normal(0, scale, slot.shape) for key, slot in slots(network).items()}
    weights = {**edges, **dense_weights(network, edges)}
    return weights, Program.quantised(network, weights)


# --- the scale of a level table --------------------------------------------------------------------------


def squared_error(slot, values, scale):
    shrunk = dataclasses.replace(slot, levels=slot.levels * scale)
    return np.square(values - shrunk.values(shrunk.codes(values))).sum()


@pytest.mark.parametrize("bits", [2, 4, 6])
@pytest.mark.parametrize("table", ["free", "fixed", "uneven"])
def test_the_best_scale_is_the_best_of_a_dense_scan(bits, table):
    rng = np.random.default_rng(bits)
    free = table != "fixed"
    levels = symmetric_levels(bits, 1.0) if free else np.linspace(0, 1, 2**bits)
    if table == "uneven":
        levels = np.unique([0.0, *rng.uniform(-1, 1, 2**bits)])
    values = np.clip(rng.standard_t(4, 150) * 0.1, -1, 1) if free else rng.exponential(0.1, 150).clip(0, 1)
    sign = np.ones(150) if free else np.where(rng.random(150) < 0.5, -1.0, 1.0)
    slot = Slot((150,), levels, sign, True)
    best = best_scale(slot, sign * values)
    scanned = min(squared_error(slot, sign * values, scale) for scale in np.geomspace(1e-3, 1, 2000))
    assert 0 < best <= 1
    assert squared_error(slot, sign * values, best) <= scanned * (1 + 1e-12)


def test_the_best_scale_in_known_cases():
    slot = Slot((3,), symmetric_levels(4, 1.0), np.ones(3), True)
    assert best_scale(slot, np.zeros(3)) == 1.0
    assert best_scale(slot, np.array([1.0, -1.0, 3 / 7])) == pytest.approx(1.0)
    assert best_scale(slot, np.array([0.02, -0.06, 0.14])) == pytest.approx(0.14)
    assert best_scale(slot, np.array([5.0, -5.0, 5.0])) == 1.0  # beyond the range: the table cannot grow
    two = Slot((2,), np.array([0.0, 1.0]), np.ones(2), True)
    assert best_scale(two, np.array([0.2, 0.4])) == pytest.approx(0.3)


def test_many_values_are_searched_by_their_quantiles(monkeypatch):
    values = np.random.default_rng(0).normal(0, 0.1, 20_000).clip(-1, 1)
    slot = Slot((20_000,), symmetric_levels(4, 1.0), np.ones(20_000), True)
    exact = best_scale(slot, values)
    monkeypatch.setattr("soensim.program.levels._PIECES", 15 * 4000)
    assert best_scale(slot, values) == pytest.approx(exact, rel=0.02)


def test_a_programmable_scale_changes_the_hash_and_a_fixed_one_does_not():
    plain = parse_netlist(SMALL)
    assert parse_netlist(SMALL.replace("range: 0.3}", "range: 0.3, full_scale: fixed}")).hash == plain.hash
    assert parse_netlist(PROGRAMMABLE).hash != plain.hash
    for old, new in (("range: 0.3}\ntiming", "range: 0.3, full_scale: programmable}\ntiming"), ("1.0}", "1.0}")):
        changed = SMALL.replace(old, new)
        assert (parse_netlist(changed).hash != plain.hash) == (changed != SMALL)
    readout = SMALL.replace("range: 1.0}", "range: 1.0, full_scale: programmable}")
    assert parse_netlist(readout).hash != plain.hash
    again = parse_netlist(dump_netlist(parse_netlist(PROGRAMMABLE)))
    assert again.hash == parse_netlist(PROGRAMMABLE).hash
    with pytest.raises(NetlistError, match=r"full_scale.*it must be one of fixed, programmable"):
        parse_netlist(SMALL.replace("range: 1.0}", "range: 1.0, full_scale: free}"))


def test_a_program_holds_the_scaled_table_and_the_engine_runs_it(tmp_path):
    network = compiled(PROGRAMMABLE)
    weights, program = random_program(network)
    table = network.synapses["hidden->hidden"].levels
    scale = program.levels["hidden->hidden"][-1] / table[-1]
    assert 0.1 < scale < 0.9
    np.testing.assert_allclose(program.levels["hidden->hidden"], scale * table)
    assert program.levels[READOUT][-1] < 1.0
    fixed = Program.quantised(network, weights, scales={})
    np.testing.assert_array_equal(fixed.levels["hidden->hidden"], table)
    for key in ("pixels->hidden", "hidden->hidden", READOUT):
        wanted = program.ideal_values[key]
        assert np.square(program.values[key] - wanted).sum() < 0.5 * np.square(fixed.values[key] - wanted).sum()
    program.save(tmp_path / "p.safetensors")
    loaded = Program.load(tmp_path / "p.safetensors")
    assert loaded == program
    x = np.random.default_rng(1).uniform(0, 0.5, (2, 4, 8))
    as_weights = {**program.values, **dense_weights(network, program.values)}
    exact = simulate(network, Program.ideal(network, as_weights), x)
    np.testing.assert_array_equal(simulate(network, loaded, x).state, exact.state)
    np.testing.assert_array_equal(simulate(network, loaded, x).output, exact.output)
    assert np.abs(exact.output - simulate(network, fixed, x).output).max() > 1e-6


def test_a_fixed_scale_cannot_be_programmed(small):
    weights, program = random_program(small)
    np.testing.assert_array_equal(program.levels["hidden->hidden"], small.synapses["hidden->hidden"].levels)
    with pytest.raises(ProgramError, match="this table's is fixed"):
        Program.quantised(small, weights, scales={"hidden->hidden": 0.5})
    with pytest.raises(ProgramError, match="a scale is given for 'hidden->out'"):
        Program.quantised(small, weights, scales={"hidden->out": 0.5})
    network = compiled(PROGRAMMABLE)
    for scale in (0.0, 1.5, -0.5):
        with pytest.raises(ProgramError, match="it must be above 0 and at most 1"):
            Program.quantised(network, weights, scales={"hidden->hidden": scale})


def test_a_spiking_chip_takes_its_tables_as_they_stand():
    from conftest import ROOT

    text = (ROOT / "netlists" / "point-neurons-10.yaml").read_text()
    assert "efficacy: {" in text
    with pytest.raises(NetlistError, match="full_scale: is for rate neurons"):
        parse_netlist(text.replace("efficacy: {", "efficacy: {full_scale: programmable, ", 1))


def test_training_exports_the_scale_that_it_trained_with(digits):
    network = compiled(PROGRAMMABLE)
    program = train(network, digits, QUICK).program
    for key in ("pixels->hidden", "hidden->hidden", READOUT):
        slot = slots(network)[key]
        scale = best_scale(slot, program.ideal_values[key])
        np.testing.assert_allclose(program.levels[key], slot.levels * scale, rtol=1e-6)
    after = train(network, digits, BpttRecipe(epochs=2, quantise=False, train_samples=128, batch_size=32)).program
    key = "hidden->hidden"
    assert after.levels[key][-1] == pytest.approx(0.3 * best_scale(slots(network)[key], after.ideal_values[key]))
    cold = train(network, digits, BpttRecipe(epochs=1, train_samples=128)).program
    assert cold.levels[key][-1] == 0.3  # no ideal weights to fit the scale to


# --- rounding in training --------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_stochastic_rounding_is_unbiased_and_takes_neighbours(sign):
    levels = np.array([0.0, 0.1, 0.4, 1.0]) if sign < 0 else np.array([-0.5, 0.0, 0.1, 0.4])
    table = Table(Slot((7,), levels, np.full(7, sign)), torch.float64)
    inside = sign * torch.linspace(float(levels[0]), float(levels[-1]), 7, dtype=torch.float64)
    drawn = torch.tensor(np.random.default_rng(0).random((20_000, 7)))
    held = table.rounded(inside, drawn)
    error = (held.mean(0) - inside).abs()
    assert float(error.max()) < 5 * 0.3 / np.sqrt(20_000)
    for column, value in zip(held.T, inside.tolist(), strict=True):
        ordered = np.sort(sign * levels)
        below, above = ordered[ordered <= value + 1e-12].max(), ordered[ordered >= value - 1e-12].min()
        assert {round(float(v), 12) for v in column.unique()} <= {round(below, 12), round(above, 12)}
    outside = table.rounded(torch.full((7,), 9.0, dtype=torch.float64), drawn[0])
    assert float((sign * outside).unique()) == (levels[-1] if sign > 0 else levels[0])


@pytest.mark.parametrize(
    ("levels", "sign", "low", "high"),
    [((-0.3, 0.0, 0.2), 1, -0.3, 0.2), ((0.1, 0.2, 0.4), 1, 0.1, 0.4), ((0.1, 0.2, 0.4), -1, -0.4, -0.1)],
)
def test_latent_values_are_pulled_into_the_range_of_their_table(levels, sign, low, high):
    table = Table(Slot((3,), np.array(levels), np.full(3, sign)), torch.float64)
    inside = (low + high) / 2
    assert table.clamp_(torch.tensor([-9.0, inside, 9.0], dtype=torch.float64)).tolist() == [low, inside, high]


def test_stochastic_draws_depend_on_the_batch_alone_and_validation_takes_the_nearest(small):
    recipe = BpttRecipe(quantisation="stochastic")
    chip, again = TrainableChip(small, recipe), TrainableChip(small, recipe)
    chip.training_chip(True, (0, 1))
    first, same = chip.training_chip(True, (3, 2)).values, again.training_chip(True, (3, 2)).values
    other = chip.training_chip(True, (3, 3)).values
    nearest = TrainableChip(small, BpttRecipe()).values(True)
    for key in first:
        torch.testing.assert_close(first[key], same[key], rtol=0, atol=0)
        torch.testing.assert_close(chip.values(True)[key], nearest[key], rtol=0, atol=0)
    assert not torch.equal(first["hidden->hidden"], other["hidden->hidden"])
    first["hidden->hidden"].sum().backward()
    torch.testing.assert_close(chip.latent["hidden->hidden"].grad, torch.ones(18))


def test_gradual_quantisation_blends_into_the_nearest_levels(small):
    recipe = BpttRecipe(quantisation="gradual", ideal_epochs=2, epochs=4)
    chip = TrainableChip(small, recipe)
    nearest = chip.values(True)
    for epoch, share in ((2, 0.0), (3, 0.25), (5, 0.75)):
        for key, value in chip.training_chip(True, (epoch, 1)).values.items():
            expected = (1 - share) * chip.latent[key] + share * nearest[key]
            torch.testing.assert_close(value, expected)
            (gradient,) = torch.autograd.grad(value.sum(), chip.latent[key])
            torch.testing.assert_close(gradient, torch.full_like(gradient, 1 - share))
    untouched = chip.training_chip(False, (0, 1)).values
    assert all(torch.equal(untouched[key], chip.latent[key]) for key in untouched)


@pytest.mark.parametrize("method", ["gradual", "stochastic"])
@pytest.mark.parametrize("stop", [2, 4])
def test_resume_gives_the_same_program(digits, tmp_path, train_in_two_parts, method, stop):
    network = compiled(PROGRAMMABLE)
    recipe = dataclasses.replace(QUICK, quantisation=method)
    whole = train(network, digits, recipe).program
    assert whole != train(network, digits, QUICK).program.with_header(whole.header)
    assert train_in_two_parts(network, digits, recipe, tmp_path, stop).program == whole


def test_a_method_needs_quantisation():
    with pytest.raises(RecipeError, match="quantisation is 'gradual'; it has no meaning without quantise"):
        BpttRecipe(quantise=False, quantisation="gradual")
    with pytest.raises(RecipeError, match="it must be one of straight-through, gradual, stochastic"):
        BpttRecipe(quantisation="sudden")


def test_compiled_chips_say_which_scales_are_programmable(small):
    network = compile_network(route(parse_netlist(PROGRAMMABLE)))
    assert all(s.programmable_scale for k, s in slots(network).items() if not k.endswith("trim"))
    assert not any(s.programmable_scale for s in slots(small).values())
    assert not slots(network)["hidden.flux_trim"].programmable_scale


# --- calibrated rounding after training --------------------------------------------------------------------


def test_each_rounding_moves_the_values_left_to_their_best_place():
    """Against the normal equations, solved anew after every value."""
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 6))
    power = signals.T @ signals / 200
    levels = symmetric_levels(3, 1.0)
    tables = {
        "a->b": Slot((5,), levels, np.array([1.0, -1.0, 1.0, 1.0, -1.0])),
        "b.flux_trim": Slot((1,), levels, np.ones(1)),
    }
    places = [*(("a->b", (k,)) for k in range(5)), ("b.flux_trim", (0,))]
    w = rng.uniform(-0.8, 0.8, 6)
    damped = power + (1e-4 * np.trace(power) / 6 + 1e-12) * np.eye(6)
    order = [*sorted(range(5), key=lambda k: -power[k, k]), 5]
    expected, left, free = np.zeros(6), w.copy(), list(order)
    for k in order:
        expected[k] = levels[np.abs(levels - left[k]).argmin()]
        free.remove(k)
        fixed = [j for j in order if j not in free]
        if free:
            pull = damped[np.ix_(free, fixed)] @ (expected - w)[fixed]
            left[free] = w[free] - np.linalg.solve(damped[np.ix_(free, free)], pull)
    found = _round(w, power, places, tables)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    nearest = levels[np.abs(levels[:, None] - w).argmin(0)]
    assert (found - w) @ power @ (found - w) < 0.5 * (nearest - w) @ power @ (nearest - w)


@pytest.mark.parametrize("text", [SMALL, SMALL.replace("state: final", "state: mean")])
def test_calibrated_programs_keep_states_and_scores_nearer_to_the_ideal_ones(digits, text):
    network = compiled(text)
    weights = random_program(network, scale=0.1)[0]
    x = digits.train.inputs[:300]
    program = calibrated(network, weights, x)
    alone = Program.quantised(network, weights)
    signals = present(network, digits.test.inputs[:100])
    ideal, ours, theirs = (simulate(network, p, signals) for p in (alone.as_ideal(), program, alone))
    assert np.square(ours.state - ideal.state).mean() < 0.8 * np.square(theirs.state - ideal.state).mean()
    assert np.square(ours.output - ideal.output).mean() < 0.8 * np.square(theirs.output - ideal.output).mean()
    assert all(np.array_equal(program.ideal_values[k], alone.ideal_values[k]) for k in alone.ideal_values)
    held = {**alone.values, **dense_weights(network, alone.values)}  # levels stay as they are
    assert all(np.array_equal(v, alone.values[k]) for k, v in calibrated(network, held, x).values.items())


@pytest.mark.parametrize("kind", ["ff-local", "ff-recurrent", "ff-unsupervised", "bptt"])
def test_calibration_weighs_errors_by_the_signals_of_each_neuron(kind, monkeypatch):
    """H = <u u^T> over frames and samples; u is what arrives at each synapse as it is sent, and 1 for the trim."""
    network = compiled(SMALL) if kind == "bptt" else chip(kind)
    dataset = load_dataset("digits-rows" if kind == "bptt" else "digits-image")
    weights = random_program(network, seed=5, scale=0.2)[0]
    x, labels = dataset.train.inputs[:10], dataset.train.labels[:10] if network.labels else None
    seen = []

    def watched(w, power, places, tables):
        seen.append((w.copy(), power, places))
        return _round(w, power, places, tables)

    monkeypatch.setattr(sys.modules[_round.__module__], "_round", watched)
    calibrated(network, weights, x, labels)
    ideal = Program.ideal(network, weights)
    shown = present(network, x, labels)
    if labels is not None:  # with a wrong label too: each of the nine others in turn
        wrong = [(label + 1 + k % 9) % 10 for k, label in enumerate(labels)]
        shown = np.concatenate([shown, present(network, x, np.array(wrong))])
    trace = simulate(network, ideal, shown)
    sent = [normalise(trace.state[:, :, p.neurons], p.normalisation) for p in network.populations]

    def arriving(key, edge):
        synapses = network.synapses[key]
        if synapses.source is None:
            return shown[:, :, network.inputs[synapses.port].channels][:, :, synapses.sources[edge]]
        ahead = network.feed_forward and synapses.source < synapses.target
        states = sent[synapses.source][:, :, synapses.sources[edge]]
        return states[:, 1:] if ahead else states[:, :-1]

    neurons = [(k, n) for k, p in enumerate(network.populations) for n in range(p.size)]
    assert len(seen) == len(neurons) + (10 if READOUT in ideal.ideal_values else 0)
    for (index, neuron), (w, power, places) in zip(neurons, seen, strict=False):
        population = network.populations[index]
        wanted = [
            (key, (int(edge),))
            for key, s in network.synapses.items()
            if s.target == index
            for edge in np.flatnonzero(s.targets == neuron)
        ]
        trims = [(population.trim_key, (neuron,))] if population.trim_levels is not None else []
        assert places == wanted + trims
        u = np.stack([arriving(key, at[0]).ravel() for key, at in wanted] + [np.ones(shown[:, :, 0].size)] * len(trims))
        np.testing.assert_allclose(power, u @ u.T / u.shape[1], rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(w, [ideal.ideal_values[key][at] for key, at in places])
    if READOUT in ideal.ideal_values:
        output = network.output
        read = [sent[k][:, -1] if output.state == "final" else sent[k][:, 1:].mean(1) for k in output.populations]
        u = np.concatenate(read, axis=1).T
        for row, (w, power, places) in enumerate(seen[len(neurons) :]):
            assert places == [(READOUT, (row, column)) for column in range(len(u))]
            np.testing.assert_allclose(power, u @ u.T / u.shape[1], rtol=1e-6, atol=1e-9)
            np.testing.assert_array_equal(w, ideal.ideal_values[READOUT][row])


def test_calibration_fits_programmable_scales(digits):
    network = compiled(PROGRAMMABLE)
    weights, alone = random_program(network)
    with pytest.raises(DataError, match="has no label lines"):
        calibrated(network, weights, digits.train.inputs[:10], np.zeros(10, dtype=np.int64))
    program = calibrated(network, weights, digits.train.inputs[:100])
    for key, levels in alone.levels.items():
        np.testing.assert_array_equal(program.levels[key], levels)
    assert any(not np.array_equal(program.codes[k], alone.codes[k]) for k in alone.codes)


def test_training_exports_the_full_scales_that_it_saw(digits):
    """Fitted to the ideal values, as training with levels began; the values have moved since."""
    network = compiled(PROGRAMMABLE)
    recipe = BpttRecipe(epochs=2, ideal_epochs=1, train_samples=128, batch_size=32)
    program = train(network, digits, recipe).program
    scaled = [key for key, slot in slots(network).items() if slot.programmable_scale]
    assert scaled
    for key in scaled:
        slot = slots(network)[key]
        seen = slot.scaled(best_scale(slot, program.ideal_values[key]))
        np.testing.assert_array_equal(program.levels[key], seen.levels)


def test_training_calibrates_what_it_exports(digits):
    network = compiled(SMALL)
    settings = {"epochs": 2, "train_samples": 128, "batch_size": 32, "quantise": False}
    plain = train(network, digits, BpttRecipe(**settings)).program
    ours = train(network, digits, BpttRecipe(**settings, calibration_samples=100)).program
    weights = {**plain.ideal_values, **dense_weights(network, plain.ideal_values)}
    assert ours.with_header({}) == calibrated(network, weights, digits.train.inputs[:100]).with_header({})
    assert ours.with_header({}) != plain.with_header({})
    with pytest.raises(RecipeError, match="they need quantise = false"):
        BpttRecipe(calibration_samples=10)


def test_calibration_of_a_chip_with_label_lines_shows_right_and_wrong_labels(digits):
    network = compiled(LABELS)
    weights = random_program(network, scale=0.1)[0]
    x, labels = digits.train.inputs[:300], digits.train.labels[:300]
    alone, program = Program.quantised(network, weights), calibrated(network, weights, x, labels)
    for shown in (digits.test.labels[:100], (digits.test.labels[:100] + 3) % 10):
        signals = present(network, digits.test.inputs[:100], shown)
        ideal, ours, theirs = (simulate(network, p, signals).state for p in (alone.as_ideal(), program, alone))
        assert np.square(ours - ideal).mean() < 0.8 * np.square(theirs - ideal).mean()
    with pytest.raises(DataError, match="needs labels for its label lines"):
        calibrated(network, weights, x)
    settings = FFTemporalRecipe(epochs=1, train_samples=64, quantise=False, calibration_samples=50)
    trained = train(network, digits, settings).program
    held = {**trained.ideal_values, **dense_weights(network, trained.ideal_values)}
    again = calibrated(network, held, digits.train.inputs[:50], digits.train.labels[:50])
    assert trained.with_header({}) == again.with_header({})
