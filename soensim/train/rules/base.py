"""What a learning rule is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor


class Loss(NamedTuple):
    """What a rule minimises on one batch, and what it saw on the way."""

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

    def loss(self, values: Mapping[str, Tensor], x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Loss of one batch: x (batch, frames, channels) as `TrainableChip.encode` made it, y (batch,) classes."""

    def scores(self, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Score of every class, shape (batch, classes)."""


def accuracy(rule: Rule, values: Mapping[str, Tensor], x: Tensor, y: Tensor, block: int = 500) -> float:
    """Fraction of samples whose best class is the true one."""
    with torch.no_grad():
        right = 0
        for start in range(0, len(y), block):
            best = rule.scores(values, x[start : start + block]).argmax(1)
            right += int((best == y[start : start + block]).sum())
    return right / len(y)
