"""Own data by name."""

from __future__ import annotations

from pathlib import Path

from soensim._runtime.words import shown_path
from soensim.data.dataset import Dataset
from soensim.data.own.make import Asked, make_dataset
from soensim.data.own.name import OwnName
from soensim.errors import DataError


def load(name: OwnName, asked: Asked) -> Dataset:
    """Read the files of a name, and make a data set of them.

    Parameters
    ----------
    name
        With absolute paths.
    asked
        What is asked, without the presentation that the name says.

    Raises
    ------
    DataError
        A file cannot be read, or is not legal.
    """
    where = ",".join(name.paths)
    try:
        raw = name.format.read(tuple(Path(path) for path in name.paths), name.options)
    except OSError as error:  # a name that is too long, a folder that may not be searched
        raise DataError(f"{shown_path(where)}: cannot be read: {error.strerror or error}") from error
    asked = Asked(asked.data_seed, asked.validation_fraction, asked.lines, name.presentation, asked.trained)
    return make_dataset(name.source, where, raw, asked)
