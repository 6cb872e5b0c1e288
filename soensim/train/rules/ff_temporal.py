"""`ff-temporal`: forward-forward over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from soensim.data import FloatArray, wrong_labels
from soensim.errors import RecipeError
from soensim.network import GoodnessOutput, step_coefficients
from soensim.simulate import goodness
from soensim.train.parameters import TrainableChip
from soensim.train.recipes import FFTemporalRecipe
from soensim.train.rules.base import IntArray, Loss, signals


class FFTemporal:
    """Temporal forward-forward: goodness G(t) = mean s(t)^2 under the true (+) and a random wrong (-) label.

    loss = sum_t c_t softplus(k (margin - (G+(t) - G-(t)))) / k, batch mean; c_t = 1, or (1/a)^(T-1-t) normalised
    to the sum T (`compensation`), or the last step alone. SYSTEMS section 1, after Hinton 2022, arXiv:2212.13345.
    The gradient goes through time within the network; what a chip could run itself is the goodness.
    """

    def __init__(self, chip: TrainableChip, recipe: FFTemporalRecipe) -> None:
        if not isinstance(chip.network.output, GoodnessOutput):
            raise RecipeError(f"rule 'ff-temporal' needs a goodness readout; chip {chip.network.name!r} has none")
        self.chip = chip
        self.recipe = recipe
        self.output = chip.network.output
        self.extra: dict[str, Tensor] = {}

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Loss:
        """Margin loss between the true and a random wrong label."""
        wrong = wrong_labels(y, self.output.classes, rng)
        # both signs in one pass: the time loop costs its calls, not its arithmetic
        both = self._goodness(values, np.concatenate([x, x]), np.concatenate([y, wrong]))
        positive, negative = both[: len(x)], both[len(x) :]
        total = ff_loss(positive - negative, self._step_weights(both), self.recipe.margin, self.recipe.sharpness)
        measures = {"goodness_positive": positive.detach().mean(), "goodness_negative": negative.detach().mean()}
        return Loss(total, measures)

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """Goodness with each label on the label lines, shape (batch, classes)."""
        columns = []
        for label in range(self.output.classes):
            steps = self._goodness(values, x, np.full(len(x), label))
            columns.append(steps[:, -1] if self.output.state == "final" else steps.sum(1))
        return torch.stack(columns, 1)

    def _goodness(self, values: Mapping[str, Tensor], x: FloatArray, labels: IntArray) -> Tensor:
        states = self.chip.unroll(values, signals(self.chip, x, labels))[self.output.population]
        measured: Tensor = goodness(states)
        return measured

    def _step_weights(self, goodness_per_step: Tensor) -> Tensor:
        steps = goodness_per_step.shape[1]
        weights = goodness_per_step.new_ones(steps)
        if self.recipe.steps == "final":
            weights[:-1] = 0
        elif self.recipe.compensation:
            network = self.chip.network
            population = network.populations[self.output.population]
            retention, _ = step_coefficients(network, population, population.gamma_minus)
            per_sample = float(retention.mean()) ** network.substeps
            left = torch.arange(steps - 1, -1, -1, dtype=weights.dtype)
            weights = (1 / per_sample) ** left
            weights *= steps / weights.sum()
        return weights


def ff_loss(difference: Tensor, step_weights: Tensor, margin: float, sharpness: float) -> Tensor:
    """Sum over steps, mean over the batch, of c_t softplus(k (margin - dG)) / k; dG of shape (batch, steps)."""
    per_step = softplus(sharpness * (margin - difference)) / sharpness
    return (per_step * step_weights).sum(1).mean()
