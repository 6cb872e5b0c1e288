"""Settings of `eprop`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe, setting


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
        10.0, "initial factor from scores to logits; learned, not on the chip (the argmax does not see it)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.readout_gain <= 0:
            raise RecipeError(f"readout_gain is {self.readout_gain}; it must be above 0")
