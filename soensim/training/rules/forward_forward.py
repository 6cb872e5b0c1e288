"""What the forward-forward rules share: goodness, wrong labels, losses (Hinton 2022, arXiv:2212.13345)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.network import GoodnessOutput
from soensim.training.recipes.forward_forward import ForwardForwardRecipe
from soensim.training.trainable_network import TrainableChip


class ForwardForward(ABC):
    """Base of the rules that compare the goodness of a true and a wrong label.

    A subclass says how goodness is computed, and how far its gradient goes.
    """

    extra: dict[str, Tensor]

    def __init__(self, chip: TrainableChip, recipe: ForwardForwardRecipe) -> None:
        output = chip.network.output
        if not isinstance(output, GoodnessOutput):
            raise RecipeError(f"rule {recipe.rule!r} needs a goodness readout; chip {chip.network.name!r} has none")
        self.chip = chip
        self.recipe = recipe
        self.output = output
        self.extra = {}

    @abstractmethod
    def goodness(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor) -> list[Tensor]:
        """Goodness of each population, shape (hypotheses, batch, samples), for labels (hypotheses, batch or 1)."""

    @abstractmethod
    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Score with each label on the label lines, shape (batch, classes)."""

    @property
    def all_labels(self) -> Tensor:
        """Every label as a hypothesis, shape (classes, 1)."""
        return torch.arange(self.output.classes)[:, None]

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:  # noqa: B027
        """Nothing changes from one epoch to the next."""


def both_signs(y: Tensor, wrong: Tensor) -> Tensor:
    """Stack true and wrong labels, shape (2, batch): one pass serves both signs."""
    return torch.stack([y, wrong])


def draw_wrong(logits: Tensor | None, y: Tensor, classes: int, rng: np.random.Generator) -> Tensor:
    """Draw a wrong label per sample, shape (batch,).

    Parameters
    ----------
    logits
        Odds of each class, shape (batch, classes): hard negatives are drawn by softmax of their scores
        (docs/learning-rules.md); None gives every wrong label the same odds.
    y
        True labels, shape (batch,).
    rng
        Advanced by one call.
    """
    if logits is None:
        return (y + torch.as_tensor(rng.integers(1, classes, len(y)))) % classes
    wrong_only = logits.float().scatter(1, y[:, None], -torch.inf)
    weights = torch.softmax(wrong_only, 1)
    weights = weights.scatter(1, y[:, None], 0.0).cumsum(1)
    drawn = torch.as_tensor(rng.random((len(y), 1), dtype=np.float32)) * weights[:, -1:]
    # the first class whose cumulative weight exceeds the draw has a weight of its own, so it is not the true one
    chosen = (weights > drawn).to(torch.uint8).argmax(1)
    return torch.where(chosen == y, (y + 1) % classes, chosen)  # only where rounding let the draw reach the sum


def difference_loss(positive: Tensor, negative: Tensor, margin: float, sharpness: float) -> Tensor:
    """softplus(k (margin - (G+ - G-))) / k, element by element."""
    return softplus(sharpness * (margin - (positive - negative))) / sharpness


def threshold_loss(positive: Tensor, negative: Tensor, threshold: Tensor | float, sharpness: float) -> Tensor:
    """(softplus(k (theta - G+)) + softplus(k (G- - theta))) / k, element by element."""
    above = softplus(sharpness * (threshold - positive))
    return (above + softplus(sharpness * (negative - threshold))) / sharpness
