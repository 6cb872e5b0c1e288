"""What the chip reaches: accuracies with their intervals, and which class is taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from soensim.evaluation import Evaluation, Requirement
from soensim.report.figures.style import (
    ALERT,
    COLUMN,
    FAINT,
    INK,
    RIGHT,
    SEQUENTIAL,
    SMALLEST_PT,
    WRONG,
    new_figure,
    quiet,
    styled,
)
from soensim.report.formatting import chip_word, part_of, percent


@styled
def accuracy(evaluation: Evaluation) -> Figure:
    """Draw ideal weights, quantised codes and every fabricated chip on one axis, with 95 % intervals."""
    scores, samples = evaluation.accuracy, evaluation.samples
    figure = new_figure(COLUMN, 2.2)
    axes = figure.add_subplot()
    chips = np.array(scores.chips)
    lines = [
        ("ideal\nweights", scores.ideal, scores.ideal_ci95),
        ("quantised\ncodes", scores.quantised, scores.quantised_ci95),
        (
            f"{len(chips)} {chip_word(evaluation)}\nchip{'s' if len(chips) > 1 else ''}",
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
            fontsize=9,
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
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    step = "netlist's" if evaluation.spiking is not None else "training"
    ring = f"\nring: at the {step} step" if evaluation.steps.refine != 1 else ""
    axes.set_xlabel(f"% of {samples:,} test samples right; bars: 95 %{ring}")
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
    cell = min(0.42, (COLUMN - 0.8) / classes)
    figure = new_figure(max(cell * classes + 0.8, 2.0), max(cell * classes + 0.9, 2.0))
    axes = figure.add_subplot()
    worst = float(share[~diagonal].max(initial=0.0)) or 1.0
    axes.imshow(np.ma.array(share, mask=~diagonal), cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    # a class is mixed up in a few percent of its samples: on the scale of the diagonal that would be invisible
    axes.imshow(np.ma.array(share, mask=diagonal), cmap=ALERT, vmin=0, vmax=1.25 * worst, interpolation="nearest")
    size = min(9.0, 72 * cell / (0.64 * max(2, len(str(counts.max())))))  # the longest number must fit its cell
    if size >= SMALLEST_PT:
        for i, j in np.argwhere(counts):
            dark = share[i, j] > (0.55 if i == j else 0.8 * worst)
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=size, color="white" if dark else INK)
    step = -(-classes // 20)
    axes.set(xticks=range(0, classes, step), yticks=range(0, classes, step))
    quiet(axes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("answered class", labelpad=5)
    axes.set_ylabel("true class")
    below = f"darkest error: {part_of(worst, 1)} of its class" if share[~diagonal].any() else "no errors"
    axes.text(0.0, -0.02, below, transform=axes.transAxes, va="top", fontsize=8, color=WRONG)
    return figure


@styled
def chip_histogram(evaluation: Evaluation) -> Figure:
    """Draw how many fabricated chips reach which accuracy, and what was required."""
    samples, chips = evaluation.samples, np.array(evaluation.accuracy.chips)
    figure = new_figure(COLUMN, 2.4)
    axes = figure.add_subplot()
    right = np.rint(chips * samples).astype(np.int64)
    width = max(1, -(-int(np.ptp(right)) // 12))  # whole samples: no bin can be empty by arithmetic
    edges = np.arange(right.min(), right.max() + width + 1, width) - 0.5
    least = None if evaluation.chip_yield is None else Requirement.read(evaluation.chip_yield.require).least
    counts, _ = np.histogram(right, edges)
    for start, count in zip(edges, counts, strict=False):
        passes = least is None or start + 0.5 >= least * samples - 1e-9
        axes.bar(
            100 * (start + width / 2) / samples,
            count,
            width=92 * width / samples,
            color=RIGHT if passes else WRONG,
            hatch="" if passes else "////",
            edgecolor="white",
            linewidth=0.0,
        )
    if least is not None:
        axes.axvline(100 * least, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.annotate(
            f"required {100 * least:.4g} %",
            (100 * least, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set(xlabel=f"% of {samples:,} test samples right", ylabel="chips")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


@styled
def margin_histogram(margins: NDArray[np.float64], unit: str, whole: bool = False) -> Figure:
    """Draw by how much the right class wins (above 0) or loses (below), per sample; one bar per number if ``whole``."""
    figure = new_figure(COLUMN, 2.4)
    axes = figure.add_subplot()
    span = float(np.abs(margins).max()) or 1.0
    edges = np.linspace(min(float(margins.min()), 0.0), max(float(margins.max()), 0.0) or span, 31)
    step = edges[1] - edges[0]
    edges = np.arange(np.floor(edges[0] / step), np.ceil(edges[-1] / step) + 1.5) * step  # 0 is an edge
    if whole:
        width = max(1, -(-int(np.ptp(margins)) // 40))
        edges = np.arange(margins.min() // width * width, margins.max() + width + 0.5, width) - 0.5
    for kept, colour, hatch in ((margins > 0, RIGHT, ""), (margins <= 0, WRONG, "////")):
        axes.hist(margins[kept], bins=list(edges), color=colour, hatch=hatch, edgecolor="white", linewidth=0.0)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set(xlabel=f"{unit}: true class - best other class", ylabel="test samples")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure
