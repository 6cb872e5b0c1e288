"""What a learning rule is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import FloatArray, present
from soensim.train.parameters import TrainableChip

IntArray = NDArray[np.int64]


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

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Loss:
        """Loss of one batch: x (batch, steps, channels) in [0, 1], y (batch,) classes."""

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """Score of every class, shape (batch, classes)."""


def predict(rule: Rule, values: Mapping[str, Tensor], x: FloatArray, block: int = 1000) -> IntArray:
    """Class with the best score of every sample."""
    with torch.no_grad():
        found = [rule.scores(values, x[start : start + block]).argmax(1) for start in range(0, len(x), block)]
    return torch.cat(found).cpu().numpy()


def signals(chip: TrainableChip, x: FloatArray, labels: IntArray | None = None) -> Tensor:
    """Lay samples and labels onto the chip's input channels, shape (batch, steps, channels) (I_c)."""
    return torch.from_numpy(present(chip.network, x, labels)).to(chip.dtype)
