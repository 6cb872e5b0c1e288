"""Smooth random masks, by which two images become a hybrid (negative data without labels)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BLURS = 6  # regions of a few pixels on 28 x 28, as in Hinton's figure; any number from 4 to 10 looks alike


def smooth_masks(count: int, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw masks of large regions of ones and zeros (Hinton 2022, arXiv:2212.13345, section 3.2).

    Uniform noise on the image is blurred six times with [1/4, 1/2, 1/4] along both axes (periodic borders), then
    thresholded at its mean, 1/2.

    Parameters
    ----------
    count
        Number of masks.
    shape
        (steps, channels) of a sample; a single step of a square number of channels is that square image.
    rng
        Advanced by one call.

    Returns
    -------
    float32 array
        Shape (count, steps, channels), of 0 and 1.
    """
    steps, channels = shape
    side = math.isqrt(channels)
    image = (side, side) if steps == 1 and side * side == channels else (steps, channels)
    noise = rng.random((count, *image), dtype=np.float32)
    for _ in range(_BLURS):
        for axis in (1, 2):
            noise = 0.5 * noise + 0.25 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return (noise > 0.5).astype(np.float32).reshape(count, steps, channels)
