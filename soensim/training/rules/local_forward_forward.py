"""What the rules share whose gradient stays within one population and one step."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from soensim.dynamics import InputSignal
from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.simulation import goodness
from soensim.training.recipes.forward_forward import LocalRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.forward_forward import (
    ForwardForward,
    both_signs,
    difference_loss,
    draw_wrong,
    threshold_loss,
)
from soensim.training.rules.shifted_images import shifted
from soensim.training.trainable_network import TrainableChip


class LocalForwardForward(ForwardForward):
    """Every population compares its own goodness, the mean of s^2 over the samples that count, between both signs.

    loss = sum over populations of the batch mean of softplus(k (margin - (G+ - G-))) / k (`difference`), or of
    (softplus(k (theta - G+)) + softplus(k (G- - theta))) / k (`threshold`); G changes its sign where the chip answers
    with the least goodness. States and signals that a step starts from are constants to the gradient: dW of a synapse
    is (what arrives) x (slope of the neuron) x (its own state) x (a factor per population and sample). That factor,
    the slope of the loss, is all that has to be sent to the neurons.
    """

    recipe: LocalRecipe

    def __init__(self, chip: TrainableChip, recipe: LocalRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe
        self.sign = -1.0 if self.output.low else 1.0

    def goodness(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor) -> list[Tensor]:
        """Goodness of each population, shape (hypotheses, batch, samples that count)."""
        window = self.output.window(x.shape[1] * self.chip.network.hold_samples)
        signals = cut(self.chip.signals(x, labels), range(window.stop))
        return [goodness(s) for s in self.chip.unroll(fabricated, signals, local=True, window=window)]

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Goodness (or its negative) with each label on the label lines, shape (batch, classes)."""
        each = self.goodness(fabricated, x, self.all_labels)
        total: Tensor = sum(each[k].sum(-1) for k in self.output.populations)  # type: ignore[assignment]
        return self.sign * total.T

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Sum of the losses of the populations that learn."""
        x = shifted(x, self.recipe.shift_pixels, rng)
        return self.compared(self.goodness(fabricated, x, both_signs(y, self.wrong(fabricated, x, y, rng))))

    def compared(self, each: list[Tensor]) -> Loss:
        """Loss from the goodness of each population, (signs, batch, samples)."""
        total = each[0].new_zeros(())
        measures: dict[str, Tensor] = {}
        for k in self.learning():
            name = self.chip.network.populations[k].name
            if each[k].shape[0] == 1:
                raise RecipeError(
                    f"the label does not reach population {name!r} in the samples that count; project label lines or a "
                    "population that sees them onto it, or let later samples count (readout.first_sample)"
                )
            positive, negative = each[k].mean(-1)
            loss = compare(self.recipe, positive, negative, self.chip.network.populations[k].size, self.sign)
            total = total + loss
            measures[f"loss_{name}"] = loss.detach()
            for sign, value in (("positive", positive), ("negative", negative)):
                measures[f"goodness_{sign}_{name}"] = value.detach().mean()
        for sign in ("positive", "negative"):
            parts = [value for key, value in measures.items() if key.startswith(f"goodness_{sign}_")]
            measures[f"goodness_{sign}"] = torch.stack(parts).mean()
        return Loss(total, measures)

    def wrong(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
        """Draw a wrong label per sample, shape (batch,)."""
        if self.recipe.negatives == "random":
            return draw_wrong(None, y, self.output.classes, rng)
        with torch.no_grad():
            return draw_wrong(self.recipe.sharpness * self.first_scores(fabricated, x), y, self.output.classes, rng)

    def first_scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Mean goodness of each label, shape (batch, classes): after the first sample, where label lines drive.

        With feed-forward update this is the bottom-up pass; other chips are run as far as for an answer. Populations
        after the last of these are not needed: a population starts at rest, where it sends nothing.
        """
        network = self.chip.network
        if not network.feed_forward or network.unlabelled_samples:  # the first sample does not tell the labels apart
            samples = len(self.output.window(x.shape[1] * network.hold_samples))
            return self.scores(fabricated, x) / (len(self.output.populations) * samples)
        driven = [s.target for s in network.synapses.values() if s.source is None and network.carries_label(s.port)]
        signals = cut(self.chip.signals(x, self.all_labels), range(1))
        states = self.chip.unroll(fabricated, signals, local=True, populations=max(driven) + 1)
        return self.sign * torch.stack([goodness(states[k])[..., 0] for k in driven]).mean(0).T

    def learning(self) -> list[int]:
        """Populations that learn in this epoch."""
        return list(range(len(self.chip.network.populations)))


def compare(recipe: LocalRecipe, positive: Tensor, negative: Tensor, width: int, sign: float = 1.0) -> Tensor:
    """Loss of one population of ``width`` neurons from its goodness (batch,), which is multiplied by ``sign``."""
    if recipe.loss == "difference":
        return difference_loss(sign * positive, sign * negative, recipe.margin, recipe.sharpness).mean()
    theta: Tensor | float = recipe.threshold
    if recipe.threshold_rule == "width":
        theta = recipe.threshold * width
    elif recipe.threshold_rule == "balance":
        theta = (positive.detach().mean() + negative.detach().mean()) / 2
    return threshold_loss(sign * positive, sign * negative, sign * theta, recipe.sharpness).mean()


def cut(signals: list[InputSignal], samples: range) -> list[InputSignal]:
    """Keep some of the samples only: what comes after those that count need not be run."""
    return [dataclasses.replace(s, frame_of=s.frame_of[samples.start : samples.stop]) for s in signals]
