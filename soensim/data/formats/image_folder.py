"""Folders of images, one folder per class: grey levels, a row is a frame."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown, shown_path
from soensim.data.formats.class_folders import read_folders
from soensim.data.formats.format import Format
from soensim.data.own.labelled import Raw
from soensim.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_MOST = 4096  # pixels of a side
OPTIONS = MappingProxyType({"size": "rows x columns that every image is brought to, as 28x28"})


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:
    """Read images.

    Raises
    ------
    DataError
        One cannot be read, or is of another size than the first where no size is said.
    """
    size = _size(options["size"]) if "size" in options else None
    first: dict[str, tuple[int, ...]] = {}

    def image(path: Path) -> NDArray[Any]:
        values = _grey(path, size)
        if first.setdefault("shape", values.shape) != values.shape:
            raise DataError(
                f"{shown_path(path)}: is {values.shape[0]} x {values.shape[1]} pixels, the first image "
                f"{first['shape'][0]} x {first['shape'][1]}; bring all to one size with ::size=ROWSxCOLUMNS"
            )
        return values

    return read_folders(paths, ENDINGS, image)


def _grey(path: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError  # slow import

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:  # sizes are checked here
            if max(image.size) > _MOST:
                raise DataError(
                    f"{shown_path(path)}: is {image.size[1]} x {image.size[0]} pixels; at most {_MOST} a side"
                )
            grey = image.convert("L")
            if size is not None:
                grey = grey.resize((size[1], size[0]), Image.Resampling.BOX)
            return np.asarray(grey, dtype=np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{shown_path(path)}: cannot be read as an image: {error}") from error


def _size(word: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", word)
    if match is None or max(int(match[1]), int(match[2])) > _MOST:
        raise DataError(f"images: size is {shown(word)}; legal: ROWSxCOLUMNS, each from 1 to {_MOST}")
    return int(match[1]), int(match[2])


FORMAT = Format(
    "images",
    ENDINGS,
    "a folder of images with a folder per class; TRAIN,TEST or train/ and test/ in one",
    read,
    OPTIONS,
    True,
)
