"""The one list of rules: recipes by name, found in the modules of this room. No torch is loaded for it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, TypeVar

from soensim.errors import RecipeError
from soensim.netlist.base import nearest
from soensim.training.recipes.base import Recipe

RECIPES: dict[str, type[Recipe]] = {}
"""Recipe of every rule, by the rule's name."""

R = TypeVar("R", bound=type[Recipe])


def register(recipe: R) -> R:
    """Make a recipe known by its ``rule`` (a decorator, above `dataclass`).

    Raises
    ------
    RecipeError
        Another recipe has that name.
    """
    known = RECIPES.setdefault(recipe.rule, recipe)
    if known is not recipe:
        raise RecipeError(f"rule {recipe.rule!r} is {known.__name__} already; give {recipe.__name__} another name")
    return recipe


def import_recipes(package: str, folders: Iterable[str]) -> None:
    """Import every module of a package, in the order of the alphabet: each registers its recipes."""
    for module in sorted(pkgutil.iter_modules(folders), key=lambda found: found.name):
        import_module(f"{package}.{module.name}")


def recipe_class(name: str, module: str) -> type[Recipe]:
    """Return the recipe whose class has this name: what a module's ``__getattr__`` answers with.

    Raises
    ------
    AttributeError
        There is none; the message is that of ``module``.
    """
    for recipe in RECIPES.values():
        if recipe.__name__ == name:
            return recipe
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def make_recipe(rule: str, settings: Mapping[str, Any]) -> Recipe:
    """Make the recipe of a rule; settings that are left out take its defaults.

    Raises
    ------
    RecipeError
        The rule or a setting is unknown, or a value is not legal.
    """
    if rule not in RECIPES:
        raise RecipeError(f"no rule {rule!r}; {nearest(rule, RECIPES)}there are {', '.join(RECIPES)}")
    recipe = RECIPES[rule]
    known = [item.name for item in fields(recipe)]
    for name in settings:
        if name not in known:
            hint = nearest(name, known)
            raise RecipeError(f"rule {rule!r} has no setting {name!r}; {hint}it has {', '.join(known)}", setting=name)
    return recipe(**settings)
