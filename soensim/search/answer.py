"""The answer of a search in words, as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from soensim.search.design import Design
from soensim.search.estimate import Estimate
from soensim.search.proof import Proof
from soensim.search.steps import Answer, Standing
from soensim.study.design import Factor
from soensim.study.quantities import Axis, axes_of, measure_of, number_text
from soensim.study.run import Level

_NUMBERS = (
    "rungs",
    "estimate",
    "estimate_low",
    "estimate_high",
    "missed_by",
    "passed",
    "trials",
    "lower",
    "chips_mean",
)


def axes(design: Design) -> tuple[Axis, ...]:
    """Say how the factors are shown."""
    return axes_of([Axis(one.name, levels=_levels(one)) for one in design.factors])


def _levels(factor: Factor) -> tuple[Level, ...]:
    return tuple(case.level for case in factor.cases)


def said(design: Design, one: Standing) -> str:
    """Name a candidate by its levels."""
    return ", ".join(axis.said(one.candidate.levels[axis.name]) for axis in axes(design))


def cost_text(design: Design, one: Standing, name: str | None = None) -> str:
    """Write a cost, by default the one that is minimised, with its unit."""
    name = name or design.least
    value, measure = one.costs.get(name), measure_of(name)
    if value is None:
        return "–"
    return f"{number_text(float(f'{measure.scale * value:.5g}'))}{f' {measure.unit}' if measure.unit else ''}"


def why(design: Design, answer: Answer, one: Standing) -> str:
    """Say why a candidate was not chosen, or that it was."""
    if one.state == "winner":
        return "chosen"
    if one.state in ("excluded", "failed"):
        return one.reason
    if one.state == "unproved" and one.proof is not None:
        return proof_text(design, one.proof)
    if one.state == "missed" and one.estimate is not None:
        return _missed(design, one, one.estimate)
    if answer.winner is None:
        return f"not tried: {answer.proofs} proofs were, and no more are"
    seems = one.estimate is not None and one.estimate.seems_to_meet(design.goal)
    if seems and one.estimate is not None and one.rungs == len(design.rungs):
        return f"no cheaper than the one that is chosen; seems to meet the requirement ({percent(one.estimate.value)})"
    return "no cheaper than the one that is chosen; not trained" + ("" if one.rungs == 0 else " in full")


def _missed(design: Design, one: Standing, found: Estimate) -> str:
    rung = design.rungs[one.rungs - 1]
    share = f" after {100 * rung.epochs:g} % of the epochs" if rung.epochs < 1 else ""
    what = "" if design.goal.share is None else f" for {100 * design.goal.share:g} % of the chips"
    text = (
        f"missed by {missed_by(design, found) * 100:.2g} points on validation samples{share}: {percent(found.value)}"
        f"{what} ({percent(found.low)} to {percent(found.high)})"
    )
    may = one.rungs == len(design.rungs) and found.high >= design.goal.least
    return f"{text}; its interval holds the requirement" if may else text


def missed_by(design: Design, found: Estimate) -> float:
    """Return by how much an estimate misses the required accuracy; 0 where it does not."""
    return max(0.0, design.goal.least - found.value)


def proof_text(design: Design, proof: Proof) -> str:
    """Say what test chips show."""
    if proof.passed is None:
        return (
            f"the mean of {proof.trials} test chips is {percent(proof.mean)} ({percent(proof.lower)} to "
            f"{percent(proof.upper)}); {percent(design.goal.least)} is required"
        )
    return (
        f"{proof.passed} of {proof.trials} test chips met it: at least {percent(proof.lower)} of all such chips do "
        f"(95 % Wilson bound); {percent(design.goal.share or 0.0)} are required"
    )


def percent(value: float) -> str:
    """Write a fraction in percent."""
    return f"{100 * value:.1f} %"


def sentences(design: Design, answer: Answer) -> list[str]:
    """Say what was found, how sure it is, and what became of the others."""
    goal, least = design.goal, measure_of(design.least)
    if answer.winner is not None and answer.winner.proof is not None:
        one = answer.winner
        chip = f"{least.label} {cost_text(design, one)}: {said(design, one)}"
        first = [
            f"The cheapest chip that was found for {goal} has {chip}.",
            f"Proof: {proof_text(design, answer.winner.proof)}.",
        ]
    else:
        first = [f"No candidate was shown to meet {goal}."]
        if answer.nearest is not None:
            one = answer.nearest
            cost = f"{least.label} {cost_text(design, one)}"
            first.append(f"The nearest is {said(design, one)}, {cost}: {why(design, answer, one)}.")
    return [*first, *_others(answer), *_tries(answer)]


def _others(answer: Answer) -> list[str]:
    counts = Counter[str](one.state for one in answer.standings)
    told = [
        f"{counts[state]} {text}"
        for state, text in (
            ("excluded", "excluded without a training"),
            ("failed", "failed"),
            ("missed", "missed it on validation samples"),
            ("unproved", "not proved by test chips"),
            ("open", "not needed" if answer.winner is not None else "not tried"),
        )
        if counts[state]
    ]
    total = len(answer.standings)
    return [f"Of {total} candidates: {', '.join(told)}."] if told else []


def _tries(answer: Answer) -> list[str]:
    if answer.proofs < 2:
        return []
    return [
        f"{answer.proofs} candidates were put to the proof on the same test samples; each bound holds for its own "
        "chips alone."
    ]


def runners_up(design: Design, answer: Answer, most: int) -> list[Standing]:
    """Return the candidates that were trained: first those that were put to the proof, then those that came nearest."""
    trained = [one for one in answer.standings if one.estimate is not None and one.state != "winner"]

    def rank(one: Standing) -> tuple[bool, int, float]:
        value = 0.0 if one.estimate is None else one.estimate.value
        return one.proof is None, -one.rungs, -min(value, design.goal.least)

    return sorted(trained, key=rank)[:most]


def table_columns(design: Design, answer: Answer) -> dict[str, list[Level | None]]:
    """Lay out a line per candidate, from cheap to expensive."""
    lines = [_line(design, answer, one) for one in answer.standings]
    return {name: [line[name] for line in lines] for name in lines[0]} if lines else {}


def _line(design: Design, answer: Answer, one: Standing) -> dict[str, Level | None]:
    found, proof = one.estimate, one.proof
    numbers = (
        one.rungs,
        None if found is None else found.value,
        None if found is None else found.low,
        None if found is None else found.high,
        None if found is None else missed_by(design, found),
        None if proof is None else proof.passed,
        None if proof is None else proof.trials,
        None if proof is None else proof.lower,
        None if proof is None else proof.mean,
    )
    return {
        **{factor.name: one.candidate.levels[factor.name] for factor in design.factors},
        **{name: one.costs.get(name) for name in design.costs},
        "state": one.state,
        **dict(zip(_NUMBERS, numbers, strict=True)),
        "why": why(design, answer, one),
    }


def as_dict(design: Design, answer: Answer, most: int) -> dict[str, Any]:
    """Return the answer as plain data for JSON (docs/contracts.md)."""
    share = design.goal.share
    return {
        "design": design.name,
        "require": {"accuracy": design.goal.least, "yield": share},
        "limits": dict(design.limits),
        "least": design.least,
        "met": answer.winner is not None,
        "answers": sentences(design, answer),
        "winner": None if answer.winner is None else _plain(design, answer, answer.winner),
        "nearest": None if answer.nearest is None else _plain(design, answer, answer.nearest),
        "runners_up": [_plain(design, answer, one) for one in runners_up(design, answer, most)],
        "candidates": dict(Counter(one.state for one in answer.standings)),
        "proofs": answer.proofs,
    }


def _plain(design: Design, answer: Answer, one: Standing) -> dict[str, Any]:
    return {
        "levels": dict(one.candidate.levels),
        "costs": {name: one.costs.get(name) for name in design.costs},
        "state": one.state,
        "why": why(design, answer, one),
        "estimate": None if one.estimate is None else one.estimate.as_dict(),
        "proof": None if one.proof is None else one.proof.as_dict(),
    }


def answer_rows(design: Design, answer: Answer, shown: Sequence[Standing]) -> tuple[list[str], list[list[str]]]:
    """Return head and lines of a table of some candidates for people."""
    measures = [measure_of(name) for name in design.costs]
    head = ["candidate", *(measure.title for measure in measures), "why"]
    body = [
        [
            said(design, one),
            *(_bare(design, one, name) for name in design.costs),
            why(design, answer, one),
        ]
        for one in shown
    ]
    return head, body


def _bare(design: Design, one: Standing, name: str) -> str:
    unit = measure_of(name).unit
    return cost_text(design, one, name).removesuffix(f" {unit}" if unit else "")
