"""Settings that every recipe has and that mean nothing for spiking chips."""

from __future__ import annotations

from dataclasses import fields

from soensim.errors import RecipeError
from soensim.training.recipes.base import Recipe

_OF_RATE_NEURONS = {
    "slope_width": "no SQUID's slope is in its gradient",
    "refine": "its steps are those of the netlist",
    "calibration_samples": "it rounds each value alone",
    "wiring_budget_mm": "only recurrent edges of rate neurons are pruned",
}


def refuse_rate_settings(recipe: Recipe, **others: str) -> None:
    """Refuse settings that mean nothing for a rule of spiking chips: those of rate neurons, and others with a reason.

    Raises
    ------
    RecipeError
        One of them is not its default.
    """
    for name, why in {**_OF_RATE_NEURONS, **others}.items():
        usual = next(item.default for item in fields(recipe) if item.name == name)
        if getattr(recipe, name) != usual:
            raise RecipeError(f"{name} has no meaning for rule {recipe.rule!r}: {why}; leave it out")
