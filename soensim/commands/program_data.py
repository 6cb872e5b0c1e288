"""The data set that a program is scored on: by default what it was trained on, with the split of its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soensim.commands import cli
from soensim.data import Dataset, absolute_name, load_dataset
from soensim.errors import DataError
from soensim.netlist import Task
from soensim.program import Program

_OWN = "npz:"


def load_program_data(
    program: Program, path: Path, *, name: str | None, data_dir: str | None, task: Task | None
) -> Dataset:
    """Load the data asked for, else those that the program was trained on, else those of the netlist's task.

    The split is drawn with the data_seed of the training, so that another form of the same images keeps its test split.

    Parameters
    ----------
    program, path
        The program, and the file that it is from.
    name, data_dir
        As given on the command line.
    task
        That of the netlist.

    Raises
    ------
    DataError
        No data set is named anywhere; it cannot be loaded; an own file has changed since the training.
    """
    trained = program.header.get("data")  # checked when the program was loaded
    if not trained:
        return _without_record(path, name or (None if task is None else task.data), data_dir)
    chosen = absolute_name(name or trained["name"])
    folder = data_dir or _folder_of(trained)
    try:
        data = load_dataset(chosen, data_seed=trained["data_seed"], data_dir=folder)
    except DataError as error:
        if name is None and chosen.startswith(_OWN):
            raise DataError(
                f"{error}; {path} was trained on it: restore it, or say where it is now with --data npz:FILE"
            ) from error
        raise
    was, now = trained.get("sha256"), data.origin.get("sha256")
    if chosen == absolute_name(trained["name"]) and was is not None and now != was:
        raise DataError(
            f"{chosen.removeprefix(_OWN)}: has changed since {path} was trained on it (SHA-256 of its arrays was "
            f"{was:.12}, is {now:.12}); restore it, or train again; to score other data, give a file of another name"
        )
    return data


def _folder_of(trained: Mapping[str, Any]) -> str | None:
    """Return the folder that the training was given, where it still is; MNIST is the same wherever it is from."""
    folder = trained.get("data_dir")
    return folder if folder and Path(folder).is_dir() else None


def _without_record(path: Path, name: str | None, data_dir: str | None) -> Dataset:
    if name is None:
        raise DataError(f"{path}: its header does not say what it was trained on; name the data set with --data")
    data = load_dataset(name, data_dir=data_dir)
    cli.tell(
        f"{path}: its header does not say what it was trained on; the test split is that of data_seed "
        f"{data.data_seed}, and may hold samples of its training"
    )
    return data
