"""Scores: counted by hand, on the right split, independent of the batch; intervals against published formulas."""

import dataclasses
import inspect
import json

import numpy as np
import pytest
import scipy.stats
from conftest import LABELS, SMALL, compiled
from test_program import random_weights

from soensim.data import load_dataset
from soensim.errors import DataError, ProgramError, SimulationError, SoensimError
from soensim.evaluation import evaluate, evaluate_network, predict, score
from soensim.evaluation.statistics import mean_interval, proportion_interval, trials_without_failure
from soensim.evaluation.summary import summarise_chip
from soensim.netlist import parse_netlist
from soensim.network import compile_network, present
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import class_scores, goodness, simulate


@pytest.fixture(scope="module")
def program(small):
    ideal = random_weights(small, seed=8, scale=0.3)  # others than the codes stand for, so that they cannot be confused
    # weights that answer with several classes: with one alone every chip would score alike
    return Program.quantised(small, random_weights(small, seed=1, scale=0.2), ideal=ideal)


@pytest.fixture(scope="module")
def evaluation(small_netlist, program, digits):
    return evaluate(route(small_netlist), program, digits, trials=3, chip_seed=5)


def hand_count(network, program, digits, **options):
    x = present(network, digits.test.inputs)
    answers = simulate(network, program, x, **options).output.argmax(1)
    return float((answers == digits.test.labels).mean()), answers


def test_accuracies_are_counted_on_the_test_split(evaluation, program, digits):
    fine = compiled(SMALL, refine=4)
    accuracy = evaluation.accuracy
    assert evaluation.samples == 360
    assert accuracy.quantised == hand_count(fine, program, digits)[0]
    assert accuracy.ideal != accuracy.quantised
    assert accuracy.ideal == hand_count(fine, program.as_ideal(), digits)[0]
    assert accuracy.quantised_training_step == hand_count(compiled(SMALL), program, digits)[0]
    by_hand = tuple(hand_count(fine, program, digits, chip_seed=k)[0] for k in (5, 6, 7))
    assert accuracy.chips == by_hand
    assert accuracy.chip_mean == pytest.approx(np.mean(by_hand))
    assert evaluation.seeds.chip_seeds == (5, 6, 7)
    steps = evaluation.steps
    assert (steps.training_substeps, steps.substeps, steps.refine) == (2, 8, 4)


def test_choices_between_chips_are_made_on_validation_samples(small, small_netlist, program, digits):
    found = evaluate_network(
        route(small_netlist), small, program, digits, chip_seeds=(5,), refine=1, split="validation"
    )
    labels, inputs = digits.validation.labels, digits.validation.inputs
    answers = class_scores(small, program, inputs).argmax(1)
    assert found.samples == len(labels)
    assert found.accuracy.quantised == (answers == labels).mean()
    assert found.confusion.sum() == len(labels)
    assert found.accuracy.chips == ((class_scores(small, program, inputs, chip_seed=5).argmax(1) == labels).mean(),)
    none = dataclasses.replace(
        digits, validation=dataclasses.replace(digits.validation, labels=labels[:0], indices=labels[:0])
    )
    with pytest.raises(DataError, match="'digits-rows' has no validation samples to score"):
        evaluate_network(route(small_netlist), small, program, none, split="validation")


def test_confusion_and_classes(evaluation, program, digits):
    answers = hand_count(compiled(SMALL, refine=4), program, digits)[1]
    for true in range(10):
        of_class = digits.test.labels == true
        assert evaluation.per_class[true] == pytest.approx((answers[of_class] == true).mean())
        for answered in range(10):
            assert evaluation.confusion[true, answered] == (answers[of_class] == answered).sum()


def test_the_chip_is_described(evaluation, small):
    chip = evaluation.chip
    assert (chip.name, chip.neurons, chip.inputs, chip.synapses, chip.bits) == ("small", 6, 8, 66, 4)
    assert chip.hash == small.netlist_hash
    assert [(p.projection, p.synapses, p.possible) for p in chip.projections] == [
        ("pixels->hidden", 48, 48),
        ("hidden->hidden", 18, 36),
    ]
    assert not chip.virtual


def test_the_levels_in_use_are_counted(evaluation, program):
    chip = evaluation.chip
    for key, use in [*((p.projection, p.use) for p in chip.projections), ("readout", chip.readout)]:
        codes, levels = program.codes[key], program.levels[key]
        assert use.levels_in_use == len(set(codes.ravel().tolist()))
        assert use.zero == pytest.approx(np.isin(codes, np.flatnonzero(levels == 0)).mean())
    assert {p.use.levels_in_use for p in chip.projections} != {15}


def test_json_form(evaluation, small, digits):
    plain = evaluation.as_dict()
    assert plain["accuracy"]["chip"]["trials"] == 3
    low, high = plain["accuracy"]["chip"]["ci95"]
    assert low < plain["accuracy"]["chip"]["mean"] < high
    assert np.array(plain["confusion"]).sum() == plain["samples"] == 360
    assert list(plain) == [f.name.removeprefix("chip_") for f in dataclasses.fields(evaluation)]
    assert json.loads(json.dumps(plain)) == plain
    assert plain["seeds"] == {"chip_seeds": [5, 6, 7], "read_seed": None}
    assert plain["light"] is None
    assert plain["data"] == {"name": "digits-rows", "data_seed": 0, "fingerprint": digits.fingerprint}
    assert plain["spreads"] == dict(evaluation.spreads) == dict(small.spreads)
    assert [row["name"] for row in plain["touched"]] == [t.name for t in evaluation.touched]
    assert {row["name"] for row in plain["touched"]} == {name for name, size in small.spreads.items() if size}
    projection = ["projection", "topology", "synapses", "possible", "levels", "bits", "levels_in_use", "zero"]
    assert [list(row) for row in plain["chip"]["projections"]] == [projection] * 2
    assert list(plain["chip"]["readout"]) == ["levels_in_use", "zero"]


def test_an_evaluation_cannot_be_changed(evaluation):
    hash(evaluation.chip), hash(evaluation.data), hash(evaluation.steps), hash(evaluation.spreads)
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.steps.refine = 1
    with pytest.raises(ValueError, match="read-only"):
        evaluation.confusion[0, 0] = 1


def test_the_old_name_of_chip_seed(small_netlist, program, digits):
    routed = route(small_netlist)
    with pytest.warns(DeprecationWarning, match=r"seed= is deprecated; write chip_seed="):
        old = evaluate(routed, program, digits, trials=1, seed=5)
    assert old.as_dict() == evaluate(routed, program, digits, trials=1, chip_seed=5).as_dict()
    with pytest.raises(SoensimError, match="was given seed and chip_seed"):
        evaluate(routed, program, digits, trials=1, seed=5, chip_seed=5)


def test_the_chip_is_compiled_once(small_netlist, program, digits, monkeypatch):
    compiled_chips = []

    def counting(*arguments, **options):
        compiled_chips.append(arguments)
        return compile_network(*arguments, **options)

    monkeypatch.setattr(score, "compile_network", counting)
    evaluate(route(small_netlist), program, digits, trials=1)
    assert len(compiled_chips) == 1


def test_answers_of_a_fabricated_chip_are_its_own(program, digits):
    network = compiled(SMALL)
    nominal, answers = (predict(network, program, digits.test, chip_seed=seed) for seed in (None, 5))
    assert (answers == hand_count(network, program, digits, chip_seed=5)[1]).all()
    assert (answers != nominal).any()


def test_ten_chips_by_default():
    assert inspect.signature(evaluate).parameters["trials"].default == 10
    assert inspect.signature(evaluate).parameters["chip_seed"].default == 0


@pytest.mark.parametrize(("bits", "stated"), [((4, 4), 4), ((3, 4), (3, 4)), ((None, None), None)])
def test_the_summary_states_the_bits_of_the_projections(bits, stated):
    first, second = ("{levels: [-0.3, 0, 0.3]}" if n is None else f"{{bits: {n}, range: 0.3}}" for n in bits)
    old = "efficacy: {bits: 4, range: 0.3}"
    text = SMALL.replace(old, f"efficacy: {first}", 1).replace(old, f"efficacy: {second}", 1)
    network = compiled(text)
    summary = summarise_chip(parse_netlist(text), network, Program.quantised(network, random_weights(network)))
    assert summary.bits == stated
    assert tuple(projection.bits for projection in summary.projections) == bits


def test_goodness_readout_tries_every_label(digits):
    network = compiled(LABELS)
    program = Program.quantised(network, random_weights(network, scale=1.0))
    answers = predict(network, program, digits.test)
    x = digits.test.inputs
    scores = np.stack(
        [
            goodness(simulate(network, program, present(network, x, np.full(len(x), label))).state[:, 1:]).sum(1)
            for label in range(10)
        ],
        1,
    )
    np.testing.assert_array_equal(answers, scores.argmax(1))
    assert len(set(answers.tolist())) > 1


def test_virtual_chips_are_scored_at_their_own_step(digits):
    network = compiled(LABELS)
    program = Program.quantised(network, random_weights(network, scale=1.0))
    result = evaluate(route(parse_netlist(LABELS)), program, digits, trials=1)
    assert result.steps.refine == 1
    assert result.accuracy.chip_ci95 is None
    assert result.chip.virtual


def test_an_answer_does_not_depend_on_the_samples_beside_it(small, program, digits):
    whole = class_scores(small, program, digits.test.inputs, chip_seed=0)
    part = class_scores(small, program, digits.test.inputs[100:107], chip_seed=0)
    np.testing.assert_array_equal(part, whole[100:107])


def test_class_scores_are_those_of_the_simulation(small, program, digits):
    """Both kinds of readout, against one simulation per sample set and label."""
    x = digits.test.inputs[:9]
    output = simulate(small, program, present(small, x), chip_seed=1).output
    np.testing.assert_allclose(class_scores(small, program, x, chip_seed=1), output, rtol=0, atol=1e-12)
    labels = compiled(LABELS)
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(0, 0.5, s.shape) for key, s in labels.synapses.items()}
    ideal = Program.ideal(labels, weights)
    expected = [
        goodness(simulate(labels, ideal, present(labels, x, np.full(9, k))).state[:, 1:]).sum(1) for k in range(10)
    ]
    np.testing.assert_allclose(class_scores(labels, ideal, x), np.stack(expected, 1), rtol=1e-6)


def test_a_test_split_that_training_saw_is_refused(small_netlist, program, digits):
    header = {"data": {"name": digits.name, "data_seed": 0, "fingerprint": digits.fingerprint}}
    trained = program.with_header(header)
    evaluate(route(small_netlist), trained, digits, trials=1)
    with pytest.raises(DataError, match=r"\(data_seed 1\) is not the one that the program's training left out"):
        evaluate(route(small_netlist), trained, load_dataset("digits-rows", data_seed=1), trials=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 0}, SoensimError, "trials is 0; at least one chip is needed"),
        ({"chip_seed": -1}, SoensimError, "chip_seed is -1"),
        ({"refine": 0}, SimulationError, "refine is 0"),
    ],
)
def test_illegal_options(small_netlist, program, digits, options, error, message):
    with pytest.raises(error, match=message):
        evaluate(route(small_netlist), program, digits, **options)


@pytest.mark.parametrize(("trials", "interval"), [(1, False), (2, True)])
def test_two_chips_have_an_interval_and_one_has_none(small_netlist, program, digits, trials, interval):
    accuracy = evaluate(route(small_netlist), program, digits, trials=trials, refine=1).accuracy
    assert accuracy.chip_ci95 == (mean_interval(accuracy.chips) if interval else None)


def test_usual_settings_of_a_score():
    """What `evaluate` does where nothing is said: ten chips from the seed 0, SQUIDs at a quarter of the step."""
    defaults = {name: one.default for name, one in inspect.signature(evaluate).parameters.items()}
    assert (defaults["trials"], defaults["chip_seed"], defaults["read_seed"], defaults["refine"]) == (10, 0, 0, None)
    assert (score.REFINE_SQUID, score.MOST_COUNTED) == (4, 32)
    for function in (score.evaluate_network, predict, class_scores):
        assert inspect.signature(function).parameters["read_seed"].default == 0


def test_what_does_not_fit(program, digits):
    with pytest.raises(ProgramError, match="train one for this netlist"):
        evaluate(route(parse_netlist(SMALL.replace("seed: 3", "seed: 4"))), program, digits)
    for text, message in (
        (SMALL.split("readout:")[0], "has no readout"),
        (SMALL.replace("classes: 10", "classes: 9"), "has 10 classes, the readout of chip 'small' has 9"),
        (SMALL.replace("size: 8", "size: 9"), "has 8 channels, chip 'small' has 9"),
    ):
        network = compiled(text)
        other = Program.quantised(network, random_weights(network))
        with pytest.raises(DataError, match=message):
            evaluate(route(parse_netlist(text)), other, digits)


@pytest.mark.parametrize("successes", [0, 1, 200, 346, 360])
def test_wilson_interval(successes):
    expected = scipy.stats.binomtest(successes, 360).proportion_ci(0.95, method="wilson")
    assert proportion_interval(successes, 360) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_student_interval():
    values = [0.8, 0.82, 0.87]
    expected = scipy.stats.t.interval(0.95, 2, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)
    assert mean_interval([0.9, 1.0])[1] == 1.0
    assert mean_interval([0.0, 0.1])[0] == 0.0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_trials_without_failure_are_the_fewest_whose_interval_lies_above(share):
    n = trials_without_failure(share)
    assert proportion_interval(n, n)[0] >= share > proportion_interval(n - 1, n - 1)[0]
