"""`ff-unsupervised`: forward-forward on images alone, then a linear readout."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.data import smooth_masks
from soensim.fabrication import FabricatedChip
from soensim.simulation import goodness
from soensim.training.recipes.ff_unsupervised import FFUnsupervisedRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.linear_readout import LinearReadoutRule
from soensim.training.rules.local_forward_forward import compare
from soensim.training.rules.shifted_images import shifted
from soensim.training.trainable_network import TrainableChip


class FFUnsupervised(LinearReadoutRule):
    """Populations learn to tell images from hybrids of two images; a linear readout learns the classes.

    Negative data: m x + (1 - m) x' with another image of the batch and a smooth random mask m (Hinton 2022,
    arXiv:2212.13345, section 3.2). Per population and batch mean,
    (softplus(k (theta - G+)) + softplus(k (G- - theta))) / k, G = mean s^2; the gradient stays within the population.
    The readout is trained by cross-entropy on what the populations send, as constants: it sends nothing back.
    """

    def __init__(self, chip: TrainableChip, recipe: FFUnsupervisedRecipe) -> None:
        super().__init__(chip, recipe.rule, recipe.readout_gain)
        self.recipe = recipe

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Losses of the populations on images and hybrids, and cross-entropy of the readout on images."""
        x = shifted(x, self.recipe.shift_pixels, rng)
        mask = torch.as_tensor(smooth_masks(len(x), (x.shape[1], x.shape[2]), rng), dtype=x.dtype)
        other = x[torch.as_tensor(rng.permutation(len(x)))]
        both = torch.cat([x, torch.lerp(other, x, mask)])
        states = self.chip.unroll(fabricated, self.chip.signals(both), local=True)
        measures: dict[str, Tensor] = {}
        total = x.new_zeros(())
        for population, state in zip(self.chip.network.populations, states, strict=True):
            positive, negative = goodness(state)[0].mean(-1).split(len(x))
            loss = compare(self.recipe, positive, negative, population.size)
            measures[f"loss_{population.name}"] = loss.detach()
            measures[f"goodness_positive_{population.name}"] = positive.detach().mean()
            measures[f"goodness_negative_{population.name}"] = negative.detach().mean()
            if self.recipe.train_populations:
                total = total + loss
        for sign in ("positive", "negative"):
            parts = [value for key, value in measures.items() if key.startswith(f"goodness_{sign}_")]
            measures[f"goodness_{sign}"] = torch.stack(parts).mean()
        scores = self.chip.linear_scores(fabricated, [s[0, : len(x)].detach() for s in states])
        classified = cross_entropy(self.gain * scores, y)
        return Loss(total + classified, {**measures, "loss_readout": classified.detach()})
