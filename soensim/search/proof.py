"""What fabricated chips show on test samples that no choice has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soensim.evaluation.statistics import proportion_interval
from soensim.search.design import Goal
from soensim.study.run import Outcome


@dataclass(frozen=True)
class Proof:
    """Whether test chips show that a requirement is met.

    Attributes
    ----------
    passed, trials
        Chips that met it, of how many; passed is None where their mean is asked for.
    lower, upper
        95 % Wilson interval of the share of such chips that meet it, or Student interval of their mean accuracy.
    mean, worst
        Accuracies of the chips.
    met
        Whether ``lower`` reaches what is required.
    """

    passed: int | None
    trials: int
    lower: float
    upper: float
    mean: float
    worst: float
    met: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))


def proof_of(goal: Goal, outcome: Outcome) -> Proof:
    """Read the proof of a run that has not failed."""
    measures = outcome.measures
    trials, mean, worst = int(measures["chips"] or 0), float(measures["mean"] or 0.0), float(measures["worst"] or 0.0)
    if goal.share is None:
        lower, upper = float(measures["mean_low"] or 0.0), float(measures["mean_high"] or 0.0)
        return Proof(None, trials, lower, upper, mean, worst, lower >= goal.least)
    passed = int(measures["passed"] or 0)
    lower, upper = proportion_interval(passed, trials)
    return Proof(passed, trials, lower, upper, mean, worst, lower >= goal.share)
