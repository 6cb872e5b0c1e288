"""Training settings: one frozen dataclass per rule, with the reason of every default beside it.

The modules of this room are imported in alphabetical order, and what they register is in `RECIPES`; every recipe
can be imported from here and from `soensim.training` by its name.
"""

from __future__ import annotations

from typing import Any

from soensim.training.recipes.base import Recipe, setting
from soensim.training.recipes.registry import RECIPES, all_settings, import_recipes, make_recipe, recipe_class, register

import_recipes(__name__, __path__)


def __getattr__(name: str) -> Any:
    return recipe_class(name, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *(recipe.__name__ for recipe in RECIPES.values())})


__all__ = ["RECIPES", "Recipe", "all_settings", "make_recipe", "register", "setting"]
