"""What every data set is: three splits of labelled sequences, and a fingerprint of the test split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from soensim.data.presentation import Presentation

FloatArray = NDArray[np.float32] | NDArray[np.float64]
IntArray = NDArray[np.int64]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of the array that refuses writes."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Labelled sequences: the samples of a source set that one purpose may see.

    Parameters
    ----------
    source : array (source samples, ...)
        The whole source set in its stored form (MNIST: uint8 images). Splits share it without a copy.
    convert : callable
        Maps rows of `source` to float values in [0, 1] of shape (rows, frames, channels).
    labels : int64 array (samples,)
        Classes 0 .. classes - 1, read-only.
    indices : int64 array (samples,)
        Position of each sample in the source set, ascending, read-only.
    """

    source: NDArray[Any]
    convert: Callable[[NDArray[Any]], FloatArray]
    labels: IntArray
    indices: IntArray

    def __repr__(self) -> str:
        return f"Split(samples={self.samples})"

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.indices)

    @cached_property
    def inputs(self) -> FloatArray:
        """Values in [0, 1], (samples, frames, channels), read-only; converted at the first use, then kept."""
        whole = self.samples == len(self.source)  # indices ascend, so they are then all of the source
        return read_only(self.convert(self.source if whole else self.source[self.indices]))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set with its three splits; the same name and `data_seed` give the same splits anywhere.

    Parameters
    ----------
    name : str
        Canonical name (an alias is resolved, the path of an own file is absolute).
    data_seed : int
        Seed that drew the splits.
    classes, steps, channels : int
        Number of labels, of frames, and of input lines.
    train, validation, test : Split
        Disjoint samples. Only `train` is fitted; choices are made on `validation`; `test` is scored once.
    origin : mapping
        What finds the same data again, beside the name; programs record it. Own data: `sha256` over the arrays of the
        file, and `presentation`, as text. MNIST from a folder that was named by `data_dir`: that folder, absolute. Else
        empty.
    class_names : tuple of str
        What the classes are called, where they have names.
    presentation : Presentation or None
        How own data come onto the lines.
    """

    name: str
    data_seed: int
    classes: int
    steps: int
    channels: int
    train: Split
    validation: Split
    test: Split
    origin: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    presentation: Presentation | None = None

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        test: tuple[Any, Any] | None = None,
        validation: tuple[Any, Any] | None = None,
        lines: int | None = None,
        presentation: str = "",
        data_seed: int = 0,
        name: str = "arrays",
    ) -> Dataset:
        """Make a data set of arrays.

        Parameters
        ----------
        x : array or sequence of arrays
            Real numbers: (samples, channels), (samples, frames, channels), (samples, frames, rows, columns), or one
            array (frames, channels) per sample, whose lengths may differ. What `numpy.asarray` takes will do.
        y : array (samples,)
            Labels: whole numbers or text. Classes are numbered in the order of the numbers, or of the letters.
        test, validation : pair of x and y, optional
            Samples for these purposes. Default: a fifth of the samples, and a tenth of the others, drawn by
            `data_seed` with every class at its share.
        lines : int, optional
            Lines of the chip that carry data. Default: as many as the presentation makes.
        presentation : str
            `KEY=VALUE,KEY=VALUE`: how samples come onto the lines. What is not said is chosen from the shapes.
        data_seed : int, default 0
            Draws the splits.
        name : str
            What the data set is called.

        Returns
        -------
        Dataset
            `.presentation` says what was chosen.

        Raises
        ------
        DataError
            Shapes, types or values are not legal, or there are too few samples.
        """
        from soensim.data.own.arrays import make_from_arrays

        parts = {"train": (x, y), "test": test, "validation": validation}
        return make_from_arrays(parts, lines=lines, presentation=presentation, data_seed=data_seed, name=name)

    @classmethod
    def from_samples(
        cls,
        train: Any,
        *,
        test: Any = None,
        validation: Any = None,
        lines: int | None = None,
        presentation: str = "",
        data_seed: int = 0,
        name: str = "arrays",
    ) -> Dataset:
        """Make a data set of objects as torchvision has them: with a length, and `object[k]` a pair of value and label.

        Parameters
        ----------
        train, test, validation
            Values are what `numpy.asarray` takes: images of PIL, tensors, arrays; an axis of one channel in front of
            the rows and columns of an image is left out. Names of the classes are those of `train.classes`, where it
            has them.
        lines, presentation, data_seed, name
            As of `from_arrays`.

        Raises
        ------
        DataError
            As `from_arrays`.
        """
        from soensim.data.own.arrays import make_from_samples

        parts = {"train": train, "test": test, "validation": validation}
        return make_from_samples(parts, lines=lines, presentation=presentation, data_seed=data_seed, name=name)

    @property
    def told(self) -> str:
        """Say in a line what the samples are, and how they come onto the lines."""
        sizes = f"{self.train.samples} to train, {self.validation.samples} to validate, {self.test.samples} to test"
        names = ", ".join(self.class_names[:12]) + (", …" if self.classes > 12 else "")
        shown = f"; {self.presentation.told}" if self.presentation is not None else ""
        shape = (
            f"{_counted(self.steps, 'frame')} x {_counted(self.channels, 'line')} (another way: --data FILE::KEY=VALUE)"
        )
        return f"{self.name}: samples: {sizes}; classes: {names}{shown}; {shape}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over the indices, values and labels of the test split.

        A program records it; equal fingerprints prove that two results used the same test samples.
        """
        digest = hashlib.sha256(b"soensim test split 1")
        inputs = self.test.inputs
        for array in (self.test.indices, inputs, self.test.labels):
            stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(f"|{stored.dtype.str}{stored.shape}|".encode())
            digest.update(stored.data)
        return digest.hexdigest()
