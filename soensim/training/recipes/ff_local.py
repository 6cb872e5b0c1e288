"""Settings of `ff-local`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from soensim.errors import RecipeError
from soensim.training.recipes.base import setting
from soensim.training.recipes.forward_forward import LocalRecipe


@dataclass(frozen=True, kw_only=True)
class FFLocalRecipe(LocalRecipe):
    """Layer-local forward-forward on a static image (docs/learning-rules.md)."""

    rule: ClassVar[str] = "ff-local"

    epochs: int = setting(60, "passes over the training samples")
    growth: Literal["together", "one-by-one"] = setting(
        "together", "train all populations, or one after another, each on what the earlier ones send"
    )
    growth_gain: float = setting(0.01, "one-by-one stops when a population adds less validation accuracy than this")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.growth_gain < 0:
            raise RecipeError(f"growth_gain is {self.growth_gain}; it must not be below 0")
