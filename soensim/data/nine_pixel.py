"""Three letters of nine pixels, and each with one pixel turned over: a task to be learned by heart.

The letters z, v and n of 3 x 3 pixels, as in the first demonstrations of learning on memristive crossbars (Prezioso et
al. 2015, Nature 521, 61) and on spiking SOENs (doi 10.1145/3589737.3605972). Thirty patterns are all there are:
training, validation and test see the same ones, and an accuracy says what was learned, not what generalises.
"""

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import Dataset, FloatArray, Split, read_only
from soensim.errors import DataError

NAME = "nine-pixel"
SUMMARY = "letters z, v, n of 3 x 3 pixels, clean and with one pixel turned over; all 30 in every split"

LETTERS = ("110010011", "101101010", "010101101")


def _as_float(patterns: NDArray[np.uint8]) -> FloatArray:
    return patterns[:, None].astype(np.float32)


def load(data_seed: int, validation_fraction: float | None) -> Dataset:
    """Return the thirty patterns as one frame of nine channels.

    Raises
    ------
    DataError
        A validation fraction is given: the patterns are not split.
    """
    if validation_fraction is not None:
        raise DataError(f"{NAME}: all splits are the same thirty patterns; leave validation_fraction out")
    clean = np.array([[int(pixel) for pixel in letter] for letter in LETTERS], dtype=np.uint8)
    turned = np.vstack([np.zeros((1, 9), dtype=np.uint8), np.eye(9, dtype=np.uint8)])
    patterns = (clean[:, None] ^ turned).reshape(30, 9)
    split = Split(patterns, _as_float, read_only(np.repeat(np.arange(3), 10)), read_only(np.arange(30)))
    return Dataset(NAME, data_seed, 3, 1, 9, split, split, split)
