"""What a training returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soensim._runtime.described import Described, percent
from soensim.program import Program
from soensim.training.pruned_chip import PrunedChip


@dataclass(frozen=True, repr=False)
class TrainResult(Described):
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
    pruned
        With `wiring_budget_mm`, the chip that the program is of; else None.
    """

    program: Program
    history: list[dict[str, Any]]
    epoch: int
    pruned: PrunedChip | None = None

    def _facts(self) -> Mapping[str, Any]:
        return {
            "chip": repr(self.program.header.get("netlist", "")),
            "epochs": len(self.history),
            "epoch": self.epoch,
            "validation_accuracy": percent(self.history[self.epoch - 1]["validation_accuracy"]),
        }


def program_row(history: Sequence[Mapping[str, Any]], *, keep: str, ideal_epochs: int) -> Mapping[str, Any]:
    """Return the row of the epoch that becomes the program, or would so far; of equally good epochs, the first.

    Parameters
    ----------
    history
        One row per finished epoch, at least one.
    keep, ideal_epochs
        As in the recipe: ideal epochs become the program only where no others follow.
    """
    candidates = history[ideal_epochs:]
    if keep == "last" or not candidates:
        return history[-1]
    return max(candidates, key=lambda row: float(row["validation_accuracy"]))
