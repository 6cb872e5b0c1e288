"""Images inside sequences: smooth random masks that make hybrids of two, and random shifts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BLURS = 6  # regions of a few pixels on 28 x 28, as in Hinton's figure; any number from 4 to 10 looks alike


def image_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the image that a sample (frames, channels) is; a single frame may be a square image."""
    frames, channels = shape
    side = math.isqrt(channels)
    return (side, side) if frames == 1 and side * side == channels else shape


def shift_places(count: int, shape: tuple[int, int], largest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a shift of up to ``largest`` pixels, down and to the right, per image; say where each pixel comes from.

    Parameters
    ----------
    count
        Number of images.
    shape
        (frames, channels) of a sample, see `image_shape`.
    largest
        In pixels; 0 or more.
    rng
        Advanced by one call.

    Returns
    -------
    int64 array
        Shape (count, frames x channels): index of the pixel whose value comes here. Pixels beyond the border are taken
        from the border.
    """
    rows, columns = image_shape(shape)
    moves = rng.integers(-largest, largest + 1, (2, count, 1))
    row = np.clip(np.arange(rows) + moves[0], 0, rows - 1)
    column = np.clip(np.arange(columns) + moves[1], 0, columns - 1)
    places: NDArray[np.int64] = (row[:, :, None] * columns + column[:, None, :]).reshape(count, -1)
    return places


def smooth_masks(count: int, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw masks of large regions of ones and zeros (Hinton 2022, arXiv:2212.13345, section 3.2).

    Uniform noise on the image is blurred six times with [1/4, 1/2, 1/4] along both axes (periodic borders), then
    thresholded at its mean, 1/2.

    Parameters
    ----------
    count
        Number of masks.
    shape
        (frames, channels) of a sample; a single frame of a square number of channels is that square image.
    rng
        Advanced by one call.

    Returns
    -------
    float32 array
        Shape (count, frames, channels), of 0 and 1.
    """
    noise = rng.random((count, *image_shape(shape)), dtype=np.float32)
    for _ in range(_BLURS):
        for axis in (1, 2):
            noise = 0.5 * noise + 0.25 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return (noise > 0.5).astype(np.float32).reshape(count, *shape)
