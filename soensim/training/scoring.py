"""Accuracy after an epoch: on training and validation samples, on the nominal chip and on virtual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import Dataset
from soensim.fabrication import FabricatedChip
from soensim.training.rules import Rule, predict
from soensim.training.trainable_values import TrainableValues

TRAIN_ACCURACY_SAMPLES = 1000
"""At most this many training samples are scored after an epoch, spread evenly over them; sigma <= 1.6 points."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What the rule answers after an epoch.

    Attributes
    ----------
    train_accuracy, validation_accuracy
        Fractions of right answers on the nominal chip.
    answers
        Classes that it gives the validation samples.
    on_chips
        Mean accuracy on virtual chips, as a row of the history has it; empty without any.
    """

    train_accuracy: float
    validation_accuracy: float
    answers: NDArray[np.int64]
    on_chips: Mapping[str, float]


class Scorer:
    """Scores a chip on samples that stay the same in every epoch.

    Parameters
    ----------
    chip, rule
        What is trained, and what it answers.
    data
        Labels of the training and the validation split.
    train_x
        Encoded training samples; those of ``train_rows`` are scored.
    """

    def __init__(self, chip: TrainableValues, rule: Rule, data: Dataset, train_x: Tensor) -> None:
        self.chip, self.rule = chip, rule
        count = min(TRAIN_ACCURACY_SAMPLES, data.validation.samples, len(train_x))
        self.train_rows = np.arange(count) * len(train_x) // count
        self.train_x, self.train_labels = train_x, data.train.labels[self.train_rows]
        self.validation_x = chip.encode(data.validation.inputs)
        self.validation_labels = data.validation.labels
        recipe = chip.recipe
        # batches count from 1: no batch of the first epoch draws like this
        rng = np.random.default_rng([recipe.train_seed, 0, 0])
        self.chip_seeds = rng.integers(2**62, size=recipe.validation_chips)

    def scores(self, nominal: FabricatedChip) -> Scores:
        """Score the nominal chip, and the virtual chips that have its values."""
        answers = predict(self.rule, nominal, self.validation_x)
        known = predict(self.rule, nominal, self.train_x[self.train_rows])
        on_chips = [
            _accuracy(
                predict(self.rule, self.chip.fabricated(nominal.values, int(seed)), self.validation_x),
                self.validation_labels,
            )
            for seed in self.chip_seeds
        ]
        return Scores(
            _accuracy(known, self.train_labels),
            _accuracy(answers, self.validation_labels),
            answers,
            {"validation_accuracy_chips": float(np.mean(on_chips))} if on_chips else {},
        )


def _accuracy(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    return float((answers == labels).mean())
