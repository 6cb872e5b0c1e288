"""`spiking-rate`: spiking neurons trained through their mean rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.fabrication import FabricatedChip
from soensim.training.recipes.spiking_rate import SpikingRateRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.shifted_images import shifted
from soensim.training.trainable_spiking import TrainableSpikingChip


class SpikingRate:
    """Cross-entropy of softmax(count_gain n), n the spikes to be expected of the neuron of each class in a sample.

    The rates are those of `soensim.training.trainable_spiking`: every neuron's own, averaged over the spread of its
    flux. What is minimised is a model; the engine scores the chip (`soensim evaluate`).
    """

    extra: dict[str, Tensor]

    def __init__(self, chip: TrainableSpikingChip, recipe: SpikingRateRecipe) -> None:
        self.chip, self.recipe = chip, recipe
        self.extra = {}

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Nothing changes from epoch to epoch."""

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Cross-entropy, mean over the batch."""
        moved = shifted(x, self.recipe.shift_pixels, rng)
        return Loss(cross_entropy(self.recipe.count_gain * self.scores(fabricated, moved), y), {})

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Spikes to be expected of each class, shape (batch, classes)."""
        return self.chip.expected_counts(fabricated, x)
