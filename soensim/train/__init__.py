"""(Network, data, recipe) -> Program. torch is imported when a training starts, not with the package."""

from __future__ import annotations

from pathlib import Path

from soensim.data import Dataset
from soensim.network import Network
from soensim.train.recipes import (
    RECIPES,
    BpttRecipe,
    FFInvertedRecipe,
    FFLocalRecipe,
    FFRecurrentRecipe,
    FFTemporalRecipe,
    FFUnsupervisedRecipe,
    Recipe,
    make_recipe,
)
from soensim.train.result import TrainResult


def train(
    network: Network,
    data: Dataset,
    recipe: Recipe,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    command: str = "",
) -> TrainResult:
    """Fit weights that the chip can hold.

    Parameters
    ----------
    network
        The chip, at the integration step to train with.
    data
        Trains on its training split; looks at its validation split after every epoch, never at its test split.
    recipe
        The rule and its settings.
    run_dir
        Folder for a checkpoint after every epoch, the history and the program; None writes nothing.
    resume
        Go on from the checkpoint in ``run_dir``; the result is the same as without the interruption.
    progress
        Show a progress bar on standard error.
    command
        The command line that asked for this, for the program's header.

    Raises
    ------
    DataError, RecipeError
        The data set or the rule does not fit the chip, or the run folder is not as asked for.
    SimulationError
        The loss is no longer finite.
    """
    from soensim.train.loop import Training

    return Training(network, data, recipe, run_dir, resume, progress, command).run()


__all__ = [
    "RECIPES",
    "BpttRecipe",
    "FFInvertedRecipe",
    "FFLocalRecipe",
    "FFRecurrentRecipe",
    "FFTemporalRecipe",
    "FFUnsupervisedRecipe",
    "Recipe",
    "TrainResult",
    "make_recipe",
    "train",
]
