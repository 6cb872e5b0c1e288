"""Accuracies of several chips on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from soensim.report.figures.style import COLUMN, FAINT, INK, RIGHT, WRONG, new_figure, styled
from soensim.report.score_files import Score

_ROW = 0.42  # inches
_LONGEST = 16


@styled
def compared(names: Sequence[str], scores: Sequence[Score]) -> Figure:
    """Draw ideal weights, codes, the mean of the fabricated chips with its interval, and the worst chip, a row each."""
    figure = new_figure(COLUMN, _ROW * len(scores) + 1.2)
    axes = figure.add_subplot()
    for row, score in enumerate(scores):
        if score.chips_ci95 is not None:
            axes.plot([100 * end for end in score.chips_ci95], [row, row], color=INK, linewidth=1.4)
        axes.plot(100 * score.chips_mean, row, "o", color=INK, markersize=6, zorder=3)
        axes.plot(100 * score.chips_worst, row, "v", color=WRONG, markersize=5)
        axes.plot(100 * score.quantised, row, "s", markerfacecolor="none", color=RIGHT, markersize=6)
        axes.plot(100 * score.ideal, row, "x", color=FAINT, markersize=6)
    axes.set_yticks(range(len(scores)), [n if len(n) <= _LONGEST else f"…{n[-_LONGEST:]}" for n in names], fontsize=8)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("test samples right (%)")
    marks = [
        Line2D([], [], linestyle="", marker="o", color=INK, label="chips, mean"),
        Line2D([], [], linestyle="", marker="v", color=WRONG, label="worst chip"),
        Line2D([], [], linestyle="", marker="s", markerfacecolor="none", color=RIGHT, label="codes"),
        Line2D([], [], linestyle="", marker="x", color=FAINT, label="ideal"),
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
