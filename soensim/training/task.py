"""From the task of a netlist, and what a caller asks for instead, to a data set and a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soensim.data import source_name
from soensim.errors import RecipeError
from soensim.netlist import Task
from soensim.training.recipes import RECIPES, Recipe, make_recipe


@dataclass(frozen=True)
class Assignment:
    """What to train, and how.

    Attributes
    ----------
    data
        Name of the data set.
    recipe
        The rule and its settings.
    """

    data: str
    recipe: Recipe


def assign(
    task: Task | None, *, data: str | None = None, rule: str | None = None, settings: Mapping[str, Any] | None = None
) -> Assignment:
    """Fill in from a chip's task what is not given.

    A setting is that of ``settings``, else of the task's recipe, else the rule's default. The task's recipe was chosen
    for its data set and rule: it is left out where a rule is given, or another data set.

    Parameters
    ----------
    task
        That of the netlist, if it has one.
    data, rule
        Name of the data set and of the rule; None takes the task's.
    settings
        Settings of the rule, by name.

    Raises
    ------
    RecipeError
        There is no task to take the data set or the rule from; the rule or a setting is unknown, or a value not legal.
    DataError
        There is no such data set.
    """
    given = settings or {}
    if task is None:
        if rule is None or data is None:
            raise RecipeError(
                f"no {'rule' if rule is None else 'data set'} is given, and the netlist has no task: give --rule "
                f"({', '.join(RECIPES)}) and --data, or add `task: {{data: NAME, rule: NAME}}` to the netlist"
            )
        return Assignment(data, make_recipe(rule, given))
    as_chosen = rule is None and (data is None or source_name(data) == source_name(task.data))
    recipe = make_recipe(rule or task.rule, {**task.recipe, **given} if as_chosen else given)
    return Assignment(data or task.data, recipe)
