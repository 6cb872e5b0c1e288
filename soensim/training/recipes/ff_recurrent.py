"""Settings of `ff-recurrent`."""

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
class FFRecurrentRecipe(LocalRecipe):
    """Recurrent forward-forward: label above, image below (Hinton 2022, section 5)."""

    rule: ClassVar[str] = "ff-recurrent"

    epochs: int = setting(20, "passes over the training samples")
    negatives: Literal["random", "hard"] = setting(
        "hard", "wrong labels: any, or those of most goodness (softmax of k x goodness)"
    )

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.ff_recurrent`."""
        from soensim.training.rules.ff_recurrent import FFRecurrent

        return FFRecurrent(chip, self)
