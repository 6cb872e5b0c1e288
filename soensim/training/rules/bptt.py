"""`bptt`: backpropagation through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.network import LinearOutput
from soensim.program import READOUT
from soensim.simulation import linear_scores
from soensim.training.recipes.bptt import BpttRecipe
from soensim.training.rules.base import Loss
from soensim.training.trainable_network import TrainableChip


class Bptt:
    """Cross-entropy of softmax(k W_out s); the gradient goes through time and through all populations.

    s is the final or the mean state, as the netlist's readout says; k is a learned factor off the chip. Werbos
    1990, Proc. IEEE 78, 1550. Not a rule that the chip could run: it needs the states of all steps, backwards.
    """

    def __init__(self, chip: TrainableChip, recipe: BpttRecipe) -> None:
        if not isinstance(chip.network.output, LinearOutput):
            raise RecipeError(f"rule 'bptt' needs a linear readout; chip {chip.network.name!r} has none")
        self.chip = chip
        self.extra = {
            "log_readout_gain": torch.tensor(float(np.log(recipe.readout_gain)), dtype=chip.dtype, requires_grad=True)
        }

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Nothing changes from one epoch to the next."""

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:  # noqa: ARG002
        """Cross-entropy of the readout, mean over the batch."""
        logits = self.extra["log_readout_gain"].exp() * self.scores(fabricated, x)
        return Loss(cross_entropy(logits, y), {})

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """W_out s, shape (batch, classes)."""
        states = self.chip.unroll(fabricated, self.chip.signals(x))
        scores: Tensor = linear_scores(self.chip.network, states, fabricated.values[READOUT])[0]
        return scores
