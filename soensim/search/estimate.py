"""What the chips of a candidate reach, as far as few chips and validation samples show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from soensim.evaluation.statistics import proportion_interval
from soensim.search.design import Goal, Rung
from soensim.study.run import Outcome, Run


@dataclass(frozen=True)
class Estimate:
    """What the best program of a candidate reaches.

    Attributes
    ----------
    seed
        Of that program.
    mean, spread
        Mean and standard deviation of the accuracies of its chips.
    value
        Accuracy that counts: of all chips but those that may fail, if accuracies are normal; else the mean.
    low, high
        95 % Wilson interval of ``value`` for so many samples.
    """

    seed: int
    mean: float
    spread: float
    value: float
    low: float
    high: float

    def can_meet(self, goal: Goal, rung: Rung) -> bool:
        """Whether the requirement lies in the interval, wrong answers becoming as few as the rung says."""
        return 1 - (1 - self.high) / rung.gain >= goal.least

    def seems_to_meet(self, goal: Goal) -> bool:
        """Whether the value meets the requirement."""
        return self.value >= goal.least

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))


def estimate(goal: Goal, ended: Sequence[tuple[Run, Outcome]]) -> Estimate | None:
    """Estimate what a candidate reaches from its runs on a rung; None where all failed.

    Of equally good programs that of the first seed counts.
    """
    found = [_of_run(goal, run, outcome) for run, outcome in ended if outcome.error is None]
    return max(found, key=lambda one: (one.value, -one.seed), default=None)


def _of_run(goal: Goal, run: Run, outcome: Outcome) -> Estimate:
    mean, spread, samples = (float(outcome.measures[name] or 0.0) for name in ("mean", "spread", "samples"))
    value = min(1.0, max(0.0, mean - goal.deviations * spread))
    low, high = proportion_interval(value * samples, samples)  # type: ignore[arg-type]  # of a mean: no whole number
    return Estimate(run.seed, mean, spread, value, low, high)
