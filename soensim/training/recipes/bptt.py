"""Settings of `bptt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe, setting


@dataclass(frozen=True, kw_only=True)
class BpttRecipe(Recipe):
    """Backpropagation through time: cross-entropy of the linear readout (docs/learning-rules.md)."""

    rule: ClassVar[str] = "bptt"

    readout_gain: float = setting(
        10.0, "initial factor from scores to logits; learned, not on the chip (the argmax does not see it)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.readout_gain <= 0:
            raise RecipeError(f"readout_gain is {self.readout_gain}; it must be above 0")
