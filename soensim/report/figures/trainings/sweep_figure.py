"""Several trainings side by side: one curve per run, one colour per setting."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from soensim.errors import SoensimError
from soensim.report.figures.style import FAINT, INK, new_figure, styled
from soensim.report.figures.trainings.curve_figure import LINES, PERCENT
from soensim.report.runs import Run, labels

_STYLES = ("-", "--", ":", "-.")
_WIDEST = 34  # letters of a label in one line
_MAX_GROUPS = len(LINES) * len(_STYLES)


@styled
def sweep(runs: Sequence[Run]) -> Figure:
    """Draw the validation accuracy of each run per epoch, and what each setting reached.

    Runs that differ in nothing but their seeds share a colour; the bar on the right is their mean.

    Raises
    ------
    SoensimError
        There are more settings than can be told apart.
    """
    groups: dict[str, list[Run]] = {}
    for label, run in zip(labels(runs), runs, strict=True):
        groups.setdefault(label, []).append(run)
    if len(groups) > _MAX_GROUPS:
        raise SoensimError(f"{len(groups)} settings in one figure; at most {_MAX_GROUPS} can be told apart")
    names = [_name(label, len(members)) for label, members in groups.items()]
    widest = max(len(line) for name in names for line in name.splitlines())
    tallest = max(len(name.splitlines()) for name in names)
    figure = new_figure(6.8 + 0.066 * widest, max(3.4, (0.1 + 0.17 * tallest) * len(groups) + 1.0))
    lines, reached = figure.subplots(1, 2, width_ratios=[5, 2.2], sharey=False)
    for number, members in enumerate(groups.values()):
        colour, style = LINES[number % len(LINES)], _STYLES[number // len(LINES)]
        for run in members:
            epochs = [row["epoch"] for row in run.history]
            accuracies = [row["validation_accuracy"] for row in run.history]
            marker = "o" if len(epochs) <= 12 else None
            lines.plot(epochs, accuracies, style, color=colour, linewidth=1.3, marker=marker, markersize=3, alpha=0.9)
        values = [run.accuracy for run in members]
        reached.plot([min(values), max(values)], [number, number], color=colour, linewidth=1.3)
        reached.plot([-0.06, -0.01], [number] * 2, style, color=colour, **_beside(reached))
        reached.plot(values, [number] * len(values), "o", color=colour, markersize=4.5, markeredgewidth=0)
        mean = float(np.mean(values))
        reached.plot(mean, number, "|", color=INK, markersize=11, markeredgewidth=1.6)
        reached.annotate(
            f"{mean:.1%}".replace("%", " %"),
            (1.02, number),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    _label(lines, reached, names, longest=max(run.history[-1]["epoch"] for run in runs))
    return figure


def _name(label: str, runs: int) -> str:
    """Break a long label at spaces, and say how many runs share it."""
    return "\n".join(textwrap.wrap(f"{label} ({runs} runs)" if runs > 1 else label, _WIDEST, break_long_words=False))


def _beside(axes: Axes) -> dict[str, Any]:
    """Place a line left of the axes: the key to the colours and strokes of the curves."""
    return {"transform": axes.get_yaxis_transform(), "clip_on": False, "linewidth": 2.2, "solid_capstyle": "butt"}


def _label(lines: Axes, reached: Axes, names: list[str], longest: int) -> None:
    lines.set_title("validation accuracy")
    lines.set(xlabel="epoch", xlim=(0.5, longest + 0.5))
    lines.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    lines.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    lines.yaxis.set_major_formatter(PERCENT)
    lines.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    reached.set_title("reached")
    reached.set_yticks(range(len(names)), names)
    reached.set_ylim(len(names) - 0.5, -0.5)
    reached.tick_params(axis="y", length=0, pad=18)
    reached.spines["left"].set_visible(False)
    reached.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    reached.xaxis.set_major_formatter(PERCENT)
    reached.margins(x=0.12)
    reached.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
