"""(Network, data, recipe) -> Program. torch is imported when a training starts, not with the package."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from soensim.data import Dataset
from soensim.fabrication import MeasuredChip
from soensim.network import Network
from soensim.routing import RoutedNetlist
from soensim.training.recipes import RECIPES, Recipe, make_recipe, register, setting
from soensim.training.recipes.registry import recipe_class
from soensim.training.result import TrainResult
from soensim.training.run_folder import held_run_folder
from soensim.training.run_options import RunOptions, Watcher


def train(
    network: Network,
    data: Dataset,
    recipe: Recipe,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    command: str = "",
    threads: int = 1,
    device: str = "cpu",
    netlist: Path | None = None,
    watch: Watcher | None = None,
    measured: MeasuredChip | None = None,
    routed: RoutedNetlist | None = None,
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
    run_dir, resume, progress, command, threads, device, netlist, watch, measured, routed
        How it is run and recorded; see `soensim.training.run_options.RunOptions`.

    Raises
    ------
    DataError, RecipeError
        The data set or the rule does not fit the chip, the run folder is not as asked for, or torch cannot compute on
        the device, or the recipe draws virtual chips beside a measured one, or rounds on the chip as drawn.
    SimulationError
        The loss is no longer finite.
    """
    options = RunOptions(
        run_dir=run_dir,
        resume=resume,
        progress=progress,
        command=command,
        threads=threads,
        device=device,
        netlist=netlist,
        watch=watch,
        measured=measured,
        routed=routed,
    )
    held = nullcontext() if run_dir is None else held_run_folder(run_dir, resume=resume, netlist=netlist)
    with held:  # before torch is loaded: of two that start together, one ends at once
        from soensim.training.loop import Training

        return Training(network, data, recipe, options).run()


def __getattr__(name: str) -> Any:
    """Return a registered recipe by the name of its class, such as `BpttRecipe`."""
    return recipe_class(name, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *(recipe.__name__ for recipe in RECIPES.values())})


__all__ = [
    "RECIPES",
    "Recipe",
    "TrainResult",
    "Watcher",
    "make_recipe",
    "register",
    "setting",
    "train",
]
