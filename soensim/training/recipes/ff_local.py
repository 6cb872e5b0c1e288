"""Settings of `ff-local`."""

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
class FFLocalRecipe(LocalRecipe):
    """Layer-local forward-forward on a static image (Hinton 2022, section 3)."""

    rule: ClassVar[str] = "ff-local"

    epochs: int = setting(60, "passes over the training samples")
    negatives: Literal["random", "hard"] = setting(
        "hard", "wrong labels: any, or those of most goodness (softmax of k x goodness)"
    )
    growth: Literal["together", "one-by-one"] = setting(
        "together", "train all populations, or one after another, each on what the earlier ones send"
    )
    growth_gain: float = setting(
        0.01, "one-by-one stops when a population adds less validation accuracy than this", least=0
    )

    @property
    def untrained_edges(self) -> str:
        """Recurrent edges are trained unless the recipe says otherwise."""
        return (
            "growth is 'one-by-one', and later populations are not trained at first"
            if self.growth == "one-by-one"
            else ""
        )

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.ff_local`."""
        from soensim.training.rules.ff_local import FFLocal

        return FFLocal(chip, self)
