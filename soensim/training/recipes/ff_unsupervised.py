"""Settings of `ff-unsupervised`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from soensim.training.recipes.base import setting
from soensim.training.recipes.forward_forward import LocalRecipe
from soensim.training.recipes.registry import register

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_network import TrainableChip


@register
@dataclass(frozen=True, kw_only=True)
class FFUnsupervisedRecipe(LocalRecipe):
    """Forward-forward without labels, and a linear readout on top (Hinton 2022, section 3.2)."""

    rule: ClassVar[str] = "ff-unsupervised"
    sees_readout_converters: ClassVar[bool] = True

    epochs: int = setting(40, "passes over the training samples")
    loss: Literal["difference", "threshold"] = setting(
        "threshold", "positive and negative images have no pairs to compare: each with the threshold"
    )
    negatives: Literal["masked"] = setting("masked", "two images mixed by a smooth random mask")
    readout_gain: float = setting(10.0, "initial factor from scores to logits; learned, not on the chip", above=0)
    train_populations: bool = setting(True, "--no-train-populations: the control, random populations under a readout")

    @property
    def untrained_edges(self) -> str:
        """Recurrent edges are trained unless the recipe says otherwise."""
        return "train_populations is false" if not self.train_populations else ""

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.ff_unsupervised`."""
        from soensim.training.rules.ff_unsupervised import FFUnsupervised

        return FFUnsupervised(chip, self)
