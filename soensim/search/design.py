"""What is asked of a chip, and how its search is run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtri

from soensim.evaluation import Requirement
from soensim.evaluation.requirement import USUAL_TRIALS
from soensim.study.design import Factor, Point
from soensim.study.job import Question

PROOF_TRIALS = 3
"""Chips of a proof over the fewest that can show a yield: so many that some may fail."""
MOST_TRIALS = 10_000


@dataclass(frozen=True)
class Goal:
    """What chips must reach.

    Attributes
    ----------
    least
        Accuracy.
    share
        Share of the chips that must reach it; None: their mean must.
    """

    least: float
    share: float | None

    @property
    def requirement(self) -> Requirement | None:
        """What is counted of fabricated chips; None where their mean counts."""
        return None if self.share is None else Requirement("accuracy", self.least, self.share)

    @property
    def deviations(self) -> float:
        """How many standard deviations the mean of the chips must lie above, if their accuracies are normal."""
        return 0.0 if self.share is None else float(ndtri(self.share))

    @property
    def usual_trials(self) -> int:
        """Fabricated chips that a proof takes where nothing else is said."""
        requirement = self.requirement
        return USUAL_TRIALS if requirement is None else max(USUAL_TRIALS, PROOF_TRIALS * requirement.chips_needed)

    def __str__(self) -> str:
        if self.share is None:
            return f"mean accuracy of the chips >= {self.least:g}"
        return f"accuracy >= {self.least:g} in {100 * self.share:g} % of the chips"


@dataclass(frozen=True)
class Rung:
    """How far candidates are trained before it is decided which of them go on.

    Attributes
    ----------
    epochs
        Share of the recipe's epochs.
    seeds
        Trainings; the best program counts.
    trials
        Fabricated chips of each, scored on validation samples.
    gain
        Factor by which the share of wrong answers may still fall on later rungs.
    """

    epochs: float
    seeds: int
    trials: int
    gain: float = 1.0

    def scaled(self, epochs: int) -> int:
        """Return how many of some epochs are run; of some at least one."""
        return 0 if epochs == 0 else max(1, math.floor(self.epochs * epochs + 0.5))


RUNGS = (Rung(0.125, 1, 10, 4.0), Rung(1.0, 1, 20, 1.25), Rung(1.0, 3, 20))
"""What is done where a file does not say otherwise; why, is in docs/design.md."""


@dataclass(frozen=True)
class Draw:
    """Which candidates of a large space are looked at.

    Attributes
    ----------
    by
        `sobol`, `latin-hypercube`, or `optuna`, which learns from the candidates before.
    candidates
        How many; those that are drawn twice count twice.
    seed
        Of the draw.
    """

    by: str
    candidates: int
    seed: int = 0


@dataclass(frozen=True)
class Design:
    """A search as it is to be run.

    Attributes
    ----------
    name
        Of its files, and of the chip that is found.
    question
        What all candidates have in common.
    goal
        What chips must reach.
    limits
        Largest legal value of a cost, by name.
    least
        Cost that is minimised.
    factors
        What is varied.
    points
        The candidates; empty where Optuna chooses them.
    draw
        How they were or are chosen; None: all combinations.
    rungs
        From the cheapest to the full training.
    wave
        Candidates that are looked at together, cheapest first.
    proof_trials
        Fabricated chips of a proof.
    proofs
        Candidates whose proof is tried at most: each look at the test samples makes the next one less worth.
    """

    name: str
    question: Question
    goal: Goal
    limits: Mapping[str, float]
    least: str
    factors: tuple[Factor, ...]
    points: tuple[Point, ...]
    draw: Draw | None = None
    rungs: tuple[Rung, ...] = RUNGS
    wave: int = 8
    proof_trials: int = USUAL_TRIALS
    proofs: int = 5

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of all costs that count: what is minimised, then the limits."""
        return tuple(dict.fromkeys((self.least, *self.limits)))
