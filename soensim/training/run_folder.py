"""What makes a run folder explain itself: settings to use again, the chip, the command, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import RecipeError
from soensim.training.recipes import Recipe

RECIPE, NETLIST, RUN, HISTORY, PROGRAM, CHECKPOINT = (
    "recipe.yaml",
    "netlist.yaml",
    "run.json",
    "history.json",
    "program.safetensors",
    "checkpoint.safetensors",
)
FILES = (RECIPE, NETLIST, RUN, HISTORY, "history.csv", PROGRAM, CHECKPOINT)


def describe_run(run_dir: Path, recipe: Recipe, netlist: Path | None, origin: Mapping[str, Any]) -> None:
    """Write recipe.yaml, run.json and, where the chip came from a file, a copy of it as netlist.yaml.

    Raises
    ------
    RecipeError
        The netlist can no longer be read.
    """
    write_atomic(run_dir / RECIPE, recipe_text(recipe))
    if netlist is not None:
        try:
            write_atomic(run_dir / NETLIST, netlist.read_bytes())
        except OSError as error:
            raise RecipeError(f"{netlist}: cannot be copied into the run folder: {error.strerror}") from error
    # edge files and technologies are looked up beside the original
    file = None if netlist is None else str(netlist.resolve())
    write_atomic(run_dir / RUN, json.dumps({**origin, "netlist_file": file}, indent=1))


def recipe_text(recipe: Recipe) -> str:
    """Write the settings as YAML that `--recipe` reads."""
    settings = recipe.as_dict()
    rule = settings.pop("rule")
    head = f"# settings of rule {rule}: soensim train CHIP --rule {rule} --data NAME --recipe FILE\n"
    return head + str(yaml.safe_dump(settings, sort_keys=False))
