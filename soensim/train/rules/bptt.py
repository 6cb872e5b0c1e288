"""`bptt`: backpropagation through time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.data import FloatArray
from soensim.errors import RecipeError
from soensim.network import LinearOutput
from soensim.program import READOUT
from soensim.simulate import linear_scores
from soensim.train.parameters import TrainableChip
from soensim.train.recipes import BpttRecipe
from soensim.train.rules.base import IntArray, Loss, signals


class Bptt:
    """Cross-entropy of softmax(k W_out s); the gradient goes through time and through all populations.

    s is the final or the mean state, as the netlist's readout says; k is a learned factor off the chip. Werbos
    1990, Proc. IEEE 78, 1550. Not a rule that the chip could run: it needs the states of all steps, backwards.
    """

    def __init__(self, chip: TrainableChip, recipe: BpttRecipe) -> None:
        if not isinstance(chip.network.output, LinearOutput):
            raise RecipeError(f"rule 'bptt' needs a linear readout; chip {chip.network.name!r} has none")
        self.chip = chip
        self.output = chip.network.output
        self.extra = {
            "log_readout_gain": torch.tensor(float(np.log(recipe.readout_gain)), dtype=chip.dtype, requires_grad=True)
        }

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Loss:  # noqa: ARG002
        """Cross-entropy of the readout, mean over the batch."""
        logits = self.extra["log_readout_gain"].exp() * self.scores(values, x)
        return Loss(cross_entropy(logits, torch.from_numpy(y)), {})

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """W_out s, shape (batch, classes)."""
        states = self.chip.unroll(values, signals(self.chip, x))[self.output.population]
        scores: Tensor = linear_scores(states, values[READOUT], self.output.state)
        return scores
