"""What a format of a user's own data is: its name, its files, its reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soensim._runtime.words import shown_path
from soensim.data.own.labelled import Raw
from soensim.errors import DataError

Reader = Callable[[tuple[Path, ...], Mapping[str, str]], Raw]


@dataclass(frozen=True)
class Format:
    """A format that own data may have.

    Attributes
    ----------
    name
        Before the colon of a data set's name.
    endings
        Of its files, in small letters: a file with one of them needs no name of the format, unless it reads folders.
    summary
        A line of help.
    read
        Reads files, given the words of the reader's own settings.
    options
        Name of each such setting, with what it says.
    folders
        Whether the paths are folders of files.
    """

    name: str
    endings: tuple[str, ...]
    summary: str
    read: Reader
    options: Mapping[str, str] = field(default_factory=dict)
    folders: bool = False

    def files(self, paths: Sequence[Path]) -> list[Path]:
        """Return the files that paths lead to, also through a folder or the beginning of their names."""
        found: list[Path] = []
        for path in paths:
            within = path if path.is_dir() else path.parent
            begins = "" if path.is_dir() else path.name
            if path.is_file() or not within.is_dir():
                found.append(path)
                continue
            inside = sorted(Path(at, file) for at, _, files in os.walk(within) for file in files if path.is_dir())
            inside = inside or sorted(file for file in within.iterdir() if file.name.startswith(begins))
            fitting = [file for file in inside if file.name.lower().endswith(self.endings) and file.is_file()]
            found += fitting or [path]
        return found


def train_and_test(paths: Sequence[Path], endings: tuple[str, ...]) -> tuple[Path, Path | None]:
    """Find the file of the training samples and, where there is one, that of the test samples.

    Two paths are these two. One is the file of all samples; or a folder, or the beginning of names, with one file of
    each whose names end in `_TRAIN` and `_TEST`, or `train` and `test`.

    Raises
    ------
    DataError
        There are more, or none, or their order is turned round.
    """
    if len(paths) > 2:
        raise DataError(f"{shown_path(paths[2])}: is a third file; legal: one with all samples, or TRAIN,TEST")
    if len(paths) == 2:
        first, second = paths
        if "test" in first.stem.lower() and "train" in second.stem.lower():
            raise DataError(f"{shown_path(first)}: is given as the training samples; write the other file first")
        return first, second
    path = paths[0]
    if path.is_file() or not (path.is_dir() or path.parent.is_dir()):
        return path, None
    folder, begins = (path, "") if path.is_dir() else (path.parent, path.name)
    files = [file for file in sorted(folder.iterdir()) if file.name.lower().endswith(endings)]
    files = [file for file in files if file.name.startswith(begins)]
    exact = [file for file in files if _before_ending(file, endings) in _pair_of(begins or path.name)]
    files = exact if len(exact) == 2 else files
    train = [file for file in files if _before_ending(file, endings).endswith("train")]
    test = [file for file in files if _before_ending(file, endings).endswith("test")]
    if len(train) == len(test) == 1:
        return train[0], test[0]
    if not path.is_dir() and not train:
        return path, None  # the reader says that there is no such file
    shown = ", ".join(file.name for file in files[:12]) or "none"
    raise DataError(
        f"{shown_path(path)}: it takes one file *_TRAIN and one *_TEST ({', '.join(endings)}) to be found by a folder "
        f"or the beginning of their names; there are: {shown}; name the files, TRAIN,TEST"
    )


def _pair_of(name: str) -> tuple[str, str]:
    return f"{name.lower()}_train", f"{name.lower()}_test"


def _before_ending(file: Path, endings: tuple[str, ...]) -> str:
    name = file.name.lower()
    return next(name.removesuffix(end) for end in endings if name.endswith(end))
