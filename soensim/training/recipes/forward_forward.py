"""Settings that the forward-forward rules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe, Schedule, setting


@dataclass(frozen=True, kw_only=True)
class ForwardForwardRecipe(Recipe):
    """Goodness of true (positive) against wrong (negative) data; settings of docs/learning-rules.md."""

    sharpness: float = setting(20.0, "k of softplus(k ...) / k: how soon a won comparison stops to matter")
    margin: float = setting(0.0, "goodness that the true label should have more than the wrong one")
    negatives: Literal["random", "hard", "dynamic", "masked"] = setting(
        "hard", "wrong labels: any, or those of most goodness (softmax of k x goodness)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sharpness <= 0:
            raise RecipeError(f"sharpness is {self.sharpness}; it must be above 0")


@dataclass(frozen=True, kw_only=True)
class LocalRecipe(ForwardForwardRecipe):
    """Rules whose gradient stays within one population and one step."""

    learning_rate: float = setting(1e-3, "Adam's step size, or the peak of one-cycle")
    schedule: Schedule = setting("half-linear", "learning rate over time")
    input_gain: float = setting(0.7, "initial input efficacies, times Xavier-uniform: unit variance behind unit inputs")
    recurrent_gain: float = setting(0.7, "initial efficacies between populations, times Xavier-uniform")
    shift_pixels: int = setting(0, "move every image by up to so many pixels, anew in each batch (augmentation)")
    loss: Literal["difference", "threshold"] = setting(
        "difference", "compare both signs with each other, or each with the threshold"
    )
    threshold: float = setting(1.0, "theta of the threshold loss: goodness between negative and positive")
    threshold_rule: Literal["fixed", "width", "balance"] = setting(
        "fixed",
        "theta itself; theta x neurons of the population; or midway between both signs, each batch",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shift_pixels < 0:
            raise RecipeError(f"shift_pixels is {self.shift_pixels}; it must not be below 0")
        if self.threshold <= 0:
            raise RecipeError(f"threshold is {self.threshold}; goodness is a mean of squares: it must be above 0")
