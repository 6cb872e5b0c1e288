"""Settings that the forward-forward rules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soensim.training.recipes.base import Recipe, Schedule, setting


@dataclass(frozen=True, kw_only=True)
class ForwardForwardRecipe(Recipe):
    """Goodness of true (positive) against wrong (negative) data (Hinton 2022; docs/learning-rules.md)."""

    sharpness: float = setting(20.0, "k of softplus(k ...) / k: how soon a won comparison stops to matter", above=0)
    margin: float = setting(0.0, "goodness that the true label should have more than the wrong one")
    negatives: Literal["random", "hard", "dynamic", "masked"] = setting(
        "hard", "wrong labels: any, or those of most goodness (softmax of k x goodness)"
    )


@dataclass(frozen=True, kw_only=True)
class LocalRecipe(ForwardForwardRecipe):
    """Rules whose gradient stays within one population and one step."""

    learning_rate: float = setting(1e-3, "Adam's step size, or the peak of one-cycle")
    schedule: Schedule = setting("half-linear", "learning rate over time")
    input_gain: float = setting(0.7, "initial input efficacies, times Xavier-uniform: unit variance behind unit inputs")
    recurrent_gain: float = setting(0.7, "initial efficacies between populations, times Xavier-uniform")
    shift_pixels: int = setting(
        0, "move every image by up to this many pixels, drawn for each batch", least=0, most=1000
    )
    loss: Literal["difference", "threshold"] = setting(
        "difference", "compare both signs with each other, or each with the threshold"
    )
    threshold: float = setting(
        1.0, "theta of the threshold loss: goodness (a mean of squares) between negative and positive", above=0
    )
    threshold_rule: Literal["fixed", "width", "balance"] = setting(
        "fixed",
        "theta itself; theta x neurons of the population; or midway between both signs, each batch",
    )
