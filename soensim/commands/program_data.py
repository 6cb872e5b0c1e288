"""The data set that a program is scored on: by default what it was trained on, with the split of its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soensim.commands import cli
from soensim.data import Dataset, absolute_name, load_dataset, own_name, source_name
from soensim.errors import DataError
from soensim.netlist import Task
from soensim.network import Network, data_lines
from soensim.program import Program


def load_program_data(
    program: Program, path: Path, network: Network, *, name: str | None, data_dir: str | None, task: Task | None
) -> Dataset:
    """Load the data asked for, else those that the program was trained on, else those of the netlist's task.

    The split is drawn with the data_seed of the training, so that another form of the same images keeps its test split.
    Own data are presented as those of the training were.

    Parameters
    ----------
    program, path
        The program, and the file that it is from.
    network
        Its chip.
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
        return _without_record(path, network, name or (None if task is None else task.data), data_dir)
    if name is None and trained.get("sha256") and own_name(trained["name"]) is None:
        raise DataError(
            f"{path}: was trained on arrays in memory, {trained['name']!r}; write them to a file (numpy.savez(FILE, "
            "inputs=..., labels=...)), and name it with --data FILE"
        )
    chosen = absolute_name(name or trained["name"])
    folder = data_dir or _folder_of(trained)
    own = own_name(chosen)
    lines = data_lines(network) or None
    try:
        data = load_dataset(chosen, data_seed=trained["data_seed"], data_dir=folder, lines=lines, trained=trained)
    except DataError as error:
        if name is None and own is not None:
            raise DataError(
                f"{error}; {path} was trained on it: restore it, or say where it is now with --data "
                f"{own.format.name}:FILE"
            ) from error
        raise
    was, now = trained.get("sha256"), data.origin.get("sha256")
    if own is not None and was is not None and now != was and source_name(chosen) == source_name(trained["name"]):
        raise DataError(
            f"{','.join(own.paths)}: has changed since {path} was trained on it (SHA-256 of its arrays was "
            f"{was:.12}, is {now:.12}); restore it, or train again; to score other data, give a file of another name"
        )
    tell_presentation(data)
    return data


def tell_presentation(data: Dataset) -> None:
    """Say how own data come onto the lines of the chip."""
    if data.presentation is not None:
        cli.tell(data.told)


def _folder_of(trained: Mapping[str, Any]) -> str | None:
    """Return the folder that the training was given, where it still is; MNIST is the same wherever it is from."""
    folder = trained.get("data_dir")
    return folder if folder and Path(folder).is_dir() else None


def _without_record(path: Path, network: Network, name: str | None, data_dir: str | None) -> Dataset:
    if name is None:
        raise DataError(f"{path}: its header does not say what it was trained on; name the data set with --data")
    data = load_dataset(name, data_dir=data_dir, lines=data_lines(network) or None)
    tell_presentation(data)
    cli.tell(
        f"{path}: its header does not say what it was trained on; the test split is that of data_seed "
        f"{data.data_seed}, and may hold samples of its training"
    )
    return data
