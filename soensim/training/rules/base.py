"""What a learning rule is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.fabrication import FabricatedChip
from soensim.program import Program


class Loss(NamedTuple):
    """What a rule minimises on one batch, and what it measures beside it."""

    total: Tensor
    """Scalar with a gradient."""
    measures: Mapping[str, Tensor]
    """Scalars without one, batch means by name (`goodness_positive`, `loss_hidden`, …), for the history."""


class Rule(Protocol):
    """A learning rule on one chip."""

    extra: dict[str, Tensor]
    """Trained values that are not on the chip, by name."""

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Prepare for an epoch (from 0), given the rows of those before."""

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Loss of one batch: x (batch, frames, channels) as `TrainableChip.encode` made it, y (batch,) classes."""

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Score of every class, shape (batch, classes)."""


class Measured(NamedTuple):
    """Samples that a rule may run through the chip."""

    x: Tensor
    """As `TrainableChip.encode` made them, (samples, frames, channels)."""
    labels: NDArray[np.int64]


@runtime_checkable
class MeasuringRule(Rule, Protocol):
    """A rule that runs the chip itself, beside its model of it."""

    def measure(self, epoch: int, train: Measured) -> None:
        """Called before each epoch (from 0), and before `begin_epoch`."""

    def refit(self, program: Program, train: Measured, validation: Measured) -> Program:
        """Make the program of what training found, and of what was measured with it."""


def predict(rule: Rule, fabricated: FabricatedChip, x: Tensor, block: int = 500) -> NDArray[np.int64]:
    """Class with the best score of every sample; x as `TrainableChip.encode` made it."""
    with torch.no_grad():
        best = [rule.scores(fabricated, x[start : start + block]).argmax(1) for start in range(0, len(x), block)]
    answers: NDArray[np.int64] = torch.cat(best).cpu().numpy()
    return answers
