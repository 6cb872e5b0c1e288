"""What a training leaves behind: history, run folder, progress, figures, TensorBoard; optimisers that resume."""

import csv
import dataclasses
import json
import math
import sys

import numpy as np
import pytest
import torch
import yaml
from conftest import LABELS, SMALL, compiled, untimed

from soensim._runtime import compile_notice
from soensim.commands import cli
from soensim.commands.report import main as report_main
from soensim.commands.train import main as train_main
from soensim.errors import RecipeError, SoensimError
from soensim.netlist import load_netlist, parse_netlist
from soensim.program import Program
from soensim.report.figures.trainings.connection_figure import strongest
from soensim.report.runs import Run, differences, labels, load_run, load_trained
from soensim.report.training_page import training_page
from soensim.training import BpttRecipe, FFTemporalRecipe, make_recipe, progress, train
from soensim.training.history import Means, Seconds, as_csv, make_row, separations
from soensim.training.loop import Training
from soensim.training.optimise import make_optimiser, make_schedule
from soensim.training.progress import Progress
from soensim.training.result import program_row
from soensim.training.rules import predict
from soensim.training.scoring import Scores
from soensim.training.trainable_network import TrainableChip

QUICK = FFTemporalRecipe(epochs=2, ideal_epochs=1, train_samples=100, batch_size=64, sharpness=50.0)


@pytest.fixture(scope="module")
def chip():
    return compiled(LABELS)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A finished run folder, made by the command."""
    folder = tmp_path_factory.mktemp("tracking")
    (folder / "labels.yaml").write_text(LABELS)
    arguments = [str(folder / "labels.yaml"), "--rule", "ff-temporal", "--data", "digits-rows", "--run-dir"]
    arguments += [str(folder / "run"), "--epochs", "2", "--ideal-epochs", "1", "--train-samples", "100"]
    assert cli.run(train_main, [*arguments, "--figures", "--sharpness", "50"]) == 0
    return folder / "run"


# --- history ---------------------------------------------------------------------------------------------


def test_means_are_weighted_by_rows():
    means = Means()
    means.add({"loss": torch.tensor(1.0), "early": torch.tensor(5.0)}, 3)
    means.add({"loss": torch.tensor(4.0)}, 1)
    assert means.read() == {"loss": 1.75, "early": 5.0}
    assert means.read("loss") == {"loss": 1.75}


def test_separation_of_the_whole_and_of_each_population():
    found = separations(
        {"goodness_positive": 3.0, "goodness_negative": 1.0, "goodness_positive_a": 2.0, "goodness_negative_a": 2.5}
    )
    assert found == {"separation": 2.0, "separation_a": -0.5}


def test_a_row_has_the_numbers_it_is_given():
    means = {"loss": 0.5, "gradient_norm": 2.0, "goodness_positive": 3.0, "goodness_negative": 1.0}
    scores = Scores(0.75, 0.5, np.zeros(2, dtype=np.int64), {"validation_accuracy_chips": 0.25})
    seconds = Seconds(1.23456, 0.12345)
    row = make_row(3, "ideal", means, scores=scores, learning_rate=0.01, seconds=seconds)
    assert row == {
        "epoch": 3,
        "phase": "ideal",
        **means,
        "separation": 2.0,
        "train_accuracy": 0.75,
        "validation_accuracy": 0.5,
        "generalisation_gap": 0.25,
        "learning_rate": 0.01,
        "seconds_train": 1.235,
        "seconds_validation": 0.123,
        "seconds": 1.358,
        "validation_accuracy_chips": 0.25,
    }
    assert list(row)[:2] == ["epoch", "phase"]


def test_a_history_as_csv_has_the_columns_of_all_rows():
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "accuracy": 0.25, "loss": 0.125}]
    assert as_csv(rows) == "epoch,loss,accuracy\n1,0.5,\n2,0.125,0.25\n"
    assert as_csv([]) == "\n"


def test_a_row_says_what_the_epoch_found(small, digits):
    """At a vanishing step size, every number follows from the initial chip alone."""
    recipe = BpttRecipe(
        epochs=1, learning_rate=1e-30, schedule="constant", train_samples=100, batch_size=64, clip_norm=1e-6
    )
    (row,) = train(small, digits, recipe).history
    trained = TrainableChip(small, recipe)
    rule = recipe.make_rule(trained)
    nominal = trained.nominal(True)
    x, y = trained.encode(digits.train.inputs[:100]), torch.tensor(digits.train.labels[:100])
    loss = rule.loss(nominal, x, y, np.random.default_rng(0)).total
    assert row["loss"] == pytest.approx(loss.item(), rel=1e-5)  # batches of 64 and 36: weighted, not averaged
    norms = []
    for batch in np.split(np.random.default_rng(0).permutation(100), [64]):
        for tensor in (parameters := [*trained.latent.values(), *rule.extra.values()]):
            tensor.grad = None
        rule.loss(trained.nominal(True), x[batch], y[batch], np.random.default_rng(0)).total.backward()
        norms.append(float(torch.cat([p.grad.ravel() for p in parameters]).norm()))
    assert row["gradient_norm"] > 1e3 * recipe.clip_norm  # before clipping
    assert row["gradient_norm"] == pytest.approx(np.mean(norms), rel=0.2)  # over other batches
    known = (predict(rule, nominal, x) == digits.train.labels[:100]).mean()
    assert row["train_accuracy"] == known
    validation = (predict(rule, nominal, trained.encode(digits.validation.inputs)) == digits.validation.labels).mean()
    assert row["validation_accuracy"] == validation
    assert row["generalisation_gap"] == known - validation
    assert (row["phase"], row["learning_rate"]) == ("quantised", 1e-30)


def test_train_accuracy_is_of_few_samples_spread_evenly(chip, digits):
    training = Training(chip, digits, dataclasses.replace(QUICK, train_samples=0))
    assert len(training.scorer.train_rows) == digits.validation.samples == 180
    assert training.scorer.train_rows[0] == 0
    assert set(np.diff(training.scorer.train_rows)) == {6, 7}  # 1257 / 180
    assert training.scorer.train_rows[-1] > 1240


def test_train_accuracy_is_that_of_these_samples(small, digits):
    training = Training(small, digits, BpttRecipe())
    rows, nominal = training.scorer.train_rows, training.chip.nominal(True)
    assert len(rows) < digits.train.samples
    answers = predict(training.rule, nominal, training.chip.encode(digits.train.inputs[rows]))
    labels = answers.copy()
    labels[::3] = (labels[::3] + 1) % 10  # a third is wrong
    train_labels = np.zeros(digits.train.samples, dtype=np.int64)
    train_labels[rows] = labels
    known = dataclasses.replace(digits, train=dataclasses.replace(digits.train, labels=train_labels))
    assert Training(small, known, BpttRecipe()).scorer.scores(nominal).train_accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("exponential", [0.01, 0.01 * 0.5, 0.01 * 0.25]),  # a step per epoch
        ("half-linear", [0.01, 0.01 * 2 * (1 - 3 / 6), 0.01 * 2 * (1 - 5 / 6)]),  # a step per batch, of which six
    ],
)
def test_a_schedule_moves_with_epochs_or_with_batches(small, digits, schedule, rates):
    recipe = BpttRecipe(
        epochs=3, train_samples=80, batch_size=40, learning_rate=0.01, schedule=schedule, decay=0.5, quantise=False
    )
    history = train(small, digits, recipe).history
    assert [row["learning_rate"] for row in history] == pytest.approx(rates)


def test_forward_forward_history(chip, digits):
    history = train(chip, digits, QUICK).history
    assert [row["phase"] for row in history] == ["ideal", "quantised", "quantised"]
    for row in history:
        assert row["separation"] == row["goodness_positive"] - row["goodness_negative"] != 0
        assert row["seconds"] == pytest.approx(row["seconds_train"] + row["seconds_validation"], abs=2e-3)


def test_csv_leaves_open_what_a_row_does_not_have():
    assert as_csv([{"epoch": 1, "a": 0.1}, {"epoch": 2, "b": 1 / 3}]) == ("epoch,a,b\n1,0.1,\n2,,0.3333333333333333\n")


# --- optimisers and schedules ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "schedule"),
    [
        (optimiser, schedule)
        for optimiser in ("adam", "adamw", "rmsprop", "sgd")
        for schedule in ("constant", "exponential", "one-cycle", "cosine", "half-linear")
    ],
)
def test_all_resume_to_the_same_bits(chip, digits, tmp_path, train_in_two_parts, optimiser, schedule):
    recipe = dataclasses.replace(
        QUICK,
        optimiser=optimiser,
        schedule=schedule,
        momentum=0.9 if optimiser == "rmsprop" else 0.5 if schedule == "cosine" and optimiser == "sgd" else 0.0,
        keep="best",
    )
    whole = train(chip, digits, recipe, run_dir=tmp_path / "whole")
    resumed = train_in_two_parts(chip, digits, recipe, tmp_path / "cut", 2)
    assert resumed.program == whole.program
    assert untimed(resumed.history) == untimed(whole.history)
    assert resumed.epoch == whole.epoch
    rows = list(csv.DictReader((tmp_path / "cut" / "history.csv").read_text().splitlines()))
    assert [{k: repr(v) if k != "phase" else v for k, v in row.items()} for row in resumed.history] == rows


def test_quantised_epochs_may_have_a_rate_of_their_own(small, digits):
    settings = {"epochs": 1, "ideal_epochs": 1, "train_samples": 64, "schedule": "constant", "learning_rate": 0.02}
    ideal, quantised = train(small, digits, BpttRecipe(**settings, quantised_rate=0.25)).history
    assert (ideal["learning_rate"], quantised["learning_rate"]) == (0.02, 0.005)
    with pytest.raises(RecipeError, match="quantised_rate is for quantised epochs after ideal ones"):
        BpttRecipe(quantised_rate=0.5)


def rates(schedule, batches=8, **settings):
    recipe = BpttRecipe(schedule=schedule, learning_rate=1.0, **settings)
    optimiser = make_optimiser([torch.zeros(1, requires_grad=True)], recipe, recipe.learning_rate)
    plan, found = make_schedule(optimiser, recipe, batches), []
    for _ in range(batches):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        plan.step()
    return found


def test_schedules_are_their_formulas():
    assert rates("half-linear") == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    np.testing.assert_allclose(rates("cosine"), [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)], atol=1e-12)
    np.testing.assert_allclose(rates("exponential", decay=0.5), 0.5 ** np.arange(8))
    assert rates("constant") == [1.0] * 8
    cycle = rates("one-cycle")
    assert max(cycle) == pytest.approx(1.0, abs=0.1)
    assert cycle[0] < 0.1 > cycle[-1]


@pytest.mark.parametrize(
    ("optimiser", "expected"),
    [
        ("sgd", [0.9, 0.75]),  # 1 - 0.1 * 1; then the momentum 0.5 * 1 + 1
        ("rmsprop", None),
        ("adam", [0.9, 0.8]),  # a constant gradient: steps of the learning rate
        ("adamw", [0.9, 0.8]),
    ],
)
def test_an_optimiser_is_the_one_that_was_asked_for(optimiser, expected):
    value = torch.ones(1, requires_grad=True)
    settings = {"momentum": 0.5} if optimiser in ("sgd", "rmsprop") else {}
    recipe = BpttRecipe(optimiser=optimiser, learning_rate=0.1, schedule="constant", **settings)
    made, found = make_optimiser([value], recipe, recipe.learning_rate), []
    for _ in range(2):
        value.grad = torch.ones(1)
        made.step()
        found.append(float(value.detach()))
    if expected is None:  # v = 0.01 g^2, then v = 0.0199: steps of 0.1 / sqrt(v), half of the first once more
        first = 0.1 / math.sqrt(0.01)
        expected = [1 - first, 1 - first - first / 2 - 0.1 / math.sqrt(0.0199)]
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimiser": "lion"}, "optimiser is 'lion'; it must be one of adam, adamw, rmsprop, sgd"),
        ({"momentum": 0.9}, "momentum is for sgd and rmsprop; leave it out with adam"),
        ({"momentum": 1.0, "optimiser": "sgd"}, "momentum is 1.0; it must be below 1"),
        ({"keep": "first"}, "keep is 'first'; it must be one of last, best"),
    ],
)
def test_illegal_settings(settings, message):
    with pytest.raises(RecipeError) as error:
        make_recipe("bptt", settings)
    assert message in str(error.value)


def test_a_schedule_lasts_as_long_as_its_phase(small, digits):
    """100 samples in batches of 64 are two batches per epoch; a row has the rate of its last batch."""
    settings = {"train_samples": 100, "batch_size": 64, "learning_rate": 0.01, "schedule": "half-linear"}
    one = train(small, digits, BpttRecipe(epochs=3, **settings)).history
    assert [row["learning_rate"] for row in one] == pytest.approx([0.01, 0.01, 0.01 * 2 / 6])
    two = train(small, digits, BpttRecipe(epochs=1, ideal_epochs=2, quantised_rate=0.5, **settings)).history
    assert [row["learning_rate"] for row in two] == pytest.approx([0.01, 0.01 * 2 / 4, 0.005])
    falling = BpttRecipe(epochs=3, **{**settings, "schedule": "exponential"}, decay=0.5)
    rates_found = [row["learning_rate"] for row in train(small, digits, falling).history]
    assert rates_found == pytest.approx([0.01, 0.005, 0.0025])


def test_which_epoch_becomes_the_program():
    rows = [{"validation_accuracy": a, "epoch": k} for k, a in enumerate((0.9, 0.3, 0.7, 0.7, 0.5), 1)]
    for keep, ideal_epochs, epoch in (("last", 1, 5), ("best", 1, 3), ("best", 0, 1), ("best", 4, 5), ("best", 5, 5)):
        assert program_row(rows, keep=keep, ideal_epochs=ideal_epochs)["epoch"] == epoch, (keep, ideal_epochs)
    assert program_row(rows[:1], keep="best", ideal_epochs=1)["epoch"] == 1


def test_the_best_epoch_becomes_the_program(chip, digits):
    """Under a constant rate, the best of five epochs is the last of a shorter training."""
    recipe = dataclasses.replace(
        QUICK, epochs=5, ideal_epochs=0, schedule="constant", learning_rate=0.3, train_samples=300
    )
    plain = train(chip, digits, recipe)
    accuracies = [row["validation_accuracy"] for row in plain.history]
    best = 1 + accuracies.index(max(accuracies))
    assert best < 5, "choose settings that overshoot"
    kept = train(chip, digits, dataclasses.replace(recipe, keep="best"))
    assert (plain.epoch, kept.epoch) == (5, best)
    shorter = train(chip, digits, dataclasses.replace(recipe, epochs=best))
    assert kept.program.with_header({}) == shorter.program.with_header({})
    assert kept.program.with_header({}) != plain.program.with_header({})
    assert kept.program.header["results"] == {"validation_accuracy": max(accuracies), "epoch": best}


# --- threads, progress -----------------------------------------------------------------------------------


def test_threads_hold_while_it_trains(chip, digits, monkeypatch):
    before, seen = torch.get_num_threads(), []
    epoch = Training._epoch
    monkeypatch.setattr(Training, "_epoch", lambda self, n: (seen.append(torch.get_num_threads()), epoch(self, n))[1])
    train(chip, digits, dataclasses.replace(QUICK, epochs=1, ideal_epochs=0), threads=before + 1)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    with pytest.raises(RecipeError, match="threads is 0; it must be 1 or more"):
        train(chip, digits, QUICK, threads=0)
    with pytest.raises(RecipeError, match="resume needs the run folder to go on from"):
        train(chip, digits, QUICK, resume=True)


def test_progress_is_a_line_per_epoch_where_there_is_no_terminal(chip, digits, capsys):
    train(chip, digits, QUICK, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/3 ideal", "epoch 2/3 quantised", "epoch 3/3 quantised"]
    assert all(word in lines[0] for word in ("loss 0.", "train ", "validation ", "samples/s", " left"))
    assert lines[2].endswith("00:00 left")
    train(chip, digits, QUICK)
    assert capsys.readouterr().err == ""


@pytest.fixture
def clock(monkeypatch):
    """A clock that tells the time which is put into it."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_a_line_tells_the_rate_and_the_time_left(capsys, clock):
    """Of a resumed training: 2 of 10 epochs were behind it, 2 more took 40 s, so that 6 take 120 s."""
    row = {"epoch": 4, "phase": "ideal", "loss": 0.123456, "train_accuracy": 0.875, "validation_accuracy": 0.75}
    with Progress(10, 2, 5000, shown=True) as shown:
        clock[0] += 40.0
        shown.end({**row, "seconds_train": 2.5})
        clock[0] += 20.0
        shown.end({**row, "epoch": 10, "seconds_train": 0.0})
    first, last = capsys.readouterr().err.splitlines()
    accuracies = "train 87.5%, validation 75.0%"
    assert first == f"epoch 4/10 ideal: loss 0.1235, {accuracies}, 2,000 samples/s, 02:00 left"
    assert last == f"epoch 10/10 ideal: loss 0.1235, {accuracies}, 5,000,000 samples/s, 00:00 left"
    with Progress(10, 2, 5000, shown=False) as shown:
        shown.end({**row, "seconds_train": 2.5})
    assert capsys.readouterr().err == ""


def test_a_bar_starts_where_a_resumed_training_does_and_looks_at_the_loss_now_and_then(capsys, monkeypatch):
    """Each look waits for the device: every twentieth batch."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    means = Means()
    means.add({"loss": torch.tensor(0.25)}, 4)
    looks = []
    monkeypatch.setattr(means, "read", lambda name: looks.append(shown._bar.n) or {name: 0.25})
    with Progress(5, 2, 400, shown=True) as shown:
        assert (shown._bar.total, shown._bar.initial) == (2000, 800)
        shown.begin(3, "quantised")
        for _ in range(100):
            shown.batch(4, means)
        assert (shown._bar.n, shown._bar.postfix) == (1200, "loss 0.25")
        assert looks == [800 + 4 * (20 * k - 1) for k in range(1, 6)]
        shown.end({"train_accuracy": 0.5, "validation_accuracy": 0.25, "loss": 0.75})
        assert shown._bar.postfix == "loss 0.75, train 50.0%, validation 25.0%"
    printed = capsys.readouterr().err
    assert "epoch 3/5 quantised" in printed.split("\r")[-1]
    assert "\n" not in printed.rstrip("\n")  # a bar, not lines


def test_the_first_batch_ends_what_is_told_of_the_compiler():
    """It needs all kernels: their time is told before the epoch is over."""
    told = []
    with compile_notice.compile_notice(told.append, "30 s"):
        compile_notice.compilation_starts()
        compile_notice.compilation_ends()
        with Progress(1, 0, 8, shown=False) as shown:
            assert len(told) == 1
            shown.batch(4, Means())
            assert "kernels compiled in" in told[1]
            shown.batch(4, Means())
    assert len(told) == 2


def test_progress_is_a_bar_on_a_terminal(chip, digits, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train(chip, digits, QUICK, progress=True)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "epoch 3/3 quantised 100%" in last
    assert "00:00 left" in last
    assert "samples/s, loss 0." in last


# --- the run folder --------------------------------------------------------------------------------------


def test_a_run_folder_explains_itself(run_dir):
    text = (run_dir / "recipe.yaml").read_text()
    assert text.startswith("# settings of rule ff-temporal: soensim train CHIP --rule ff-temporal")
    program = Program.load(run_dir / "program.safetensors")
    again = make_recipe("ff-temporal", yaml.safe_load(text))
    assert again.as_dict() == program.header["recipe"]
    assert load_netlist(run_dir / "netlist.yaml") == parse_netlist(LABELS)
    told = json.loads((run_dir / "run.json").read_text())
    assert told["netlist_hash"] == program.netlist_hash
    assert told["samples"] == {"train": 100, "train_accuracy": 100, "validation": 180}
    assert told["command"] == program.header["command"]
    assert set(told["versions"]) == {"python", "soensim", "torch", "numpy"}
    assert told["seeds"] == {"train_seed": 0, "data_seed": 0}
    assert (told["netlist"], told["substeps"], told["threads"], told["device"]) == ("labels", 1, 1, "cpu")
    assert told.keys() - program.header.keys() == {"netlist_hash", "samples", "netlist_file"}  # the rest is in both
    assert len(json.loads((run_dir / "history.json").read_text())) == 3
    assert (run_dir / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert not list(run_dir.glob(".*"))


# --- figures ---------------------------------------------------------------------------------------------


def run_of(name, text=LABELS, accuracy=0.5, **settings):
    recipe = {**QUICK.as_dict(), **settings}
    rows = [{"epoch": k, "phase": "quantised", "validation_accuracy": accuracy + k / 100} for k in (1, 2, 3)]
    return Run(name, {"recipe": recipe, "data": {"name": "d", "data_seed": 0}}, rows, parse_netlist(text))


def test_a_sweep_names_what_differs():
    sparse = LABELS.replace(
        "target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}\ntiming",
        "target: hidden, topology: {kind: random, density: 0.5, seed: 1}, efficacy: {bits: 4, range: 2.0}}\ntiming",
    ).replace("name: labels", "name: sparse")
    assert sparse.count("random") == 1
    slow = LABELS.replace("gamma_minus: 0.2", "gamma_minus: 0.1")
    assert labels([run_of("a", recurrent_gain=0.1), run_of("b", recurrent_gain=0.0)]) == [
        "recurrent_gain 0.1",
        "recurrent_gain 0",
    ]
    assert differences([run_of("a"), run_of("b", slow)]) == [{"gamma_minus": 0.2}, {"gamma_minus": 0.1}]
    assert labels([run_of("a"), run_of("b", sparse)]) == ["kind all-to-all", "kind random, density 0.5"]
    assert labels([run_of("a", train_seed=0), run_of("b", train_seed=1)]) == ["train_seed 0", "train_seed 1"]
    seeds = [run_of("a", margin=0.1), run_of("b", train_seed=1, margin=0.2)]
    assert labels(seeds) == ["margin 0.1", "margin 0.2"]


def test_the_epoch_that_counts():
    run = run_of("a", keep="best", ideal_epochs=1)
    run.history[0]["validation_accuracy"] = 0.9  # not quantised yet
    run.history[1]["validation_accuracy"] = 0.8
    assert (run.epoch, run.accuracy) == (2, 0.8)
    assert run_of("a", keep="last").epoch == 3


def test_strongest_connections(run_dir):
    network, program = load_trained(load_run(run_dir))
    names, values = strongest(network, program, "label->hidden", count=5)
    dense = np.zeros((12, 10))
    edges = network.synapses["label->hidden"]
    dense[edges.targets, edges.sources] = program.values["label->hidden"]
    assert np.abs(values[-1]) >= np.sort(np.abs(dense).ravel())[-5]
    for name, value in zip(names, values, strict=True):
        source, target = (int(part.split("[")[1].split("]")[0]) for part in name.split(" → "))
        assert dense[target, source] == value
        assert name.startswith("label[")


def test_page_shows_the_training(run_dir):
    page = training_page(run_dir)
    assert page == (run_dir / "report.html").read_text()
    for text in ("generalisation gap", "separation", "learning rate", "20 strongest connections", "hidden → hidden"):
        assert text in page


@pytest.mark.parametrize(
    "extra",
    [
        ["--out", "f.png"],
        ["--out", "f.svg", "--figure", "connections"],
        ["--out", "f.png", "--figure", "efficacies", "--projection", "label->hidden"],
    ],
)
def test_report_command(run_dir, tmp_path, monkeypatch, capsys, extra):
    monkeypatch.chdir(tmp_path)
    assert cli.run(report_main, [str(run_dir), *extra, "--json", "-"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["runs"][0]["epochs"] == 3
    assert answer["runs"][0]["validation_accuracy"] == load_run(run_dir).history[-1]["validation_accuracy"]
    assert (tmp_path / extra[1]).stat().st_size > 5000


def test_report_command_shows_several_runs(run_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(report_main, [str(run_dir), str(run_dir), "--out", "f.html"]) == 0
    assert capsys.readouterr().out.count("validation accuracy") == 2
    assert "2 runs" in (tmp_path / "f.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere/run.json: no such file; give a run folder"),
        (["RUN", "RUN"], "several runs need a place for what they show"),
        (
            ["RUN", "--out", "x.pdf"],
            "--out: x.pdf is not legal; it must end in .html (a page), .png or .svg (a figure)",
        ),
        (["RUN", "--out", "no/x.png"], "the folder no does not exist"),
        (["RUN", "--out", "x.html", "--figure", "curves"], "--figure and --projection are for .png and .svg"),
        (
            ["RUN", "--out", "x.png", "--projection", "a->b"],
            "--projection is for --figure efficacies and connections; curves has none",
        ),
        (["RUN", "--out", "x.png", "--figure", "connections", "--projection", "a->b"], "has no projection 'a->b'"),
        (["RUN", "RUN", "--out", "x.png", "--figure", "curves"], "--figure curves shows one run, not 2"),
    ],
)
def test_report_answers_bad_input_with_one_line(run_dir, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert cli.run(report_main, [str(run_dir) if a == "RUN" else a for a in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("soensim: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# --- TensorBoard -----------------------------------------------------------------------------------------


def test_tensorboard_reads_back_what_was_found(small, digits, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.util.tensor_util import make_ndarray

    from soensim.report.tensorboard import TensorBoard

    recipe = BpttRecipe(epochs=2, train_samples=64, batch_size=64)
    seen = []

    def both(row, values, answered):
        seen.append((row, values, answered))
        board(row, values, answered)

    board = TensorBoard(tmp_path, digits, recipe.as_dict())
    train(small, digits, recipe, watch=both)
    row, values, answered = seen[1]
    board = TensorBoard(tmp_path, digits, recipe.as_dict())  # as after an interruption: epoch 2 once more
    board({**row, "loss": 7.0}, values, answered)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}, tensor_size_guidance={"images": 0})
    events.Reload()

    def scalars(tag):
        return [(e.step, float(make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)]

    assert scalars("loss/all") == [(1, pytest.approx(seen[0][0]["loss"])), (2, 7.0)]
    assert scalars("accuracy/validation")[1] == (2, pytest.approx(row["validation_accuracy"]))
    assert scalars("optimiser/learning_rate")[0] == (1, pytest.approx(seen[0][0]["learning_rate"]))
    assert {"seconds/train", "seconds/evaluation", "accuracy/train"} <= set(events.Tags()["tensors"])
    truth = digits.validation.labels
    for k in range(10):
        assert scalars(f"class/{k}")[1][1] == pytest.approx((answered[truth == k] == k).mean())
    histogram = make_ndarray(events.Tensors("efficacies/hidden->hidden")[1].tensor_proto)
    assert histogram[:, 2].sum() == 18  # left, right, count
    assert histogram[0, 0] == pytest.approx(values["hidden->hidden"].min())
    for tag in ("validation/samples", "validation/confusion"):
        image = events.Tensors(tag)[1]
        assert image.step == 2
        width, height, png = make_ndarray(image.tensor_proto)
        assert png.startswith(b"\x89PNG")
        assert min(int(width), int(height)) > 100
    metadata = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    parameters = HParamsPluginData.FromString(metadata).session_start_info.hparams
    assert parameters["learning_rate"].number_value == recipe.learning_rate
    assert parameters["rule"].string_value == "bptt"


def test_tensorboard_says_what_to_install(digits, tmp_path, monkeypatch):
    from soensim.report.tensorboard import TensorBoard

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(SoensimError, match=r"pip install 'soensim\[tensorboard\]'"):
        TensorBoard(tmp_path / "tb", digits, {})
    (tmp_path / "small.yaml").write_text(SMALL)
    arguments = [str(tmp_path / "small.yaml"), "--rule", "bptt", "--data", "digits-rows", "--tensorboard", "tb"]
    assert cli.run(train_main, [*arguments, "--run-dir", str(tmp_path / "run")]) == 2
    assert not (tmp_path / "run").exists()
