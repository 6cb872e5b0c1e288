"""Several trainings side by side: one curve per run, one colour per setting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from soensim.errors import SoensimError
from soensim.report.figures.style import FAINT, INK, new_figure, styled
from soensim.report.figures.training.curves import LINES
from soensim.report.runs import Run, labels

_STYLES = ("-", "--", ":", "-.")
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
    widest = max(len(label) for label in groups)
    figure = new_figure(6.6 + min(3.5, 0.075 * widest), max(3.4, 0.27 * len(groups) + 1.0))
    lines, reached = figure.subplots(1, 2, width_ratios=[5, 2.2], sharey=False)
    for number, (label, members) in enumerate(groups.items()):
        colour, style = LINES[number % len(LINES)], _STYLES[number // len(LINES)]
        for k, run in enumerate(members):
            epochs = [row["epoch"] for row in run.history]
            accuracies = [row["validation_accuracy"] for row in run.history]
            marker = "o" if len(epochs) <= 12 else None
            lines.plot(
                epochs, accuracies, style, color=colour, linewidth=1.3, marker=marker, markersize=3, alpha=0.9,
                label=label if k == 0 else None,
            )  # fmt: skip
        values = [run.accuracy for run in members]
        reached.plot([min(values), max(values)], [number, number], color=colour, linewidth=1.2)
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
    _label(lines, reached, groups)
    return figure


def _label(lines: Axes, reached: Axes, groups: dict[str, list[Run]]) -> None:
    longest = max(run.history[-1]["epoch"] for members in groups.values() for run in members)
    lines.set_title("validation accuracy")
    lines.set(xlabel="epoch", xlim=(0.5, longest + 0.5))
    lines.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    lines.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    lines.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    if len(groups) <= len(LINES):
        lines.legend(frameon=False, fontsize=8, loc="lower right", labelcolor=INK)
    names = [f"{label} ({len(members)})" if len(members) > 1 else label for label, members in groups.items()]
    reached.set_title("reached")
    reached.set_yticks(range(len(names)), names)
    reached.set_ylim(len(names) - 0.5, -0.5)
    reached.tick_params(axis="y", length=0)
    reached.spines["left"].set_visible(False)
    reached.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    reached.xaxis.set_major_locator(MaxNLocator(nbins=3))
    reached.margins(x=0.12)
    reached.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
