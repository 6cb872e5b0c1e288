"""The verdict in words: what such chips answer, what an answer costs, what limits it; only from what was measured."""

from __future__ import annotations

from soensim.evaluation import Evaluation
from soensim.report import formatting
from soensim.report.analysis_rows import limits
from soensim.report.sections.chips_yield import all_reach
from soensim.report.sections.section import NotRun, Subject


def verdict(subject: Subject) -> list[tuple[str, str]]:
    """Return questions with their answers, each a sentence or two, from this run alone."""
    evaluation = subject.evaluation
    return [
        ("Feasible?", _feasible(subject)),
        ("How good?", _good(evaluation)),
        *([("At what cost?", cost)] if (cost := _cost(evaluation)) else []),
        ("What limits it?", _limits(evaluation)),
    ]


def design_rules(subject: Subject) -> NotRun:
    """Say what finds broken design rules: it is another command."""
    return NotRun("design rules", f"soensim check {subject.evaluation.chip.name}.yaml")


def _feasible(subject: Subject) -> str:
    evaluation, said = subject.evaluation, []
    if evaluation.chip.virtual:
        said.append("Not as hardware: a source function is virtual, no known circuit has it. A yardstick of learning.")
    found = evaluation.chip_yield
    if found is not None and not evaluation.chip.virtual:
        said.append(
            f"Yes, for {found.require}: the required yield of {100 * found.share:.4g} % is shown."
            if found.met
            else f"Not shown for {found.require}: the required yield of {100 * found.share:.4g} % is not met."
        )
    elif found is None and not evaluation.chip.virtual:
        said.append("Open: nothing was required of the chips, as --require 'accuracy >= 0.93' does.")
    absent = sum(len(p.absences) for p in subject.routed.projections.values())
    if absent:
        said.append(f"{absent:,} of the edges asked for have no route and do not exist; the score is without them.")
    if subject.routed.layout is None:
        said.append("The chip is not laid out: that its edges can be routed is not known.")
    return " ".join(said)


def _good(evaluation: Evaluation) -> str:
    chips, samples, found = evaluation.accuracy.chips, evaluation.samples, evaluation.chip_yield
    where = f"{samples:,} {evaluation.data.name} test samples"
    if found is not None:
        low, high = int(100 * found.lower), -int(-100 * found.upper // 1)
        return (
            f"Of 100 such chips {round(100 * found.passed / found.trials)} reach {found.require} on {where} ({low} to "
            f"{high} with 95 % confidence: {found.passed} of {found.trials} drawn); on fresh samples "
            f"{round(100 * found.fresh)} are expected to."
        )
    if len(chips) > 1:
        return f"On {where}: {all_reach(chips, samples)[0].lower()}{all_reach(chips, samples)[1:]}"
    reached = f"{formatting.percent(chips[0], samples)} %"
    return f"The one {formatting.chip_word(evaluation)} chip answers {reached} of {where} right."


def _cost(evaluation: Evaluation) -> str:
    cost = evaluation.cost
    if cost is None:
        return ""
    time = formatting.latency_text(cost.latency_at_least_ns)
    energy = formatting.energy_text(cost.energy_at_least_aj)
    known = [line for line in cost.energy if line.value]
    if not known:
        energy_said = "; what energy is not known"
    else:
        least = "at least " if cost.energy_aj is None else ""
        largest = max((line for line in known if line.name != "cooling"), key=lambda line: line.value or 0.0)
        energy_said = f" and {least}{energy} with cooling, before it mostly {largest.name.replace('_', ' ')}"
    missing = [line.name.replace("_", " ") for line in (*cost.latency, *cost.energy) if line.value is None]
    missing = [name for name in missing if name != "cooling"]
    left_out = f" Not known: {', '.join(missing)} (see below)." if missing else ""
    least_time = "at least " if cost.latency_ns is None else ""
    return f"An answer takes {least_time}{time}{energy_said}.{left_out}"


def _limits(evaluation: Evaluation) -> str:
    accuracy = evaluation.accuracy
    parts = {
        "the ideal weights, before any effect of the chip": 1 - accuracy.ideal,
        "the few-bit codes": accuracy.ideal - accuracy.quantised,
        "the spreads of fabrication": accuracy.quantised - accuracy.chip_mean,
    }
    text = ", ".join(f"{100 * value:.2g} points by {name}" for name, value in parts.items() if value > 0)
    missed = (
        f"Of the {100 * (1 - accuracy.chip_mean):.2g} points that the mean chip misses: {text}."
        if text
        else "Nothing: the mean chip misses no sample."
    )
    return " ".join([missed, *limits(evaluation)])
