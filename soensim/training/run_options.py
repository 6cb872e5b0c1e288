"""How a training is run and recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.errors import RecipeError
from soensim.fabrication import MeasuredChip
from soensim.routing import RoutedNetlist

Watcher = Callable[[dict[str, Any], Mapping[str, NDArray[np.float64]], NDArray[np.int64]], None]
"""Called after every epoch: its row, the values per edge by key, and the answers to the validation samples."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a training is run and recorded: the keywords of `soensim.training.train`, none of them part of the recipe.

    Attributes
    ----------
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
    measured
        Train for this measured chip: its devices have their measured values in every forward pass, also where
        accuracies are scored. The program's header has its file and fingerprint.
    routed
        The routes that the network was compiled from: what a recipe with `wiring_budget_mm` prunes.

    Raises
    ------
    RecipeError
        ``threads`` is below 1, or ``resume`` has no run folder.
    """

    run_dir: Path | None = None
    resume: bool = False
    progress: bool = False
    command: str = ""
    threads: int = 1
    device: str = "cpu"
    netlist: Path | None = None
    watch: Watcher | None = None
    measured: MeasuredChip | None = None
    routed: RoutedNetlist | None = None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise RecipeError(f"threads is {self.threads}; it must be 1 or more")
        if self.resume and self.run_dir is None:
            raise RecipeError("resume needs the run folder to go on from")
