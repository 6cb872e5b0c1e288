"""Settings of `bptt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from soensim.training.recipes.base import Recipe, setting
from soensim.training.recipes.registry import register

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_network import TrainableChip


@register
@dataclass(frozen=True, kw_only=True)
class BpttRecipe(Recipe):
    """Backpropagation through time: cross-entropy of the linear readout (Werbos 1990)."""

    rule: ClassVar[str] = "bptt"
    sees_readout_converters: ClassVar[bool] = True
    usual_for: ClassVar[str | None] = "linear"

    readout_gain: float = setting(
        10.0, "initial factor from scores to logits; learned, not on the chip (the argmax does not see it)", above=0
    )

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.bptt`."""
        from soensim.training.rules.bptt import Bptt

        return Bptt(chip, self)
