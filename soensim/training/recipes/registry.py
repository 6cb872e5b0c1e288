"""The one list of rules: recipes by name, found in the modules of this room. No torch is loaded for it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, get_args, get_type_hints

from soensim._runtime.words import nearest
from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe, limits_of, refuse, wrong_settings

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
    """Import every module of a package, in alphabetical order: each registers its recipes."""
    for module in sorted(pkgutil.iter_modules(folders), key=lambda info: info.name):
        import_module(f"{package}.{module.name}")


@dataclass(frozen=True)
class SettingInfo:
    """A setting as the rules have it that take it.

    Attributes
    ----------
    kind
        bool, int, float, or str for a choice or for text.
    choices
        Legal words of a choice, those of all rules; else empty.
    help
        What it means; rules may differ in the words, and then it is those of the first.
    limits
        `above`, `least`, `below` and `most`, as `setting` takes them, where there are any.
    defaults
        By rule.
    """

    kind: type
    choices: tuple[str, ...]
    help: str
    limits: Mapping[str, float]
    defaults: Mapping[str, Any]


def all_settings() -> dict[str, SettingInfo]:
    """List every setting of every rule by name, for a command line or an editor."""
    return dict(_settings_of(tuple(RECIPES.items())))


@cache
def _settings_of(recipes: tuple[tuple[str, type[Recipe]], ...]) -> Mapping[str, SettingInfo]:
    """`all_settings` of the rules that are registered; their annotations take 15 ms to resolve."""
    settings: dict[str, SettingInfo] = {}
    for rule, recipe in recipes:
        hints = get_type_hints(recipe)
        for item in fields(recipe):
            choices: tuple[str, ...] = get_args(hints[item.name])
            limits = limits_of(recipe, item.name)
            first = SettingInfo(str if choices else hints[item.name], (), item.metadata["help"], limits, {})
            known = settings.get(item.name, first)
            settings[item.name] = replace(
                known,
                choices=tuple(dict.fromkeys((*known.choices, *choices))),
                defaults={**known.defaults, rule: item.default},
            )
    return settings


def usual_rule(readout: str | None, *, spiking: bool = False) -> str:
    """Name the rule that messages advise for a kind of readout; a chip without one is trained like a linear one.

    For spiking chips it is that of spike counts, whatever is read.
    """
    kind = "spike-count" if spiking else readout or "linear"
    return next(rule for rule, recipe in RECIPES.items() if vars(recipe).get("usual_for") == kind)


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
    refuse(rule, wrong_settings(recipe, settings))
    return recipe(**settings)
