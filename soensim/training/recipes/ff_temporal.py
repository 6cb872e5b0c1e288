"""Settings of `ff-temporal`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from soensim.errors import RecipeError
from soensim.training.recipes.base import Schedule, setting
from soensim.training.recipes.forward_forward import ForwardForwardRecipe
from soensim.training.recipes.registry import register

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_network import TrainableChip


@register
@dataclass(frozen=True, kw_only=True)
class FFTemporalRecipe(ForwardForwardRecipe):
    """Temporal forward-forward: goodness of true against wrong labels at every step."""

    rule: ClassVar[str] = "ff-temporal"
    usual_for: ClassVar[str | None] = "goodness"

    epochs: int = setting(100, "passes over the training samples")
    batch_size: int = setting(64, "samples per optimiser step")
    learning_rate: float = setting(0.01, "the optimiser's step size, or the peak of one-cycle")
    schedule: Schedule = setting("exponential", "learning rate over time")
    weight_decay: float = setting(1e-4, "L2 penalty; of adamw, the decay per step and learning rate")
    recurrent_gain: float = setting(0.1, "initial recurrent efficacies, times Xavier-uniform")
    margin: float = setting(0.01, "goodness that the true label should have more than the wrong one")
    sharpness: float = setting(1.0, "k of softplus(k (margin - dG)) / k")
    negatives: Literal["random", "hard"] = setting(
        "random", "wrong labels: any, or those of most goodness (softmax of k x goodness)"
    )
    steps: Literal["all", "final"] = setting("all", "steps that the loss scores")
    compensation: bool = setting(False, "weigh step t by (1/a)^(T-1-t), normalised to the sum T")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps == "final" and self.compensation:
            raise RecipeError("compensation weighs several steps; it has no meaning with steps = final")

    def make_rule(self, chip: TrainableChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.ff_temporal`."""
        from soensim.training.rules.ff_temporal import FFTemporal

        return FFTemporal(chip, self)
