"""`bptt`: backpropagation through time."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.fabrication import FabricatedChip
from soensim.training.recipes.bptt import BpttRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.linear_readout import LinearReadoutRule
from soensim.training.trainable_network import TrainableChip


class Bptt(LinearReadoutRule):
    """Cross-entropy of softmax(k W_out s); the gradient goes through time and through all populations.

    s is the final or the mean state, as the netlist's readout says; k is a learned factor off the chip. Werbos
    1990, Proc. IEEE 78, 1550. Not a rule that the chip could run: it needs the states of all steps, backwards.
    """

    def __init__(self, chip: TrainableChip, recipe: BpttRecipe) -> None:
        super().__init__(chip, recipe.rule, recipe.readout_gain)

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:  # noqa: ARG002
        """Cross-entropy of the readout, mean over the batch."""
        return Loss(cross_entropy(self.gain * self.scores(fabricated, x), y), {})
