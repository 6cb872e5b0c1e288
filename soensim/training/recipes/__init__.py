"""Training settings: one frozen dataclass per rule; every default has its reason beside it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe
from soensim.training.recipes.bptt import BpttRecipe
from soensim.training.recipes.eprop import EpropRecipe
from soensim.training.recipes.ff_inverted import FFInvertedRecipe
from soensim.training.recipes.ff_local import FFLocalRecipe
from soensim.training.recipes.ff_recurrent import FFRecurrentRecipe
from soensim.training.recipes.ff_temporal import FFTemporalRecipe
from soensim.training.recipes.ff_unsupervised import FFUnsupervisedRecipe
from soensim.training.recipes.forward_forward import ForwardForwardRecipe, LocalRecipe

RECIPES: dict[str, type[Recipe]] = {
    r.rule: r
    for r in (
        BpttRecipe,
        EpropRecipe,
        FFTemporalRecipe,
        FFLocalRecipe,
        FFRecurrentRecipe,
        FFInvertedRecipe,
        FFUnsupervisedRecipe,
    )
}


def make_recipe(rule: str, settings: Mapping[str, Any]) -> Recipe:
    """Make the recipe of a rule; settings that are left out take its defaults.

    Raises
    ------
    RecipeError
        The rule or a setting is unknown, or a value is not legal.
    """
    if rule not in RECIPES:
        raise RecipeError(f"no rule {rule!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[rule]
    known = [item.name for item in fields(recipe)]
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise RecipeError(f"rule {rule!r} has no setting {name!r}; {hint}it has {', '.join(known)}")
    return recipe(**settings)


__all__ = [
    "RECIPES",
    "BpttRecipe",
    "EpropRecipe",
    "FFInvertedRecipe",
    "FFLocalRecipe",
    "FFRecurrentRecipe",
    "FFTemporalRecipe",
    "FFUnsupervisedRecipe",
    "ForwardForwardRecipe",
    "LocalRecipe",
    "Recipe",
    "make_recipe",
]
