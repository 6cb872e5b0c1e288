"""`ff-inverted`: recurrent forward-forward in which true labels quieten the network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.dynamics import normalise
from soensim.errors import RecipeError
from soensim.train.parameters import TrainableChip
from soensim.train.recipes import FFInvertedRecipe
from soensim.train.rules.base import Loss
from soensim.train.rules.forward_forward import draw_wrong
from soensim.train.rules.local import LocalForwardForward


class FFInverted(LocalForwardForward):
    """Recurrent forward-forward with lateral efficacies: low goodness for true labels, high for wrong ones.

    The image is shown without its label first (`timing.unlabelled_samples`; the same for both signs, so it is run
    once), then with it. RecurrentForwardForward, SYSTEMS section 5. `negatives: dynamic` draws wrong labels from a linear
    classifier on what the populations send before the label is seen; the classifier learns beside (cross-entropy) and
    is not on the chip. The gradient is `LocalForwardForward`'s.
    """

    recipe: FFInvertedRecipe

    def __init__(self, chip: TrainableChip, recipe: FFInvertedRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe
        if not self.output.low:
            raise RecipeError(
                f"rule 'ff-inverted' needs a readout with `prefers: low`; that of chip {chip.network.name!r} has none"
            )
        if recipe.negatives == "dynamic":
            if not chip.network.unlabelled_samples:
                raise RecipeError(
                    "dynamic negatives look at the states before the label is seen; set timing.unlabelled_samples, or "
                    "take hard negatives"
                )
            shape = (self.output.classes, chip.network.neurons)
            self.extra = {"latent_classifier": torch.zeros(shape, dtype=chip.dtype, requires_grad=True)}

    def loss(self, values: Mapping[str, Tensor], x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Sum of the losses of the populations, and of the classifier that draws the negatives."""
        if self.recipe.negatives != "dynamic":
            return super().loss(values, x, y, rng)
        self._logits = self._latent(values, x) @ self.extra["latent_classifier"].T
        classified = cross_entropy(self._logits, y)
        total, measures = super().loss(values, x, y, rng)
        return Loss(total + classified, {**measures, "loss_latent_classifier": classified.detach()})

    def wrong(self, values: Mapping[str, Tensor], x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
        """Draw a wrong label per sample, shape (batch,)."""
        if self.recipe.negatives != "dynamic":
            return super().wrong(values, x, y, rng)
        return draw_wrong(self._logits.detach(), y, self.output.classes, rng)

    def _latent(self, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """What all populations send at the end of the unlabelled samples, shape (batch, neurons)."""
        network = self.chip.network
        last = network.unlabelled_samples
        signals = self.chip.signals(x, torch.zeros((1, 1), dtype=torch.int64))
        cut = [type(s)(s.blocks, s.frame_of[:last]) for s in signals]
        with torch.no_grad():
            states = self.chip.unroll(values, cut, window=range(last - 1, last))
        sent = [normalise(s[0, :, 0], p.normalisation) for s, p in zip(states, network.populations, strict=True)]
        return torch.cat(sent, 1)
