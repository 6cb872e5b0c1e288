"""Folders that have a folder per class, as torchvision's `ImageFolder` reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown_path
from soensim.data.own.labelled import Labelled, Raw, unequal
from soensim.errors import DataError

_SPLITS = {"train": "train", "training": "train", "val": "validation", "validation": "validation", "test": "test"}


def read_folders(paths: Sequence[Path], endings: tuple[str, ...], read: Callable[[Path], NDArray[Any]]) -> Raw:
    """Read the files of class folders; the name of a folder is that of the class.

    Parameters
    ----------
    paths
        One folder, which may have the folders `train`, `validation` and `test` over those of the classes; or two, the
        training and the test samples.
    endings
        Of the files that are read; others are left alone.
    read
        Reads one.

    Raises
    ------
    DataError
        There is no such folder, or nothing in it.
    """
    if len(paths) > 2:
        raise DataError(f"{shown_path(paths[2])}: is a third folder; legal: one with all samples, or TRAIN,TEST")
    roots = dict(zip(("train", "test"), paths, strict=False))
    inside = _folders(paths[0])
    if len(paths) == 1 and inside and all(folder.name.lower() in _SPLITS for folder in inside):
        roots = {_SPLITS[folder.name.lower()]: folder for folder in inside}
        if "train" not in roots:
            raise DataError(f"{shown_path(paths[0])}: has no folder train")
    return Raw.of({split: _labelled(root, endings, read) for split, root in roots.items()})


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    except OSError as error:
        raise DataError(f"{shown_path(path)}: is no folder that can be read: {error.strerror}") from error


def _labelled(root: Path, endings: tuple[str, ...], read: Callable[[Path], NDArray[Any]]) -> Labelled:
    samples, labels = [], []
    for folder in _folders(root):
        for file in sorted(folder.rglob("*")):
            if file.name.lower().endswith(endings) and not file.name.startswith("."):
                samples.append(read(file))
                labels.append(folder.name)
    if not samples:
        raise DataError(f"{shown_path(root)}: has no folder per class with files {', '.join(endings)}")
    if len({sample.dtype for sample in samples}) > 1:
        samples = [sample.astype(np.float64) for sample in samples]
    return Labelled(unequal(samples), np.array(labels))
