"""(Network, data, recipe) -> Program. torch is imported when a training starts, not with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soensim.train.recipe import RECIPES, BpttRecipe, FFTemporalRecipe, Recipe, make_recipe

if TYPE_CHECKING:
    from soensim.data import Dataset
    from soensim.network import Network
    from soensim.train.loop import TrainResult


def train(network: Network, data: Dataset, recipe: Recipe, **options: Any) -> TrainResult:
    """Fit weights that the chip can hold; see `soensim.train.loop.train` for the options."""
    from soensim.train.loop import train as run

    return run(network, data, recipe, **options)


__all__ = ["RECIPES", "BpttRecipe", "FFTemporalRecipe", "Recipe", "make_recipe", "train"]
