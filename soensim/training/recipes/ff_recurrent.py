"""Settings of `ff-recurrent`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from soensim.training.recipes.base import setting
from soensim.training.recipes.forward_forward import LocalRecipe


@dataclass(frozen=True, kw_only=True)
class FFRecurrentRecipe(LocalRecipe):
    """Recurrent forward-forward: label above, image below (docs/learning-rules.md)."""

    rule: ClassVar[str] = "ff-recurrent"

    epochs: int = setting(20, "passes over the training samples")
