"""A few samples as the chip sees them, each with what it was taken for."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from soensim.report.figures.style import RIGHT, SEQUENTIAL, WRONG, new_figure, quiet, styled

SIDE = 5


@styled
def sample_grid(values: NDArray[np.floating], labels: NDArray[np.int64], answered: NDArray[np.int64]) -> Figure:
    """Draw the first 25 samples, steps downward and channels to the right, with their answers.

    A single step of a square number of channels is a static image, and is drawn as a square.

    Parameters
    ----------
    values
        Shape (samples, frames, channels), in [0, 1].
    labels, answered
        True classes and answers, shape (samples,); wrong answers name both.
    """
    side = math.isqrt(values.shape[2])
    if values.shape[1] == 1 and side * side == values.shape[2]:
        values = values.reshape(len(values), side, side)
    figure = new_figure(5.0, 5.6)
    for place, axes in enumerate(figure.subplots(SIDE, SIDE).flat):
        quiet(axes)
        axes.set(xticks=[], yticks=[])
        if place >= len(values):
            axes.set_visible(False)
            continue
        axes.imshow(values[place], cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        right = answered[place] == labels[place]
        text = f"{answered[place]}" if right else f"{answered[place]}, not {labels[place]}"
        axes.set_title(text, fontsize=8.5, loc="center", color=RIGHT if right else WRONG, pad=2)
    return figure
