"""The digits that scikit-learn bundles: 1797 images of 8 x 8 pixels, 0 .. 16, read row by row.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (the test
set there).
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import Dataset, FloatArray, Split, read_only
from soensim.data.splits import fraction_of, stratified

SAMPLES = 1797
TEST_SAMPLES = 360
VALIDATION_SAMPLES = 180


def _rows(images: NDArray[Any]) -> FloatArray:
    return images.astype(np.float32) / np.float32(16)


def _in_frames(frames: int, images: NDArray[Any]) -> FloatArray:
    """Return the 64 pixels, row after row, cut into so many frames."""
    return _rows(images).reshape(len(images), frames, 64 // frames)


VARIANTS: Mapping[str, tuple[int, int, Callable[[NDArray[Any]], FloatArray], str]] = MappingProxyType(
    {
        "digits-rows": (8, 8, _rows, "scikit-learn digits, 8 frames x 8 channels, bundled"),
        "digits-4in": (16, 4, partial(_in_frames, 16), "scikit-learn digits, half a row at a time, 16 frames, bundled"),
        "digits-16in": (4, 16, partial(_in_frames, 4), "scikit-learn digits, two rows at a time, 4 frames, bundled"),
        "digits-32in": (2, 32, partial(_in_frames, 2), "scikit-learn digits, four rows at a time, 2 frames, bundled"),
        "digits-image": (1, 64, partial(_in_frames, 1), "scikit-learn digits, all 64 pixels in one step, bundled"),
    }
)
"""Steps, channels, conversion and a line on each way to read the images."""


def _bundled() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (1797, 8, 8) and labels.

    They are read from the file that scikit-learn has them in: its import takes 0.7 s, and nothing else here needs it.
    """
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            rows = np.loadtxt(path, np.int64, delimiter=",")
            return rows[:, :64].reshape(-1, 8, 8).astype(np.uint8), rows[:, 64].copy()
    from sklearn.datasets import load_digits  # another version may keep them elsewhere

    bunch = load_digits()
    return bunch.images.astype(np.uint8), bunch.target.astype(np.int64)


def load(name: str, data_seed: int, validation_fraction: float | None) -> Dataset:
    """Return a variant of the digits: 360 test samples, 180 (or the fraction) validation samples.

    Raises
    ------
    DataError
        If `validation_fraction` is not in [0, 1) or leaves a class without a training sample.
    """
    steps, channels, convert, _ = VARIANTS[name]
    images, labels = _bundled()
    validation = fraction_of(len(labels) - TEST_SAMPLES, validation_fraction, VALIDATION_SAMPLES)
    parts = stratified(labels, (TEST_SAMPLES, validation), data_seed, source=name)
    test, held_out, train = (Split(images, convert, read_only(labels[k]), read_only(k)) for k in parts)
    return Dataset(name, data_seed, 10, steps, channels, train, held_out, test)
