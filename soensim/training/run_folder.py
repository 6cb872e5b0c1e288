"""What makes a run folder explain itself: settings to use again, the chip, the command, versions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

import yaml

from soensim._runtime.atomic_write import write_atomic
from soensim.data import own_name
from soensim.errors import RecipeError
from soensim.training.netlist_copy import netlist_copy
from soensim.training.recipes import Recipe
from soensim.training.run_lock import locked

RECIPE, NETLIST, RUN, HISTORY, HISTORY_CSV, PROGRAM, CHECKPOINT = (
    "recipe.yaml",
    "netlist.yaml",
    "run.json",
    "history.json",
    "history.csv",
    "program.safetensors",
    "checkpoint.safetensors",
)
FILES = (RECIPE, NETLIST, RUN, HISTORY, HISTORY_CSV, PROGRAM, CHECKPOINT)
DESCRIPTION = (RUN, RECIPE, NETLIST)
NETLIST_FILES = "netlist-files"
"""Folder with copies of the files that the netlist names, where it names any."""
_RESULTS = (CHECKPOINT, PROGRAM, HISTORY, HISTORY_CSV)
_LONGEST_STEM = 40
CHECKPOINT_FORMAT = "soensim-checkpoint/2"


def default_run_dir(chip: str, rule: str, data: str, train_seed: int, measured: str | None = None) -> Path:
    """Name the folder of a training without `--run-dir`: the same for the same command, so that `--resume` finds it.

    Own data, and a measured chip, are called by the name of their file, and by a digest of its path: two files may have
    one name. The name has letters, digits, `.`, `_` and `-` alone.
    """
    if (own := own_name(data)) is not None:
        data = f"{own.format.name}-{_name_of_file(own.whole.partition(':')[2], own.paths[0])}"
    end = "" if measured is None else f"-{_name_of_file(str(Path(measured).absolute()))}"
    return Path("runs") / f"{chip}-{rule}-{data}-{train_seed}{end}"


def _name_of_file(path: str, first: str | None = None) -> str:
    """Call a file, or several of which `first` is one, by a name and a digest of all that is said of them."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(first or path).stem)[:_LONGEST_STEM]
    return f"{stem}-{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]}"


@contextmanager
def held_run_folder(run_dir: Path, *, resume: bool, netlist: Path | None = None) -> Iterator[None]:
    """Hold a run folder for one training, which no other process can do meanwhile; make it where it does not exist.

    A training that ends before its first epoch is recorded leaves what was there before it began.

    Parameters
    ----------
    run_dir
        The folder.
    resume
        Go on with the training in it, which must have a checkpoint; else there must be none.
    netlist
        File of the chip.

    Raises
    ------
    RecipeError
        Another training runs in it; it holds a training, or to resume, holds none; a file in it would be lost; it
        cannot be made.
    """
    try:
        if resume and not (run_dir / CHECKPOINT).exists():
            raise RecipeError(_nothing_to_resume(run_dir))
        made = _make(run_dir)
    except OSError as error:
        raise RecipeError(f"{run_dir}: cannot be a run folder: {error.strerror}; choose another --run-dir") from error
    try:
        with locked(run_dir):
            before = {name for name in (*DESCRIPTION, NETLIST_FILES) if (run_dir / name).exists()}
            if not resume:
                _check_free(run_dir, before, netlist)
            try:
                yield
            finally:
                if not (run_dir / CHECKPOINT).exists():
                    for name in set(DESCRIPTION) - before:
                        with suppress(OSError):
                            (run_dir / name).unlink()
                    if NETLIST_FILES not in before:
                        rmtree(run_dir / NETLIST_FILES, ignore_errors=True)
    finally:
        for folder in made:
            with suppress(OSError):  # it holds a training now
                folder.rmdir()


def _nothing_to_resume(run_dir: Path) -> str:
    path = run_dir / CHECKPOINT
    if (run_dir / PROGRAM).exists():
        return f"{path}: no checkpoint to resume from, beside a finished {PROGRAM}; train again with another --run-dir"
    return f"{path}: no checkpoint to resume from; start without --resume"


def _make(run_dir: Path) -> list[Path]:
    """Make the folder and those above it; return those that did not exist, the deepest first."""
    absent = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    run_dir.mkdir(parents=True, exist_ok=True)
    return absent


def _check_free(run_dir: Path, before: set[str], netlist: Path | None) -> None:
    """Refuse a folder in which a new training would write over something."""
    for name in _RESULTS:
        if (run_dir / name).exists():
            more = "add --resume, or choose another --run-dir" if name == CHECKPOINT else "choose another --run-dir"
            raise RecipeError(f"{run_dir}: holds a training already: {name}; {more}")
    # run.json is written first: without it, these are files of somebody else
    if before and RUN not in before:
        raise RecipeError(
            f"{run_dir}: holds a {min(before)} that is of no training and would be lost; choose another --run-dir"
        )
    if netlist is not None and (run_dir / NETLIST).exists() and netlist.resolve() == (run_dir / NETLIST).resolve():
        raise RecipeError(f"{netlist}: is the copy in the run folder {run_dir}; choose another --run-dir")


def describe_run(
    run_dir: Path, recipe: Recipe, netlist: Path | None, origin: Mapping[str, Any], *, resumed: bool
) -> None:
    """Write run.json, recipe.yaml and, where the chip came from a file, a copy of it as netlist.yaml.

    Copies of the files that the netlist names are beside it, so that the run folder can be moved.

    Those of a resumed training that are there stay as they are.

    Raises
    ------
    RecipeError
        The netlist can no longer be read.
    """

    def is_needed(name: str) -> bool:
        return not (resumed and (run_dir / name).exists())

    if is_needed(RUN):
        file = None if netlist is None else str(netlist.resolve())
        write_atomic(run_dir / RUN, json.dumps({**origin, "netlist_file": file}, indent=1))
    if is_needed(RECIPE):
        write_atomic(run_dir / RECIPE, recipe_text(recipe))
    if netlist is not None and is_needed(NETLIST):
        content, files = netlist_copy(netlist, NETLIST_FILES)
        if files:
            _make_folder(run_dir / NETLIST_FILES)
        for name, copy in files.items():
            write_atomic(run_dir / NETLIST_FILES / name, copy)
        write_atomic(run_dir / NETLIST, content)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be made: {error.strerror}; choose another --run-dir") from error


def recipe_text(recipe: Recipe) -> str:
    """Write the settings as YAML that `--recipe` reads."""
    settings = recipe.as_dict()
    rule = settings.pop("rule")
    head = f"# settings of rule {rule}: soensim train CHIP --rule {rule} --data NAME --recipe FILE\n"
    return head + str(yaml.safe_dump(settings, sort_keys=False))
