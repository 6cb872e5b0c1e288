"""MNIST as sequences: 60,000 + 10,000 images of 28 x 28 pixels, 0 .. 255.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, 1998. The ways to
bring an image onto 8 inputs use exact integer sums and one division, so every machine gets the same bits.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import Dataset, FloatArray, Split, read_only
from soensim.data.idx import SourceFile, read_cached, read_local
from soensim.data.splits import fraction_of, stratified

VALIDATION_SAMPLES = 5000

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)

# SHA-256 of the unpacked files, so that a mirror may pack them as it likes
FILES = (
    SourceFile(
        "train-images-idx3-ubyte",
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    SourceFile(
        "train-labels-idx1-ubyte",
        (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    SourceFile(
        "t10k-images-idx3-ubyte",
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    SourceFile(
        "t10k-labels-idx1-ubyte",
        (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def _scaled(sums: NDArray[Any], pixels: int) -> FloatArray:
    values = sums.astype(np.float32)  # sums below 2^24: exact
    values /= np.float32(255 * pixels)
    return values


def _with_unused(values: FloatArray) -> FloatArray:
    return np.concatenate([values, np.zeros_like(values[..., :1])], axis=2)


def rows(images: NDArray[Any]) -> FloatArray:
    """Row t of the image is the input of step t: (samples, 28, 28) -> (samples, 28, 28)."""
    return _scaled(images, 1)


def pooled_rows(images: NDArray[Any]) -> FloatArray:
    """Mean of each 4 adjacent pixels of a row, and an unused channel at 0: -> (samples, 28, 8)."""
    sums = images.reshape(len(images), 28, 7, 4).sum(axis=3, dtype=np.uint16)
    return _with_unused(_scaled(sums, 4))


def cut_rows(images: NDArray[Any]) -> FloatArray:
    """Each row as four pieces of 7 pixels, left to right, with an unused channel: -> (samples, 112, 8)."""
    return _with_unused(_scaled(images.reshape(len(images), 112, 7), 1))


def pooled_image(images: NDArray[Any]) -> FloatArray:
    """Area-pooled to 8 x 8, row k is the input of step k: -> (samples, 8, 8).

    Value (k, c) is the mean over the square of 3.5 x 3.5 pixels that starts at pixel (3.5 k, 3.5 c); a pixel
    that lies half in the square counts half, a quarter at a corner. In half pixels: 7 x 7 of a 56 x 56 image.
    """
    tall = images.repeat(2, axis=1).reshape(len(images), 8, 7, 28).sum(axis=2, dtype=np.uint16)
    sums = tall.repeat(2, axis=2).reshape(len(images), 8, 8, 7).sum(axis=3, dtype=np.uint16)
    return _scaled(sums, 49)  # at most 255 * 49 = 12495


def whole_image(images: NDArray[Any]) -> FloatArray:
    """All pixels at once, row by row: -> (samples, 1, 784)."""
    return _scaled(images.reshape(len(images), 1, 784), 1)


def halved_image(images: NDArray[Any]) -> FloatArray:
    """Mean of each square of 2 x 2 pixels, all at once, row by row: -> (samples, 1, 196)."""
    sums = images.reshape(len(images), 14, 2, 14, 2).sum(axis=(2, 4), dtype=np.uint16)
    return _scaled(sums.reshape(len(images), 1, 196), 4)


@dataclass(frozen=True)
class Variant:
    """A way to read the images as sequences of (frames, channels)."""

    steps: int
    channels: int
    convert: Callable[[NDArray[Any]], FloatArray]
    summary: str


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "mnist-rows": Variant(28, 28, rows, "MNIST rows, 28 frames x 28 channels"),
        "mnist-8in-pool": Variant(28, 8, pooled_rows, "MNIST rows pooled to 7 channels + 1 unused, 28 frames"),
        "mnist-8in-cut": Variant(112, 8, cut_rows, "MNIST rows cut in four: 7 channels + 1 unused, 112 frames"),
        "mnist-8in-8x8": Variant(8, 8, pooled_image, "MNIST images area-pooled to 8 x 8, 8 frames"),
        "mnist-14x14": Variant(1, 196, halved_image, "MNIST images, area-pooled to 14 x 14, all at once"),
        "mnist-image": Variant(1, 784, whole_image, "MNIST images, all 784 pixels in one step"),
    }
)


def _read(data_dir: str | Path | None) -> list[NDArray[np.uint8]]:
    if data_dir is not None:
        return [read_local(file, Path(data_dir), "mnist", "--data-dir (data_dir)") for file in FILES]
    if named := os.environ.get("SOENSIM_DATA"):
        return [read_local(file, Path(named), "mnist", "SOENSIM_DATA") for file in FILES]
    return [read_cached(file, "mnist", MIRRORS) for file in FILES]


def load(name: str, data_seed: int, data_dir: str | Path | None, validation_fraction: float | None) -> Dataset:
    """Return a variant of MNIST with its standard test split; validation is drawn from the training set.

    Raises
    ------
    DataError
        If the files are missing or damaged, or `validation_fraction` is not in [0, 1).
    """
    variant = VARIANTS[name]
    size = fraction_of(60000, validation_fraction, VALIDATION_SAMPLES)
    images, train_labels, test_images, test_labels = _read(data_dir)
    labels = train_labels.astype(np.int64)
    held_out, rest = stratified(labels, (size,), data_seed, source=name)
    validation, train = (Split(images, variant.convert, read_only(labels[k]), read_only(k)) for k in (held_out, rest))
    everything = read_only(np.arange(len(test_labels), dtype=np.int64))
    test = Split(test_images, variant.convert, read_only(test_labels.astype(np.int64)), everything)
    return Dataset(name, data_seed, 10, variant.steps, variant.channels, train, validation, test)
