"""Encoders and decoders: values to drive, labels to lines, scores to labels. Pure functions."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.data.dataset import FloatArray, IntArray
from soensim.errors import DataError


def encode(values: FloatArray, drive_low: float, drive_high: float) -> FloatArray:
    """Map values in [0, 1] to the drive range of an input population: values (high - low) + low.

    Parameters
    ----------
    values : float array, any shape
        Values in [0, 1]; not changed.
    drive_low, drive_high : float
        Drive for 0 and for 1, in the unit of the input population (example: 0.025, 0.275).

    Returns
    -------
    float array
        Same shape and precision as `values`.

    Raises
    ------
    DataError
        If a value is outside [0, 1] or not a number, or the range is not finite or not ascending.
    """
    if not (np.isfinite(drive_low) and np.isfinite(drive_high) and drive_low < drive_high):
        raise DataError(f"the drive range is {drive_low} .. {drive_high}; legal: two finite numbers, low < high")
    check_unit_range(values, "the values to encode")
    encoded: FloatArray = values * float(drive_high - drive_low)
    encoded += float(drive_low)
    return encoded


def check_unit_range(values: NDArray[Any], what: str) -> None:
    """Raise `DataError`, naming the first bad element, unless all values are numbers in [0, 1]."""
    if values.dtype.kind != "f":
        raise DataError(f"{what} are of type {values.dtype}; legal: float32 or float64")
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):  # a NaN fails both comparisons
        return
    where = tuple(int(k) for k in np.argwhere(~((values >= 0) & (values <= 1)))[0])
    raise DataError(f"{what} must be in [0, 1]; element {list(where)} is {values[where]}; scale or repair the data")


def checked_labels(labels: ArrayLike, classes: int) -> IntArray:
    """Return the labels as whole numbers (batch,); refuse with `DataError` what is none of the classes."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"labels have shape {array.shape}, type {array.dtype}; legal: whole numbers, (batch,)")
    if array.size and (array.min() < 0 or array.max() >= classes):
        bad = array[(array < 0) | (array >= classes)][0]
        raise DataError(f"label {bad} is outside 0 .. {classes - 1} ({classes} classes)")
    return array.astype(np.int64)


def argmax_decode(scores: ArrayLike) -> IntArray:
    """Return the class with the highest score; a tie goes to the lowest class.

    Parameters
    ----------
    scores : array (..., classes)
        Scores of one readout or goodness of each label hypothesis.

    Returns
    -------
    int64 array (...)

    Raises
    ------
    DataError
        If there is no class axis, or a score is not a number (a state diverged).
    """
    array = np.asarray(scores)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise DataError(f"scores have shape {array.shape}; legal: (..., classes) with 1 class or more")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise DataError(f"{int(np.isnan(array).any(axis=-1).sum())} samples have a score that is not a number")
    return np.asarray(np.argmax(array, axis=-1), dtype=np.int64)
