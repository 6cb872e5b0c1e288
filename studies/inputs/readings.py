"""Write the digits as an 8-line chip may read them: in columns, in half rows, pixel by pixel, and twice.

Each file is data of one's own (`npz:PATH`): all 1797 images of scikit-learn's digits, (samples, frames, 8 lines); lines
that a reading does not use are 0. Splits are drawn from these files, and differ from those of `digits-rows`: so rows
have a file too. A second: python studies/inputs/readings.py
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
LINES = 8


def main() -> None:
    """Write a file for each reading."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float16)  # sixteenths are exact
    readings = {
        "rows": images,
        "columns": images.transpose(0, 2, 1),
        "half-rows": on_lines(images.reshape(-1, 16, 4)),
        "pixels": on_lines(images.reshape(-1, 64, 1)),
        "rows-twice": np.concatenate((images, images), axis=1),
        "rows-and-columns": np.concatenate((images, images.transpose(0, 2, 1)), axis=1),
    }
    for name, inputs in readings.items():
        np.savez_compressed(HERE / f"{name}.npz", inputs=inputs, labels=digits.target.astype(np.int8))


def on_lines(values: NDArray[np.float16]) -> NDArray[np.float16]:
    """Add lines that are not used."""
    return np.pad(values, ((0, 0), (0, 0), (0, LINES - values.shape[2])))


if __name__ == "__main__":
    main()
