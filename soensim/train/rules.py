"""Learning rules: what is presented, what is scored, and how far a gradient may travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from soensim.data import FloatArray, present, wrong_labels
from soensim.errors import RecipeError
from soensim.network import GoodnessOutput, LinearOutput, step_coefficients
from soensim.program import READOUT
from soensim.simulate import goodness, linear_scores
from soensim.train.parameters import TrainableChip
from soensim.train.recipe import BpttRecipe, FFTemporalRecipe, Recipe

IntArray = NDArray[np.int64]


class Rule(Protocol):
    """A learning rule on one chip."""

    extra: dict[str, Tensor]
    """Trained values that are not on the chip, by name."""

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Tensor:
        """Loss of one batch: x (batch, steps, channels) in [0, 1], y (batch,) classes."""

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """Score of every class, shape (batch, classes)."""


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

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """Cross-entropy of the readout, mean over the batch."""
        logits = self.extra["log_readout_gain"].exp() * self.scores(values, x)
        return cross_entropy(logits, torch.from_numpy(y))

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """W_out s, shape (batch, classes)."""
        states = self.chip.unroll(values, _signals(self.chip, x))[self.output.population]
        scores: Tensor = linear_scores(states, values[READOUT], self.output.state)
        return scores


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

    def loss(self, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, rng: np.random.Generator) -> Tensor:
        """Margin loss between the true and a random wrong label."""
        wrong = wrong_labels(y, self.output.classes, rng)
        # both signs in one pass: the time loop costs its calls, not its arithmetic
        both = self._goodness(values, np.concatenate([x, x]), np.concatenate([y, wrong]))
        positive, negative = both[: len(x)], both[len(x) :]
        return ff_loss(positive - negative, self._step_weights(both), self.recipe.margin, self.recipe.sharpness)

    def scores(self, values: Mapping[str, Tensor], x: FloatArray) -> Tensor:
        """Goodness with each label on the label lines, shape (batch, classes)."""
        columns = []
        for label in range(self.output.classes):
            steps = self._goodness(values, x, np.full(len(x), label))
            columns.append(steps[:, -1] if self.output.state == "final" else steps.sum(1))
        return torch.stack(columns, 1)

    def _goodness(self, values: Mapping[str, Tensor], x: FloatArray, labels: IntArray) -> Tensor:
        states = self.chip.unroll(values, _signals(self.chip, x, labels))[self.output.population]
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


def make_rule(chip: TrainableChip, recipe: Recipe) -> Rule:
    """Make the rule of a recipe.

    Raises
    ------
    RecipeError
        The chip's readout is not of the kind that the rule needs.
    """
    match recipe:
        case BpttRecipe():
            return Bptt(chip, recipe)
        case FFTemporalRecipe():
            return FFTemporal(chip, recipe)
    raise RecipeError(f"no rule for a {type(recipe).__name__}")


def accuracy(rule: Rule, values: Mapping[str, Tensor], x: FloatArray, y: IntArray, block: int = 1000) -> float:
    """Fraction of samples whose best class is the true one."""
    with torch.no_grad():
        right = 0
        for start in range(0, len(y), block):
            best = rule.scores(values, x[start : start + block]).argmax(1).numpy()
            right += int((best == y[start : start + block]).sum())
    return right / len(y)


def _signals(chip: TrainableChip, x: FloatArray, labels: IntArray | None = None) -> Tensor:
    return torch.from_numpy(present(chip.network, x, labels)).to(chip.dtype)
