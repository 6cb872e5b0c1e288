"""(Network, data, recipe) -> Program. torch is imported when a training starts, not with the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data import Dataset
from soensim.network import Network
from soensim.training.recipes import RECIPES, Recipe, make_recipe, register, setting
from soensim.training.recipes.registry import recipe_class
from soensim.training.result import TrainResult

Watcher = Callable[[dict[str, Any], Mapping[str, NDArray[np.float64]], NDArray[np.int64]], None]
"""Called after every epoch: its row, the values per edge by key, and the answers to the validation samples."""


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
        Folder for a checkpoint after every epoch, the history (JSON and CSV), what the run is (recipe.yaml, run.json)
        and the program; None writes nothing.
    resume
        Go on from the checkpoint in ``run_dir``; the result is the same as without the interruption.
    progress
        Show a progress bar on standard error, or a line per epoch where that is no terminal.
    command
        The command line that asked for this, for the program's header.
    threads
        Threads that torch and the compiled loops may use. No setting of the recipe, though torch's sums may differ in
        their last bits with it: measured, products of 128 x 500 x 500 and more do not, sums over whole tensors and
        products with few columns do. One thread, the default, gives one result.
    device
        torch's name of the device to compute on, `cuda` for a GPU. The fused kernels are the CPU's; elsewhere the plain
        time loop runs, and sums may differ from run to run in their last bits.
    netlist
        The chip's file, of which the run folder gets a copy.
    watch
        Called after every epoch with its row, the values per edge by key, and the answers to the validation samples;
        `soensim.report.tensorboard.TensorBoard` is one.

    Raises
    ------
    DataError, RecipeError
        The data set or the rule does not fit the chip, the run folder is not as asked for, or torch cannot compute on
        the device.
    SimulationError
        The loss is no longer finite.
    """
    from soensim.training.loop import Training

    return Training(
        network,
        data,
        recipe,
        run_dir=run_dir,
        resume=resume,
        progress=progress,
        command=command,
        threads=threads,
        device=device,
        netlist=netlist,
        watch=watch,
    ).run()


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
