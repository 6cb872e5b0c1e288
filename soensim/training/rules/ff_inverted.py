"""`ff-inverted`: recurrent forward-forward in which true labels quieten the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.dynamics import normalise
from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.simulation import goodness
from soensim.training.recipes.ff_inverted import FFInvertedRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.forward_forward import both_signs, draw_wrong
from soensim.training.rules.local_forward_forward import LocalForwardForward, cut
from soensim.training.rules.shifted_images import shifted
from soensim.training.trainable_network import TrainableChip


class FFInverted(LocalForwardForward):
    """Recurrent forward-forward with lateral efficacies: low goodness for true labels, high for wrong ones.

    The image is shown without its label first (`timing.unlabelled_samples`; the same for both signs, so it is run
    once), then with it. After github.com/and-rewsmith/RecurrentForwardForward. `negatives: dynamic` draws wrong
    labels from a linear classifier on what the populations send before the label is seen; it learns beside, by
    cross-entropy, and is not on the chip. The gradient is `LocalForwardForward`'s.
    """

    recipe: FFInvertedRecipe

    def __init__(self, chip: TrainableChip, recipe: FFInvertedRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe
        if not self.output.low:
            raise RecipeError(
                f"rule 'ff-inverted' needs a readout with `prefers: low`; that of chip {chip.network.name!r} has none"
            )
        if (self.output.first_sample or 1) <= chip.network.unlabelled_samples:
            raise RecipeError(
                f"readout.first_sample is {self.output.first_sample or 1}; the label is seen after "
                f"{chip.network.unlabelled_samples} samples, and only then may samples count"
            )
        if recipe.negatives == "dynamic":
            if not chip.network.unlabelled_samples:
                raise RecipeError(
                    "dynamic negatives look at the states before the label is seen; set timing.unlabelled_samples, or "
                    "take hard negatives"
                )
            shape = (self.output.classes, chip.network.neurons)
            self.extra = {"latent_classifier": torch.zeros(shape, dtype=chip.dtype, requires_grad=True)}

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Sum of the losses of the populations, and of the classifier that draws the negatives."""
        if self.recipe.negatives != "dynamic":
            return super().loss(fabricated, x, y, rng)
        x = shifted(x, self.recipe.shift_pixels, rng)
        before = self._before_the_label(fabricated, x)
        pairs = zip(before, self.chip.network.populations, strict=True)
        sent = torch.cat([normalise(s[0], p.normalisation) for s, p in pairs], 1)
        logits = sent @ self.extra["latent_classifier"].T
        wrong = draw_wrong(logits.detach(), y, self.output.classes, rng)
        total, measures = self.compared(self._after(fabricated, x, both_signs(y, wrong), before))
        classified = cross_entropy(logits, y)
        return Loss(total + classified, {**measures, "loss_latent_classifier": classified.detach()})

    def goodness(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor) -> list[Tensor]:
        """Goodness of each population, shape (hypotheses, batch, samples that count)."""
        return self._after(fabricated, x, labels, self._before_the_label(fabricated, x))

    def _before_the_label(self, fabricated: FabricatedChip, x: Tensor) -> list[Tensor]:
        """States at the end of the unlabelled samples, shape (1, batch, neurons) per population, without gradients."""
        network = self.chip.network
        last = network.unlabelled_samples
        if last == 0:
            return [x.new_zeros(1, 1, p.size) for p in network.populations]
        any_label = torch.zeros((1, 1), dtype=torch.int64)
        signals = cut(self.chip.signals(x, any_label), range(last))
        with torch.no_grad():
            return [s[..., 0, :] for s in self.chip.unroll(fabricated, signals, window=range(last - 1, last))]

    def _after(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor, before: Sequence[Tensor]) -> list[Tensor]:
        first = self.chip.network.unlabelled_samples
        window = self.output.window(x.shape[1] * self.chip.network.hold_samples)
        signals = cut(self.chip.signals(x, labels), range(first, window.stop))
        counted = range(window.start - first, window.stop - first)
        return [goodness(s) for s in self.chip.unroll(fabricated, signals, local=True, window=counted, initial=before)]
