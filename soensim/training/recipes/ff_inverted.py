"""Settings of `ff-inverted`."""

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
class FFInvertedRecipe(LocalRecipe):
    """Forward-forward with lateral efficacies and low activity for true labels."""

    rule: ClassVar[str] = "ff-inverted"

    epochs: int = setting(20, "passes over the training samples")
    loss: Literal["difference", "threshold"] = setting(
        "threshold", "the threshold keeps the activity of true labels low; `difference` does not"
    )
    threshold: float = setting(1.5, "theta: true labels stay below it, wrong ones above")
    negatives: Literal["random", "hard", "dynamic"] = setting(
        "dynamic", "`dynamic`: drawn from a linear classifier on the states before the label is seen"
    )

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.ff_inverted`."""
        from soensim.training.rules.ff_inverted import FFInverted

        return FFInverted(chip, self)
