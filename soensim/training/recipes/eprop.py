"""Settings of `eprop`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from soensim.training.recipes.base import Recipe, setting
from soensim.training.recipes.registry import register

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_network import TrainableChip


@register
@dataclass(frozen=True, kw_only=True)
class EpropRecipe(Recipe):
    """Eligibility traces and a learning signal: nothing goes back through time (Bellec et al. 2020)."""

    rule: ClassVar[str] = "eprop"

    learning_rate: float = setting(
        0.005, "Adam's step size, or the peak of one-cycle; 0.02, that of bptt, is unsteady here (studies/eprop)"
    )
    feedback: Literal["symmetric", "random"] = setting(
        "symmetric", "weights that carry the error to the neurons: the readout's own, or fixed random ones"
    )
    readout_gain: float = setting(
        10.0, "initial factor from scores to logits; learned, not on the chip (the argmax does not see it)", above=0
    )

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.eprop`."""
        from soensim.training.rules.eprop import Eprop

        return Eprop(chip, self)
