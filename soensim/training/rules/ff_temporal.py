"""`ff-temporal`: forward-forward over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from soensim.dynamics import InputSignal
from soensim.fabrication import FabricatedChip
from soensim.kernels import ForwardForwardLoss, mean_square
from soensim.network import step_coefficients
from soensim.simulation import label_scores
from soensim.training.recipes.ff_temporal import FFTemporalRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.forward_forward import (
    ForwardForward,
    both_signs,
    difference_loss,
    draw_wrong,
)
from soensim.training.trainable_network import TrainableChip


class FFTemporal(ForwardForward):
    """Temporal forward-forward: goodness G(t) = mean s(t)^2 under the true (+) and a wrong (-) label.

    loss = sum_t c_t softplus(k (margin - (G+(t) - G-(t)))) / k, batch mean, summed over the populations that are read;
    c_t = 1, or (1/a)^(T-1-t) normalised to the sum T (`compensation`), or the last step alone. After
    Hinton 2022, arXiv:2212.13345. The gradient goes through time within the network; what a chip could run itself is
    the goodness.
    """

    recipe: FFTemporalRecipe

    def __init__(self, chip: TrainableChip, recipe: FFTemporalRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Margin loss between the true and a wrong label."""
        recipe = self.recipe
        logits = None
        if recipe.negatives == "hard":
            with torch.no_grad():
                logits = recipe.sharpness * self.scores(fabricated, x) / (x.shape[1] * len(self.output.populations))
        wrong = draw_wrong(logits, y, self.output.classes, rng)
        signals = self.chip.signals(x, both_signs(y, wrong))
        weights = self._weights(len(signals[0].frame_of))
        loss = self.chip.forward_forward_loss(fabricated, signals, weights, recipe.margin, recipe.sharpness)
        if loss is None:
            loss = self._loss(fabricated, signals, weights)
        read = self.output.populations
        measures = {"goodness_positive": loss.positive[read].sum(), "goodness_negative": loss.negative[read].sum()}
        return Loss(loss.loss, measures)

    def _loss(self, fabricated: FabricatedChip, signals: Sequence[InputSignal], weights: Tensor) -> ForwardForwardLoss:
        """Compute what `TrainableChip.forward_forward_loss` does, for any chip."""
        goodness = torch.stack(self._goodness(fabricated, signals))  # (populations, signs, batch, samples)
        positive, negative = goodness.unbind(1)
        per_sample = difference_loss(positive, negative, self.recipe.margin, self.recipe.sharpness)
        loss = (per_sample * weights[:, None]).sum((0, 2)).mean()
        return ForwardForwardLoss(loss, positive.detach().mean((1, 2)), negative.detach().mean((1, 2)))

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Goodness with each label on the label lines, shape (batch, classes)."""
        scores: Tensor = label_scores(self.output, self.goodness(fabricated, x, self.all_labels))
        return scores.T

    def goodness(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor) -> list[Tensor]:
        """Goodness of each population, shape (hypotheses, batch, samples)."""
        return self._goodness(fabricated, self.chip.signals(x, labels))

    def _goodness(self, fabricated: FabricatedChip, signals: Sequence[InputSignal]) -> list[Tensor]:
        states = self.chip.unroll(fabricated, signals)
        # (hypotheses x batch) as rows: the memory layout of the kernels, so nothing is copied
        return [mean_square(s.flatten(0, 1)).unflatten(0, s.shape[:2]) for s in states]  # type: ignore[no-untyped-call]

    def _weights(self, samples: int) -> Tensor:
        """Weight of every sample in the loss, shape (populations, samples); 0 for a population that is not read."""
        weights = torch.zeros(len(self.chip.network.populations), samples, dtype=self.chip.dtype)
        for population in self.output.populations:
            weights[population] = self._step_weights(samples, population)
        return weights

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
