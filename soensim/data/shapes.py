"""Shapes of data sets, without loading what has to be downloaded; and sets that hold the same values on other lines."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.data import digits, mnist
from soensim.data.load import absolute_name, load_dataset
from soensim.data.own.name import own_name
from soensim.errors import DataError

_DIGITS_TRAINING = digits.SAMPLES - digits.TEST_SAMPLES - digits.VALIDATION_SAMPLES
_MNIST_TRAINING = 60000 - mnist.VALIDATION_SAMPLES
_CLASSES = 10  # of both


@dataclass(frozen=True)
class Shape:
    """What a chip has to know of a data set.

    Attributes
    ----------
    name
        Canonical; the path of an own file is absolute.
    frames, channels, classes
        As of `soensim.data.Dataset`.
    training_samples
        Size of the training split.
    """

    name: str
    frames: int
    channels: int
    classes: int
    training_samples: int


def shape_of(name: str, lines: int | None = None) -> Shape:
    """Return the shape of a data set; nothing is downloaded, and no image is read, for it.

    Parameters
    ----------
    name
        As of `soensim.data.load_dataset`.
    lines
        Own data are laid onto this number of lines; None: as many as they have.

    Raises
    ------
    DataError
        As `soensim.data.load_dataset`.
    """
    name = absolute_name(name)
    if name in digits.VARIANTS:
        frames, channels, *_ = digits.VARIANTS[name]
        return Shape(name, frames, channels, _CLASSES, _DIGITS_TRAINING)
    if name in mnist.VARIANTS:
        variant = mnist.VARIANTS[name]
        return Shape(name, variant.steps, variant.channels, _CLASSES, _MNIST_TRAINING)
    data = load_dataset(name, lines=lines)
    return Shape(name, data.steps, data.channels, data.classes, data.train.samples)


def on_lines(shape: Shape, channels: int) -> Shape:
    """Return the data set on so many lines: own data by their presentation, others where the same values come so.

    Raises
    ------
    DataError
        There is none; the message says which numbers are possible.
    """
    if shape.channels == channels:
        return shape
    if own_name(shape.name) is not None:
        return shape_of(shape.name, channels)
    known = {other.channels: other for other in _same_values(shape)}
    if channels in known:
        return known[channels]
    legal = ", ".join(f"{lines} ({other.name})" for lines, other in sorted(known.items()))
    have = [name for name in (*digits.VARIANTS, *mnist.VARIANTS) if shape_of(name).channels == channels]
    others = f"; other data sets with {channels}: {', '.join(have)}" if have else ""
    raise DataError(f"data set {shape.name!r} does not come on {channels} lines; legal: {legal}{others}")


def _same_values(shape: Shape) -> list[Shape]:
    if shape.name in digits.VARIANTS:
        return [shape_of(name) for name in digits.VARIANTS]
    if shape.name in ("mnist-rows", "mnist-image"):
        return [shape_of("mnist-rows"), shape_of("mnist-image")]
    return [shape]
