"""Learning rules: what is presented, what is scored, and how far a gradient may travel."""

from __future__ import annotations

from soensim.errors import RecipeError
from soensim.training.recipes import (
    BpttRecipe,
    EpropRecipe,
    FFInvertedRecipe,
    FFLocalRecipe,
    FFRecurrentRecipe,
    FFTemporalRecipe,
    FFUnsupervisedRecipe,
    Recipe,
)
from soensim.training.rules.base import Loss, Rule, predict
from soensim.training.rules.bptt import Bptt
from soensim.training.rules.eprop import Eprop
from soensim.training.rules.ff_inverted import FFInverted
from soensim.training.rules.ff_local import FFLocal
from soensim.training.rules.ff_recurrent import FFRecurrent
from soensim.training.rules.ff_temporal import FFTemporal
from soensim.training.rules.ff_unsupervised import FFUnsupervised
from soensim.training.trainable_network import TrainableChip


def make_rule(chip: TrainableChip, recipe: Recipe) -> Rule:
    """Make the rule of a recipe.

    Raises
    ------
    RecipeError
        The chip's readout is not of the kind that the rule needs.
    """
    match recipe:
        case BpttRecipe():
            return Bptt(chip, recipe)
        case EpropRecipe():
            return Eprop(chip, recipe)
        case FFTemporalRecipe():
            return FFTemporal(chip, recipe)
        case FFLocalRecipe():
            return FFLocal(chip, recipe)
        case FFRecurrentRecipe():
            return FFRecurrent(chip, recipe)
        case FFInvertedRecipe():
            return FFInverted(chip, recipe)
        case FFUnsupervisedRecipe():
            return FFUnsupervised(chip, recipe)
    raise RecipeError(f"no rule for a {type(recipe).__name__}")


__all__ = [
    "Bptt",
    "Eprop",
    "FFInverted",
    "FFLocal",
    "FFRecurrent",
    "FFTemporal",
    "FFUnsupervised",
    "Loss",
    "Rule",
    "make_rule",
    "predict",
]
