"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.program import Program


@dataclass(frozen=True)
class TrainResult:
    """What a training found.

    Attributes
    ----------
    program
        Codes for the chip, with the ideal weights to compare with.
    history
        One row per epoch: epoch, loss, validation_accuracy, learning_rate, seconds.
    """

    program: Program
    history: list[dict[str, float]]
