"""What the chip reaches: accuracies with their intervals, and which class is taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from soensim.evaluation import Evaluation
from soensim.report.figures.style import ALERT, FAINT, INK, RIGHT, SEQUENTIAL, WRONG, new_figure, quiet, styled
from soensim.report.formatting import chip_word, part_of, percent

_MAX_NUMBERED = 20  # classes up to which every cell of the confusion matrix has its number


@styled
def accuracy(evaluation: Evaluation) -> Figure:
    """Draw ideal weights, quantised codes and every fabricated chip on one axis, with 95 % intervals."""
    scores, samples = evaluation.accuracy, evaluation.samples
    figure = new_figure(7.2, 2.1)
    axes = figure.add_subplot()
    chips = np.array(scores.chips)
    lines = [
        ("ideal weights", scores.ideal, scores.ideal_ci95),
        ("quantised codes", scores.quantised, scores.quantised_ci95),
        (
            f"{len(chips)} {chip_word(evaluation)} chip{'s' if len(chips) > 1 else ''}",
            scores.chip_mean,
            scores.chip_ci95,
        ),
    ]
    for row, (_, value, interval) in enumerate(lines):
        if interval is not None:
            axes.plot([100 * end for end in interval], [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot(100 * value, row, "o", color=INK, markersize=6, zorder=3)
        axes.annotate(
            f"{percent(value, samples)} %",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=10,
            fontweight="bold",
        )
    if len(chips) > 1:
        # spread over a band below the mean, in the order of their seeds, so that equal ones stay apart
        band = 2.28 + 0.34 * (np.arange(len(chips)) % 5) / 4
        axes.plot(100 * chips, band, "o", color=RIGHT, markersize=4.5, markeredgewidth=0, alpha=0.75)
    if evaluation.steps.refine != 1:
        axes.plot(100 * scores.quantised_training_step, 1, "o", markersize=8, markerfacecolor="none", color=FAINT)
    shown = [*chips, *(end for _, value, interval in lines for end in (interval or (value,)))]
    shown += [scores.quantised_training_step]
    low, high = 100 * min(shown), 100 * max(shown)
    margin = max(0.08 * (high - low), 0.3)
    axes.set_xlim(max(0.0, low - margin), min(100.0, high + margin) + 0.02 * (high - low))
    axes.set_ylim(2.8, -0.5)
    axes.set_yticks(range(3), [label for label, *_ in lines], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    ring = "; ring: at the training step" if evaluation.steps.refine != 1 else ""
    axes.set_xlabel(f"of {samples:,} test samples answered right (%); bars: 95 % intervals{ring}")
    return figure


def confusion(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: counts in the cells, colour by row; errors have a scale of their own."""
    return confusion_of(evaluation.confusion)


@styled
def confusion_of(counts: NDArray[np.int64]) -> Figure:
    """Draw counts of shape (true classes, answered classes) as `confusion` does."""
    classes = len(counts)
    rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    diagonal = np.eye(classes, dtype=bool)
    cell = min(0.42, 6.0 / classes)
    figure = new_figure(cell * classes + 1.0, cell * classes + 1.0)
    axes = figure.add_subplot()
    worst = float(share[~diagonal].max(initial=0.0)) or 1.0
    axes.imshow(np.ma.array(share, mask=~diagonal), cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    # a class is mixed up in a few percent of its samples: on the scale of the diagonal that would be invisible
    axes.imshow(np.ma.array(share, mask=diagonal), cmap=ALERT, vmin=0, vmax=1.25 * worst, interpolation="nearest")
    if classes <= _MAX_NUMBERED:
        # a number of four digits or more must still fit its cell
        size = min(9.0, 72 * cell / (0.72 * max(3, len(str(counts.max())))))
        for i, j in np.argwhere(counts):
            dark = share[i, j] > (0.55 if i == j else 0.8 * worst)
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=size, color="white" if dark else INK)
        axes.set(xticks=range(classes), yticks=range(classes))
    quiet(axes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("answered class", labelpad=5)
    axes.set_ylabel("true class")
    below = f"darkest error: {part_of(worst, 1)} of its class" if share[~diagonal].any() else "no errors"
    axes.text(0.0, -0.02, below, transform=axes.transAxes, va="top", fontsize=8, color=WRONG)
    return figure
