"""What every data set is: three splits of labelled sequences, and a fingerprint of the test split."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        file. MNIST from a folder that was named by `data_dir`: that folder, absolute. Else empty.
    """

    name: str
    data_seed: int
    classes: int
    steps: int
    channels: int
    train: Split
    validation: Split
    test: Split
    origin: Mapping[str, str] = field(default_factory=dict)

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
