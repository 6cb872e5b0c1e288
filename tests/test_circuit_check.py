"""Samples as circuits beside the model, decisions at other steps: what is compared, what is refused, what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import LABELS, ROOT, SMALL, compiled
from test_program import random_weights

from soensim.circuit import Device
from soensim.commands import cli
from soensim.commands import evaluate as command
from soensim.data import Dataset
from soensim.errors import SimulationError, SoensimError
from soensim.evaluation import Evaluation, evaluate
from soensim.evaluation.circuit_check import CircuitCheck, check_circuits, plan_circuits
from soensim.evaluation.step_changes import StepChanges, compare_steps
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import Network, compile_network, refined
from soensim.program import Program
from soensim.report.model_text import circuit_text, step_text, step_warning
from soensim.report.sections.circuits import circuits_section
from soensim.report.sections.section import NotRun, Section
from soensim.routing import route
from soensim.simulation import simulate
from soensim.simulation.circuits import coupled_circuits, model_states, states_and_scores

YEAR1 = str(ROOT / "netlists" / "year1-28.yaml")
SQUIDS = SMALL.replace("squid-fit", "squid").replace("sample_tau: 200, substeps: 2", "sample_tau: 60")
LABELLED = LABELS.replace("tanh, gamma_plus: 0.2, gamma_minus: 0.2", "squid, bias_current: 1.9, beta_di: 628").replace(
    "beta_di: 628}", "beta_di: 628, gamma_minus: 1.0e-3}"
)


def quantised(network: Network, scale: float = 0.2) -> Program:
    return Program.quantised(network, random_weights(network, seed=1, scale=scale))


@pytest.fixture(scope="module")
def evaluation(digits: Dataset) -> Evaluation:
    network = compiled(SQUIDS)
    return evaluate(route(parse_netlist(SQUIDS)), quantised(network), digits, trials=1, circuit_samples=20)


def test_both_are_counted_on_the_first_samples(evaluation: Evaluation, digits: Dataset) -> None:
    network, found = refined(compiled(SQUIDS), 4), evaluation.circuit
    program = quantised(network)
    assert found is not None
    values, labels = digits.test.inputs[:20], digits.test.labels[:20]
    circuits = coupled_circuits(network, program, Device.from_technology(parse_netlist(SQUIDS).device_technology))
    states, scores = states_and_scores(network, program, values, circuits.states)
    model, model_scores = states_and_scores(network, program, values, model_states(network, program))
    answers, by_model = scores.argmax(1), model_scores.argmax(1)
    assert found.samples == 20
    assert found.accuracy == (answers == labels).mean()
    assert found.model_accuracy == (by_model == labels).mean()
    assert found.agreement == (answers == by_model).mean() > 0.7
    assert found.chi2 == pytest.approx(((states - model) ** 2).sum() / (states**2).sum())
    assert 1e-6 < found.chi2 < 0.02
    assert evaluation.as_dict()["circuit"] == found.as_dict()
    assert list(found.as_dict()) == ["samples", "accuracy", "model_accuracy", "agreement", "chi2"]


def test_scores_of_the_model_are_those_of_the_engine(digits: Dataset) -> None:
    network = compiled(SQUIDS)
    program = quantised(network)
    _, scores = states_and_scores(network, program, digits.test.inputs[:5], model_states(network, program))
    output = simulate(network, program, digits.test.inputs[:5].astype(float) * 0.5).output
    assert output is not None
    np.testing.assert_allclose(scores, output, rtol=1e-12)


def test_every_label_is_shown_to_the_circuits(digits: Dataset) -> None:
    text = LABELLED.replace("sample_tau: 1}", "sample_tau: 40}")
    network = compiled(text)
    program = quantised(network)
    plan = plan_circuits(route(parse_netlist(text)), network, program, digits.test, 3)
    found = check_circuits(plan, network, program, digits.test, lambda _: None)
    states, scores = states_and_scores(network, program, digits.test.inputs[:3], plan.circuits.states)
    assert states.shape == (10, 3, 8, 12)
    assert scores.shape == (3, 10)
    assert found.chi2 is not None
    assert found.chi2 < 0.05
    assert found.agreement > 0


def test_time_is_proportional_to_what_is_solved(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soensim.evaluation.circuit_check.usable_workers", lambda _: 2)
    network = compiled(SQUIDS)
    routed, program = route(parse_netlist(SQUIDS)), quantised(compiled(SQUIDS))

    def seconds(samples: int) -> float:
        return plan_circuits(routed, network, program, digits.test, samples).seconds

    steps, read = 8 * 300, len(network.synapses["hidden->hidden"])
    assert seconds(1) == seconds(16) == pytest.approx(8 * steps * (6 * 25e-9 + read * 0.7e-9))
    assert seconds(17) == 2 * seconds(16)
    assert str(plan_circuits(routed, network, program, digits.test, 16)) == (
        "16 samples as 6 coupled circuits, 300 steps per input sample: about 1 s"
    )


@pytest.mark.parametrize(
    ("sample_tau", "samples", "message"),
    [
        ("60", 0, "0 samples as circuits .* the test split has 360: take 1 to as many"),
        ("60", 361, "361 samples as circuits"),
        ("1.0e+7", 360, r"of 1.283e\+04 ns each; the limit is 10 min: ask for 16 or fewer"),
        ("1.0e+9", 1, r"steps per input sample: about .* h, of 1.283e\+06 ns each; .* not even one fits: shorten"),
    ],
)
def test_what_takes_too_long_is_refused(
    sample_tau: str, samples: int, message: str, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soensim.evaluation.circuit_check.usable_workers", lambda _: 2)
    text = SQUIDS.replace("sample_tau: 60", f"sample_tau: {sample_tau}").replace(
        "gamma_plus: 1.0e-3", "beta_di: 1.0e+7"
    )
    network = compiled(text.replace("gamma_minus: 5.0e-4", "gamma_minus: 1.0e-8"))
    routed = route(parse_netlist(text.replace("gamma_minus: 5.0e-4", "gamma_minus: 1.0e-8")))
    with pytest.raises(SoensimError, match=message):
        plan_circuits(routed, network, quantised(network), digits.test, samples)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("squid\n    bias_current: 1.9", "tanh", "'hidden' has the source function 'tanh', which is virtual"),
        ("size: 6\n", "size: 6\n    normalise: rms\n", "'hidden' normalises its states"),
        (
            "size: 6\n",
            "size: 6\n    temperature_k: 4.2\n",
            "'hidden' is at 4.2 K, and circuits are solved without noise",
        ),
    ],
)
def test_a_chip_without_circuits_is_refused(old: str, new: str, message: str, digits: Dataset) -> None:
    text = SQUIDS.replace(old, new)
    network = compiled(text)
    with pytest.raises(SimulationError, match=message):
        plan_circuits(route(parse_netlist(text)), network, quantised(network), digits.test, 1)


def test_light_is_refused(digits: Dataset) -> None:
    routed = route(load_netlist(str(ROOT / "netlists" / "optical-28.yaml")))
    network = compile_network(routed)
    with pytest.raises(
        SimulationError, match=r"light carries its rates, .* sample of 4.68e\+06 tau_0, .* 5 steps in each"
    ):
        plan_circuits(routed, network, quantised(network), digits.test, 1)


def test_decisions_at_other_steps_are_counted() -> None:
    answers, labels = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0])
    coarse, fine = np.array([0, 1, 0, 0]), np.array([0, 1, 2, 0])
    assert compare_steps(answers, coarse, fine, labels) == StepChanges(0.5, 0.25, 1.0)
    assert compare_steps(answers, coarse, None, labels) == StepChanges(0.5)


def test_an_evaluation_compares_three_steps(evaluation: Evaluation, digits: Dataset) -> None:
    network, program = compiled(SQUIDS), quantised(compiled(SQUIDS))
    at = {k: simulate(refined(network, k), program, digits.test.inputs.astype(float) * 0.5).output for k in (1, 4, 8)}
    answers = {k: scores.argmax(1) for k, scores in at.items() if scores is not None}
    changed = evaluation.steps.changed
    assert changed is not None
    assert changed.training == (answers[4] != answers[1]).mean() > 0
    assert changed.finer == (answers[8] != answers[4]).mean()
    assert changed.finer_accuracy == (answers[8] == digits.test.labels).mean()
    assert evaluation.as_dict()["steps"]["changed"] == {
        "training": changed.training,
        "finer": changed.finer,
        "finer_accuracy": changed.finer_accuracy,
    }


def test_a_virtual_chip_has_no_finer_step(digits: Dataset) -> None:
    network = compiled(LABELS)
    found = evaluate(route(parse_netlist(LABELS)), quantised(network, 1.0), digits, trials=1)
    assert found.steps.changed == StepChanges(0.0)
    assert step_text(found) == "1 step per input sample, as in training"


def test_a_step_that_a_chip_is_too_large_for_is_left_out(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soensim.network.sizes.MAX_SUBSTEPS", 10)
    found = evaluate(route(parse_netlist(SQUIDS)), quantised(compiled(SQUIDS)), digits, trials=1)
    assert found.steps.substeps == 8
    assert found.steps.changed is not None
    assert found.steps.changed.finer is None


def test_what_is_said(evaluation: Evaluation) -> None:
    steps = replace(evaluation.steps, changed=StepChanges(0.0125, 0.005, 0.5))
    accuracy = replace(evaluation.accuracy, quantised=0.5, quantised_training_step=0.505)
    found = replace(evaluation, steps=steps, accuracy=accuracy, circuit=CircuitCheck(36, 0.97, 0.975, 0.99, 1.4e-3))
    assert step_text(found) == (
        f"{steps.substeps} steps per input sample, 4 x finer than in training ({steps.training_substeps}); 1.25 % of "
        f"the decisions are others at the training's step; 0.5 % at {2 * steps.substeps} steps"
    )
    assert step_warning(found) == ""
    assert circuit_text(found) == (
        "36 samples as coupled circuits: 97 % right, 97.5 % with the model; 99 % of the decisions agree; chi^2 of the "
        "states 0.0014"
    )
    assert "no circuit was ever active" in circuit_text(replace(found, circuit=CircuitCheck(1, 1.0, 1.0, 1.0, None)))
    assert circuit_text(replace(found, circuit=None)) == ""
    for training, warned in ((0.512, True), (0.488, True), (0.509, False), (0.491, False)):
        one = replace(found, accuracy=replace(accuracy, quantised_training_step=training))
        assert bool(step_warning(one)) == warned
    learned = replace(found, accuracy=replace(accuracy, quantised_training_step=0.52))
    assert "learned the integrator: the accuracy changes by -2 points from the training's step" in step_warning(learned)
    coarse = replace(found, steps=replace(steps, changed=StepChanges(0.1, 0.1, 0.4)))
    assert f"changes by -10 points at {2 * steps.substeps} steps; score it with --refine 8" in step_warning(coarse)
    assert step_warning(replace(learned, accuracy=replace(accuracy, quantised_training_step=0.491))) == ""


def test_the_page_has_a_section_of_them(evaluation: Evaluation) -> None:
    found = replace(evaluation, circuit=CircuitCheck(36, 0.97, 0.975, 0.99, 1.4e-3))
    network = compiled(SQUIDS)
    section = circuits_section(SimpleNamespace(evaluation=found, network=network))  # type: ignore[arg-type]
    assert isinstance(section, Section)
    for text in ("first 36 test samples", "right, circuits", ">97 %", ">97.5 %", ">99 %", ">0.0014"):
        assert text in section.body
    none = SimpleNamespace(evaluation=replace(evaluation, circuit=None), network=network)
    assert circuits_section(none) == NotRun(  # type: ignore[arg-type]
        "what circuits answer in place of the model", "--circuit 100"
    )
    virtual = SimpleNamespace(evaluation=none.evaluation, network=compiled(LABELS))
    assert circuits_section(virtual) is None  # type: ignore[arg-type]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    given = [YEAR1, "--refine", "1", "--trials", "1", "--html", "none"]
    assert cli.run(command.main, [*given, "--circuit", "8", "--json", "-"]) == 0
    output = capsys.readouterr()
    found = json.loads(output.out)["circuit"]
    assert (found["samples"], found["model_accuracy"]) == (8, 1.0)
    assert found["accuracy"] >= 7 / 8
    assert found["agreement"] >= 7 / 8
    assert 1e-4 < found["chi2"] < 1e-2  # at the coarse step of this command
    assert "soensim: 8 samples as 28 coupled circuits, 624 steps per input sample: about 1 s" in output.err
    assert cli.run(command.main, [*given, "--circuit", "361", "--json", "none"]) == 2
    assert "the test split has 360" in capsys.readouterr().err
    virtual = [str(ROOT / "netlists" / "digits-local-60.yaml"), "--circuit", "1", "--html", "none", "--json", "none"]
    assert cli.run(command.main, virtual) == 2
    assert "which is virtual" in capsys.readouterr().err
