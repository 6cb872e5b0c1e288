"""The verdict in words: what such chips answer, what an answer costs, what limits it; only from what was measured."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from soensim.budget import CostLine
from soensim.circuit.model_validity import VALID_BELOW
from soensim.evaluation import Evaluation
from soensim.evaluation.requirement import Yield
from soensim.report import cost_rows, formatting
from soensim.report.analysis_rows import limits
from soensim.report.sections.chips_yield import all_reach
from soensim.report.sections.model import states_off
from soensim.report.sections.section import NotRun, Subject


def verdict(subject: Subject) -> list[tuple[str, str]]:
    """Return questions with their answers, a few sentences each, from this run alone; commands are in backquotes."""
    evaluation = subject.evaluation
    return [
        ("Feasible?", _feasible(subject)),
        ("How good?", _good(evaluation)),
        *([("At what cost?", cost)] if (cost := _cost(evaluation)) else []),
        ("What limits it?", _limits(evaluation)),
        *([("How sure is it?", sure)] if (sure := _sure(subject)) else []),
    ]


def design_rules(subject: Subject) -> NotRun:
    """Say what finds broken design rules: it is another command."""
    return NotRun("design rules", f"soensim check {shlex.quote(subject.provenance.chip_file)}")


def _feasible(subject: Subject) -> str:
    evaluation, said = subject.evaluation, []
    if evaluation.chip.virtual:
        said.append(
            "Not as hardware: a source function is virtual, no known circuit has it. Read the result as a yardstick of "
            "learning."
        )
    found = evaluation.chip_yield
    if found is not None and not evaluation.chip.virtual:
        said.append(_required(found))
    elif found is None and not evaluation.chip.virtual:
        said.append("Open: nothing was required of the chips, as `--require 'accuracy >= 0.93'` does.")
    absent = sum(len(p.absences) for p in subject.routed.projections.values())
    if absent:
        said.append(f"{absent:,} of the edges asked for have no route and do not exist; the score is without them.")
    if subject.routed.layout is None:
        said.append("The chip is not laid out: that its edges can be routed is not known.")
    return " ".join(said)


def _required(found: Yield) -> str:
    if found.of_these:
        failed = found.trials - found.passed
        return (
            f"Yes, for {found.require}: all measured chips reach it."
            if found.met
            else f"Not for {found.require}: {failed} of {found.trials} measured chips do not reach it."
        )
    share = f"{100 * found.share:.4g} %"
    return (
        f"Yes, for {found.require}: the required yield of {share} is shown."
        if found.met
        else f"Not shown for {found.require}: the required yield of {share} is not met."
    )


def _good(evaluation: Evaluation) -> str:
    chips, samples, found = evaluation.accuracy.chips, evaluation.samples, evaluation.chip_yield
    where = f"{samples:,} {evaluation.data.name} test samples"
    if found is not None and found.of_these:
        return f"{found.passed} of {found.trials} measured chips reach {found.require} on {where}; others may differ."
    if found is not None:
        drawn = "measured" if evaluation.measured else "drawn"
        low, high = int(100 * found.lower), -int(-100 * found.upper // 1)
        return (
            f"Of 100 such chips {round(100 * found.passed / found.trials)} reach {found.require} on {where} ({low} to "
            f"{high} with 95 % confidence: {found.passed} of {found.trials} {drawn}); on fresh samples "
            f"{round(100 * found.fresh)} are expected to."
        )
    if len(chips) > 1:
        reach = all_reach(evaluation)
        return f"On {where}: {reach[0].lower()}{reach[1:]}"
    reached = f"{formatting.percent(chips[0], samples)} %"
    return f"The one {formatting.chip_word(evaluation)} chip answers {reached} of {where} right."


def _cost(evaluation: Evaluation) -> str:
    cost = evaluation.cost
    if cost is None:
        return ""
    least = "at least " if cost.latency_ns is None else ""
    said = f"An answer takes {least}{cost_rows.latency_text(cost.latency_at_least_ns)}"
    missing = _not_known(cost.energy)
    known = [line for line in cost.energy if line.value and line.name != "cooling"]
    if not known:
        if cost.latency_ns is None:
            said += f" (not known: {_not_known(cost.latency)})"
        return f"{said}; its energy is not known{f': {missing} (see below)' if missing else ''}."
    missing = ", ".join(filter(None, (_not_known(cost.latency), missing)))
    least = "at least " if cost.energy_aj is None else ""
    largest = cost_rows.cost_label(max(known, key=_value))
    return (
        f"{said} and {least}{cost_rows.energy_text(cost.energy_at_least_aj)} with cooling; before cooling, most of "
        f"what is known goes into {largest}.{f' Not known: {missing} (see below).' if missing else ''}"
    )


def _not_known(lines: Iterable[CostLine]) -> str:
    """Name the lines without a value; cooling follows from the others."""
    return ", ".join(cost_rows.cost_label(line) for line in lines if line.value is None and line.name != "cooling")


def _value(line: CostLine) -> float:
    return line.value or 0.0


def _limits(evaluation: Evaluation) -> str:
    accuracy, decimals = evaluation.accuracy, formatting.digits(evaluation.samples) + 1
    missed = 1 - accuracy.chip_mean
    if missed == 0:
        return " ".join(["Nothing: the mean chip misses no sample.", *limits(evaluation)])
    chips = "the deviations of the measured chips" if evaluation.measured else "the spreads of fabrication"
    parts = {
        "the ideal weights, before any effect of the chip": 1 - accuracy.ideal,
        "the few-bit codes": accuracy.ideal - accuracy.quantised,
        chips: accuracy.quantised - accuracy.chip_mean,
    }
    lost = ", ".join(f"{100 * part:.{decimals}f} by {name}" for name, part in parts.items() if part > 0)
    gained = ", ".join(f"{name} gain {-100 * part:.{decimals}f}" for name, part in parts.items() if part < 0)
    said = f"The mean chip misses {100 * missed:.{decimals}f} points: {lost}{f'; {gained}' if gained else ''}."
    return " ".join([said, *limits(evaluation)])


def _sure(subject: Subject) -> str:
    """Say how far the model was compared with circuits, and what the spreads are."""
    evaluation, found, said = subject.evaluation, subject.evaluation.circuit, []
    worst = max((finding.value or 0.0 for finding in subject.validity), default=0.0)
    doubtful = worst > VALID_BELOW
    if subject.validity:
        limit = states_off(VALID_BELOW)
        known = f"beyond the {limit} up to which" if doubtful else f"within the {limit} up to which"
        drive = " under slow drives" if evaluation.spiking is not None else ""
        said.append(
            f"The states of a dendrite are {states_off(worst)} off its circuit's{drive}, {known} the model is valid."
        )
    if evaluation.spiking is not None:
        said.append("No circuit of a spiking neuron was solved: that its spikes are the model's is not known.")
    if found is not None:
        circuits, model, alike = (
            formatting.percent(x, found.samples) for x in (found.accuracy, found.model_accuracy, found.agreement)
        )
        said.append(
            f"What counts are answers: with every dendrite as its circuit {circuits} % of {found.samples:,} samples "
            f"are answered right, with the model {model} %, and {alike} % of the decisions agree."
        )
    elif doubtful and evaluation.spiking is None:
        said.append("What that changes in the answers is open: `--circuit 100` measures it.")
    if evaluation.chip.virtual:
        said.append("No circuit can confirm a virtual source function.")
    if not evaluation.measured:
        said.append("The spreads are those stated, not measured on a process: other spreads have another yield.")
    return " ".join(said)
