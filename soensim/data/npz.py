"""Data of the user's own, from a numpy archive: `npz:PATH`."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown_path
from soensim.data.dataset import Dataset, FloatArray, IntArray, Split, read_only
from soensim.data.encoding import check_unit_range
from soensim.data.splits import fraction_of, stratified
from soensim.errors import DataError
from soensim.files import load_npz, npz_names

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1

_REQUIRED = ("inputs", "labels")
_OPTIONAL = ("test_inputs", "test_labels")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    advice = "write it with numpy.savez(path, inputs=..., labels=...)"
    names = npz_names(path, error=DataError, advice=advice)
    where = shown_path(path)
    if missing := [name for name in _REQUIRED if name not in names]:
        raise DataError(f"{where}: array {missing[0]!r} is missing; it holds {names[:12]}")
    if unknown := [name for name in names if name not in (*_REQUIRED, *_OPTIONAL)]:
        raise DataError(f"{where}: unknown array {unknown[0]!r}; legal: {', '.join((*_REQUIRED, *_OPTIONAL))}")
    if len(set(names).intersection(_OPTIONAL)) == 1:
        raise DataError(f"{where}: test_inputs and test_labels come together; one of them is missing")
    return load_npz(path, error=DataError, names=names, advice=advice, finite=False)  # values are checked with the type


def _inputs(array: NDArray[Any], where: str) -> FloatArray:
    if array.ndim != 3 or array.size == 0:
        raise DataError(f"{where} have shape {array.shape}; legal: (samples, frames, channels), none of them 0")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where} are of type {array.dtype}; legal: real numbers in [0, 1]")
    double = array.dtype.kind == "f" and array.dtype.itemsize >= 8
    values: FloatArray
    values = array.astype(np.float64, copy=False) if double else array.astype(np.float32, copy=False)
    check_unit_range(values, where)
    return values


def _labels(array: NDArray[Any], where: str, samples: int) -> IntArray:
    if array.shape != (samples,) or array.dtype.kind not in "iu":
        raise DataError(f"{where} have shape {array.shape}, type {array.dtype}; legal: ({samples},), whole numbers")
    return array.astype(np.int64)


def load(name: str, data_seed: int, validation_fraction: float | None) -> Dataset:
    """Return the data set of a file with `inputs`, `labels` and optionally `test_inputs`, `test_labels`.

    Inputs are (samples, frames, channels) in [0, 1], float64 or converted to float32; labels are (samples,),
    whole numbers 0 .. classes - 1. Without a test split of its own, a fifth of the samples become one.
    A tenth of the other samples, or the stated fraction, become the validation split.

    Raises
    ------
    DataError
        If the file cannot be read, or an array is missing, unknown, of the wrong shape or type, or has values
        outside [0, 1], or labels are not contiguous; the message names the file and the array.
    """
    try:
        path = Path(name.removeprefix("npz:")).expanduser()
    except RuntimeError as error:  # ~user of an unknown user
        raise DataError(f"{name}: {error}") from error
    arrays = _arrays(path)
    inputs = _inputs(arrays["inputs"], f"{path}: inputs")
    labels = _labels(arrays["labels"], f"{path}: labels", len(inputs))
    present = np.unique(labels)
    classes = len(present)
    if classes < 2 or present[0] != 0 or present[-1] != classes - 1:
        shown = ", ".join(map(str, present[:12])) + (", ..." if classes > 12 else "")
        raise DataError(f"{path}: labels are {shown}; legal: all of 0 .. classes - 1, two classes or more")
    if "test_inputs" in arrays:
        test = _own_test(arrays, path, inputs, classes)
        held_out = fraction_of(len(labels), validation_fraction, round(len(labels) * VALIDATION_FRACTION))
        parts = stratified(labels, (held_out,), data_seed, source=str(path))
    else:
        test_samples = round(len(labels) * TEST_FRACTION)
        others = len(labels) - test_samples
        held_out = fraction_of(others, validation_fraction, round(others * VALIDATION_FRACTION))
        first, *parts = stratified(labels, (test_samples, held_out), data_seed, source=str(path))
        test = _split(inputs, labels, first)
    validation, train = (_split(inputs, labels, k) for k in parts)
    origin = {"sha256": _digest(arrays)}
    return Dataset(name, data_seed, classes, inputs.shape[1], inputs.shape[2], train, validation, test, origin)


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    """SHA-256 over the arrays of a file: of what it holds, not of how it is packed."""
    digest = hashlib.sha256(b"soensim own data 1")
    for name, array in sorted(arrays.items()):
        stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"|{name}{stored.dtype.str}{stored.shape}|".encode())
        digest.update(stored.data)
    return digest.hexdigest()


def _own_test(arrays: dict[str, NDArray[Any]], path: Path, inputs: FloatArray, classes: int) -> Split:
    test_inputs = _inputs(arrays["test_inputs"], f"{path}: test_inputs")
    if test_inputs.shape[1:] != inputs.shape[1:]:
        legal = f"(samples, {inputs.shape[1]}, {inputs.shape[2]})"
        raise DataError(f"{path}: test_inputs have shape {test_inputs.shape}; legal: {legal}")
    labels = _labels(arrays["test_labels"], f"{path}: test_labels", len(test_inputs))
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"{path}: test_labels reach {labels.min()} .. {labels.max()}; labels has 0 .. {classes - 1}")
    return _split(test_inputs, labels, np.arange(len(labels), dtype=np.int64))


def _split(inputs: FloatArray, labels: IntArray, indices: IntArray) -> Split:
    return Split(inputs, _as_stored, read_only(labels[indices]), read_only(indices))


def _as_stored(values: NDArray[Any]) -> FloatArray:
    return values
