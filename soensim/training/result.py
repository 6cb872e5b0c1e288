"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soensim.program import Program


@dataclass(frozen=True)
class TrainResult:
    """A trained program, and how it was reached.

    Attributes
    ----------
    program
        Codes for the chip, with the ideal weights to compare with.
    history
        One row per epoch: epoch, phase (ideal or quantised); means over its samples of loss, gradient_norm (before
        clipping) and what the rule measures (goodness_positive and goodness_negative, loss_POPULATION, …), and their
        separation; train_accuracy, validation_accuracy, generalisation_gap (the first minus the second);
        learning_rate (of the last batch); seconds, seconds_train, seconds_validation.
    epoch
        The epoch that became the program.
    """

    program: Program
    history: list[dict[str, Any]]
    epoch: int
