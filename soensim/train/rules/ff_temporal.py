"""`ff-temporal`: forward-forward over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from soensim.dynamics.fused import mean_square
from soensim.network import step_coefficients
from soensim.simulate import label_scores
from soensim.train.parameters import TrainableChip
from soensim.train.recipes import FFTemporalRecipe
from soensim.train.rules.base import Loss
from soensim.train.rules.forward_forward import (
    ForwardForward,
    both_signs,
    difference_loss,
    draw_wrong,
)


class FFTemporal(ForwardForward):
    """Temporal forward-forward: goodness G(t) = mean s(t)^2 under the true (+) and a wrong (-) label.

    loss = sum_t c_t softplus(k (margin - (G+(t) - G-(t)))) / k, batch mean, summed over the populations that are read;
    c_t = 1, or (1/a)^(T-1-t) normalised to the sum T (`compensation`), or the last step alone. SYSTEMS section 1, after
    Hinton 2022, arXiv:2212.13345. The gradient goes through time within the network; what a chip could run itself is
    the goodness.
    """

    recipe: FFTemporalRecipe

    def __init__(self, chip: TrainableChip, recipe: FFTemporalRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe

    def loss(self, values: Mapping[str, Tensor], x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Margin loss between the true and a wrong label."""
        recipe = self.recipe
        logits = None
        if recipe.negatives == "hard":
            with torch.no_grad():
                logits = recipe.sharpness * self.scores(values, x) / (x.shape[1] * len(self.output.populations))
        wrong = draw_wrong(logits, y, self.output.classes, rng)
        found = self.goodness(values, x, both_signs(y, wrong))
        total = x.new_zeros(())
        plus, minus = x.new_zeros(()), x.new_zeros(())
        for k in self.output.populations:
            positive, negative = found[k]
            weights = self._step_weights(positive.shape[-1], k)
            per_step = difference_loss(positive, negative, recipe.margin, recipe.sharpness)
            total = total + (per_step * weights).sum(-1).mean()
            plus, minus = plus + positive.detach().mean(), minus + negative.detach().mean()
        return Loss(total, {"goodness_positive": plus, "goodness_negative": minus})

    def scores(self, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Goodness with each label on the label lines, shape (batch, classes)."""
        found: Tensor = label_scores(self.output, self.goodness(values, x, self.all_labels))
        return found.T

    def goodness(self, values: Mapping[str, Tensor], x: Tensor, labels: Tensor) -> list[Tensor]:
        """Goodness of each population, shape (hypotheses, batch, samples)."""
        states = self.chip.unroll(values, self.chip.signals(x, labels))
        # (hypotheses x batch) as rows: so the states stand where the kernels left them
        return [mean_square(s.flatten(0, 1)).unflatten(0, s.shape[:2]) for s in states]  # type: ignore[no-untyped-call]

    def _step_weights(self, steps: int, population: int) -> Tensor:
        weights = torch.ones(steps, dtype=self.chip.dtype)
        if self.recipe.steps == "final":
            weights[:-1] = 0
        elif self.recipe.compensation:
            network = self.chip.network
            read = network.populations[population]
            retention, _ = step_coefficients(network, read, read.gamma_minus)
            per_sample = float(retention.mean()) ** network.substeps
            left = torch.arange(steps - 1, -1, -1, dtype=weights.dtype)
            weights = (1 / per_sample) ** left
            weights *= steps / weights.sum()
        return weights
