"""What a presentation does to samples, one pure function per step: (samples, frames, channels) to the same axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.errors import DataError

Values = NDArray[Any]


def as_float(values: Values) -> Values:
    """Return doubles as they are, all other numbers as float32."""
    double = values.dtype.kind == "f" and values.dtype.itemsize >= 8
    return values.astype(np.float64 if double else np.float32, copy=False)


def filled(values: Values, missing: str) -> Values:
    """Fill values that are not numbers: `hold`, `linear`, or the number itself.

    `hold` takes the last value of the channel before it, at the start the first one after it; `linear` is on a straight
    line between these two.

    Raises
    ------
    DataError
        A channel of a sample has no value at all to fill from.
    """
    gaps = np.isnan(values) if values.dtype.kind == "f" else np.zeros(0, dtype=bool)
    if not gaps.any():
        return values
    whole = values.copy()
    if missing not in ("hold", "linear"):
        whole[gaps] = float(missing)
        return whole
    frames = np.arange(values.shape[1])
    for sample, channel in {(int(k), int(c)) for k, _, c in np.argwhere(gaps)}:
        known = np.flatnonzero(~gaps[sample, :, channel])
        if len(known) == 0:
            raise DataError(f"a sample has no value at all in channel {channel}; missing={missing} needs one")
        have = values[sample, known, channel]
        if missing == "linear":
            whole[sample, :, channel] = np.interp(frames, known, have)
        else:
            whole[sample, :, channel] = have[np.maximum(np.searchsorted(known, frames, side="right") - 1, 0)]
    return whole


def scaled(values: Values, low: Values, high: Values) -> Values:
    """Map `low` to 0 and `high` to 1; what is beyond is 0 or 1. A channel whose two ends are one is 0."""
    span = np.where(high > low, high - low, 1)
    at = (values - low.astype(values.dtype)) / span.astype(values.dtype)
    limited: Values = np.clip(at, 0, 1)
    return np.where(high > low, limited, limited.dtype.type(0))


def scaled_alone(values: Values) -> Values:
    """Map the lowest value of each sample to 0, its highest to 1."""
    return scaled(values, values.min(axis=(1, 2), keepdims=True), values.max(axis=(1, 2), keepdims=True))


def resampled(values: Values, frames: int) -> Values:
    """Interpolate linearly between frames; the first and the last one stay, of a single new one the middle."""
    length = values.shape[1]
    if length == frames:
        return values
    at = np.linspace(0, length - 1, frames) if frames > 1 else np.array([(length - 1) / 2])
    before = np.minimum(at.astype(np.int64), max(length - 2, 0))
    after = np.minimum(before + 1, length - 1)
    part = (at - before).astype(values.dtype)[:, None]
    mixed: Values = np.asarray(values[:, before] * (1 - part) + values[:, after] * part)
    return mixed


def _shares(length: int, parts: int) -> NDArray[np.float64]:
    """Share of each of `length` places in each of as many equal parts, (parts, length); rows sum to 1."""
    edges = np.arange(parts + 1)[:, None] * length / parts
    place = np.arange(length)
    overlap = np.minimum(edges[1:], place + 1) - np.maximum(edges[:-1], place)
    return np.asarray(np.maximum(overlap, 0) * (parts / length))


def averaged(values: Values, parts: int, axis: int) -> Values:
    """Take the mean over equal parts of an axis; what lies in two parts counts in each by its share."""
    if values.shape[axis] == parts:
        return values
    shares = _shares(values.shape[axis], parts).astype(values.dtype)
    means: Values = np.moveaxis(np.tensordot(shares, values.astype(shares.dtype, copy=False), axes=(1, axis)), 0, axis)
    return means


def padded(values: Values, size: int, axis: int) -> Values:
    """Append zeros to an axis, or cut its end off."""
    if values.shape[axis] == size:
        return values
    shape = list(values.shape)
    shape[axis] = size
    whole = np.zeros(shape, dtype=values.dtype)
    kept = tuple(slice(0, min(a, b)) for a, b in zip(shape, values.shape, strict=True))
    whole[kept] = values[kept]
    return whole


def joined(values: Values, count: int) -> Values:
    """Lay this many frames side by side into one; the last one is filled up with zeros."""
    if count == 1:
        return values
    frames = -(-values.shape[1] // count)
    whole = padded(values, frames * count, 1)
    return whole.reshape(len(values), frames, count * values.shape[2])


def cut(values: Values, count: int) -> Values:
    """Show the channels of a frame in this many pieces, one after the other; the last one is filled up with zeros."""
    if count == 1:
        return values
    width = -(-values.shape[2] // count)
    whole = padded(values, width * count, 2)
    return whole.reshape(len(values), values.shape[1] * count, width)


def rate_code(values: Values, frames: int) -> Values:
    """Turn each frame into `frames` of 0 and 1, of which round(frames x value) are 1, evenly spread."""
    number = np.arange(frames + 1, dtype=np.float64)[:, None]
    done = np.floor(values.astype(np.float64)[:, :, None, :] * number + 0.5)
    pulses = np.diff(done, axis=2).astype(values.dtype)
    return np.asarray(pulses.reshape(len(values), -1, values.shape[2]))


def latency_code(values: Values, frames: int) -> Values:
    """Turn each frame into `frames` of 0, with a 1 that is the earlier the higher the value is: 0 has none.

    The place is (1 - value) (frames - 1), rounded.
    """
    at = np.rint((1 - values.astype(np.float64)) * (frames - 1))[:, :, None, :]
    pulses = (np.arange(frames)[:, None] == at) & (values[:, :, None, :] > 0)
    return np.asarray(pulses.astype(values.dtype).reshape(len(values), -1, values.shape[2]))
