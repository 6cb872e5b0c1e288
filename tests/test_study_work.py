"""One run of a study: the same numbers as check, train and evaluate give, by name."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from soensim import compile_network, load_dataset, load_netlist, route
from soensim.check import check_chip
from soensim.errors import SoensimError
from soensim.evaluation import Evaluation, evaluate
from soensim.program import Program
from soensim.study.job import Question, RunMaker
from soensim.study.measures import CHECKED, MEASURES, check_path, measure_chip
from soensim.study.run import Measured
from soensim.study.work import netlist_of, work
from soensim.training import make_recipe, train

CHIP = Path(__file__).parents[1] / "netlists" / "year1-28.yaml"
RECIPE = {"epochs": 1, "ideal_epochs": 1, "train_samples": 200, "batch_size": 32}
SETTINGS = {f"recipe.{name}": value for name, value in RECIPE.items()} | {
    "evaluate.trials": 2,
    "evaluate.require": "accuracy >= 0.2",
    "evaluate.refine": 1,
}


def test_a_run_is_what_the_three_commands_do_one_after_another() -> None:
    question = Question(str(CHIP), SETTINGS, measures=("check.budget.die", "evaluate.steps.changed.training"))
    found = work(RunMaker(question).make({}, {}, 3).job)
    netlist = load_netlist(CHIP)
    routed = route(netlist)
    data = load_dataset("digits-rows")
    task = netlist.task
    assert task is not None
    recipe = make_recipe("bptt", {**task.recipe, **RECIPE, "train_seed": 3})
    result = train(compile_network(routed), data, recipe)
    scored = evaluate(routed, result.program, data, trials=2, chip_seed=6, refine=1)
    assert found["validation"] == result.history[result.epoch - 1]["validation_accuracy"]
    assert (found["ideal"], found["codes"]) == (scored.accuracy.ideal, scored.accuracy.quantised)
    assert (found["chips_mean"], found["chips_worst"]) == (scored.accuracy.chip_mean, min(scored.accuracy.chips))
    assert scored.accuracy.chip_ci95 is not None
    assert (found["chips_mean_low"], found["chips_mean_high"]) == scored.accuracy.chip_ci95
    assert found["yield"] == sum(each >= 0.2 for each in scored.accuracy.chips) / 2
    report = check_chip(netlist, today=date(2026, 1, 1))
    lines = {line.quantity: line.value for line in report.budget}
    assert found["area_mm2"] == found["check.budget.die"] == lines["die"]
    assert found["wire_mm"] == pytest.approx(lines["wire length"] * 1000)
    assert (found["passes"], found["neurons"], found["synapses"]) == (1, 28, 1008)
    assert found["use_fan_in"] == 36 / 1000
    assert found["recurrent_mm"] == pytest.approx(lines["length of hidden->hidden"] * 1000)
    assert next(iter(found)) == "validation"
    assert set(MEASURES) < set(found)


def test_a_program_is_scored_without_a_training() -> None:
    job = (
        RunMaker(Question(str(CHIP), {**SETTINGS, "program": str(CHIP.with_suffix(".safetensors"))}))
        .make({}, {}, 0)
        .job
    )
    found = work(job)
    assert "validation" not in found
    assert found["codes"] > 0.95


def test_quantities_of_the_technology_and_sizes_of_spreads_reach_the_chip() -> None:
    netlist = netlist_of(RunMaker(Question(str(CHIP), {"technology.beta_1": 2.0})).make({}, {}, 0).job)
    assert netlist.device_technology.value("beta_1") == 2.0
    assert netlist.hash != load_netlist(CHIP).hash
    settings = {**SETTINGS, "program": str(CHIP.with_suffix(".safetensors")), "evaluate.trials": 3}
    wide = work(RunMaker(Question(str(CHIP), {**settings, "evaluate.spread.flux_offset": 0.2})).make({}, {}, 0).job)
    usual = work(RunMaker(Question(str(CHIP), settings)).make({}, {}, 0).job)
    assert _number(wide["chips_mean"]) < _number(usual["chips_mean"]) - 0.1
    assert wide["codes"] == usual["codes"]


def test_a_wiring_budget_prunes_the_chip_that_is_checked_and_scored() -> None:
    settings = {**SETTINGS, "recipe.wiring_budget_mm": 60.0}
    found = work(RunMaker(Question(str(CHIP), settings)).make({}, {}, 0).job)
    assert 50 < _number(found["recurrent_mm"]) <= 60
    assert _number(found["synapses"]) < 1008 - 500
    assert (found["absent_edges"], found["passes"]) == (0, 1)


def test_an_error_is_one_of_soensim() -> None:
    job = RunMaker(Question(str(CHIP), {"projections[1].topology.kind": "random"})).make({}, {}, 0).job
    with pytest.raises(SoensimError, match="density"):
        work(job)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("evaluate.accuracy.nothing", "there is no 'nothing'; there are"),
        ("check.budget.dye", "did you mean 'die'?"),
        ("evaluate.chip.name", "is no number, but 'year1-28'"),
    ],
)
def test_a_path_that_leads_to_no_number_is_refused(scored: Evaluation, path: str, told: str) -> None:
    report = check_chip(load_netlist(CHIP), today=date.min)
    with pytest.raises(SoensimError) as refused:
        measure_chip(report, scored, [path])
    assert told in str(refused.value)


def test_names_with_dots_and_spaces_and_what_is_absent(scored: Evaluation) -> None:
    report = check_chip(load_netlist(CHIP), today=date.min)
    paths = ["check.budget.cells, of the die.value", "evaluate.yield.lower", "evaluate.accuracy.chip.each.1"]
    found = measure_chip(report, scored, paths)
    assert found[paths[0]] == next(line.value for line in report.budget if line.quantity == "cells, of the die")
    assert (found[paths[1]], found[paths[2]]) == (None, scored.accuracy.chips[1])
    nothing = replace(report, budget=())
    assert measure_chip(nothing, scored, [])["neurons"] is None


def test_without_trials_a_chip_is_checked_and_nothing_trained() -> None:
    spiking = Question(str(CHIP.with_name("point-neurons-10.yaml")), {"evaluate.trials": 0})
    found = work(RunMaker(spiking).make({}, {}, 0).job)
    assert tuple(found) == tuple(CHECKED)
    assert found["neurons"] == 10
    with pytest.raises(SoensimError, match="there is no 'evaluate'"):
        work(RunMaker(replace(spiking, measures=("evaluate.samples",))).make({}, {}, 0).job)


def test_circuits_can_be_solved_beside_the_model() -> None:
    settings = {**SETTINGS, "program": str(CHIP.with_suffix(".safetensors")), "evaluate.circuit": 4}
    found = work(RunMaker(Question(str(CHIP), settings, measures=("evaluate.circuit.samples",))).make({}, {}, 0).job)
    assert found["evaluate.circuit.samples"] == 4


def test_what_is_no_measure_is_refused_by_name() -> None:
    check_path("evaluate.x")
    for wrong in ("evaluate.", "evaluat.x", "chips_men"):
        with pytest.raises(SoensimError, match="is no measure"):
            check_path(wrong)


@pytest.fixture(scope="module")
def scored() -> Evaluation:
    program = Program.load(CHIP.with_suffix(".safetensors"))
    return evaluate(route(load_netlist(CHIP)), program, load_dataset("digits-rows"), trials=2, refine=1)


def _number(value: Measured) -> float:
    assert value is not None
    return float(value)


def test_a_study_can_score_validation_samples() -> None:
    few = {**SETTINGS, "populations.hidden.size": 3}
    measured = ("evaluate.samples",)
    split = Question(str(CHIP), {**few, "evaluate.split": "validation"}, measures=measured)
    found, usual = (work(RunMaker(q).make({}, {}, 0).job) for q in (split, Question(str(CHIP), few, measures=measured)))
    assert (found["evaluate.samples"], usual["evaluate.samples"]) == (
        *(len(getattr(load_dataset("digits-rows"), name).labels) for name in ("validation", "test")),
    )
    assert found["codes"] != usual["codes"]
    with pytest.raises(SoensimError, match=r"evaluate\.split: 'train' is not legal; it must be test or validation"):
        RunMaker(Question(str(CHIP), {"evaluate.split": "train"})).make({}, {}, 0)
