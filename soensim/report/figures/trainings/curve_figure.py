"""How a training went: everything that its history holds, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from soensim.report.figures.style import FAINT, INK, NEGATIVE, POSITIVE, RIGHT, WRONG, new_figure, styled

History = Sequence[Mapping[str, Any]]

LINES = ("#3b7dc4", "#d1603d", "#2f8f6b", "#9a6cc3", "#b38a1d", "#c4587b")
PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.3g} %".replace("-", "−"))


@dataclass(frozen=True)
class _Panel:
    title: str
    lines: tuple[tuple[str, str, str], ...]  # column of the history, label, colour
    percent: bool = False
    zero: bool = False  # a line at zero
    log: bool = False


@styled
def curves(history: History) -> Figure:
    """Draw loss, accuracies, generalisation gap, goodness, separation, learning rate and gradient norm per epoch.

    What a rule does not measure has no panel. The epochs before quantisation are shaded.
    """
    panels = _panels(history)
    columns = 4 if len(panels) > 6 else 3
    rows = -(-len(panels) // columns)
    figure = new_figure(2.95 * columns, 2.25 * rows + 0.1)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, panel, history)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for column in range(columns):  # the lowest panel of a column carries the epochs
        shown = [axes for axes in grid[:, column] if axes.get_visible()]
        if shown:
            shown[-1].set_xlabel("epoch")
            shown[-1].tick_params(labelbottom=True)
    return figure


def _panels(history: History) -> list[_Panel]:
    """Return the panels for which the history has a column."""
    names = list(dict.fromkeys(name for row in history for name in row))

    def parts(start: str, shift: int = 0) -> tuple[tuple[str, str, str], ...]:
        columns = [name for name in names if name.startswith(f"{start}_")]
        return tuple(
            (name, name.removeprefix(f"{start}_"), LINES[(k + shift) % len(LINES)]) for k, name in enumerate(columns)
        )

    everything = [
        _Panel("loss", (("loss", "all" if parts("loss") else "", INK), *parts("loss"))),
        _Panel(
            "accuracy",
            (
                ("train_accuracy", "training samples", FAINT),
                ("validation_accuracy", "validation", RIGHT),
                ("validation_accuracy_chips", "on virtual chips", LINES[3]),
            ),
            percent=True,
        ),
        _Panel("generalisation gap", (("generalisation_gap", "", INK),), percent=True, zero=True),
        _Panel("goodness", (("goodness_positive", "positive", POSITIVE), ("goodness_negative", "negative", NEGATIVE))),
        _Panel(
            "separation",
            (("separation", "all" if parts("separation") else "", INK), *parts("separation")),
            zero=True,
        ),
        _Panel("learning rate", (("learning_rate", "", INK),)),
        _Panel("gradient norm before clipping", (("gradient_norm", "", INK),)),
        _Panel("seconds", (("seconds_train", "training", INK), ("seconds_validation", "scoring", WRONG)), log=True),
    ]
    chosen = []
    for panel in everything:
        lines = tuple(line for line in panel.lines if line[0] in names)
        if lines:
            chosen.append(replace(panel, lines=lines))
    return chosen


def _draw(axes: Axes, panel: _Panel, history: History) -> None:
    ideal = sum(row["phase"] == "ideal" for row in history)
    if 0 < ideal < len(history):
        axes.axvspan(0.5, ideal + 0.5, color=FAINT, alpha=0.13, linewidth=0)
        if panel.title == "loss":
            axes.text(
                ideal + 0.4, 0.97, "ideal", transform=axes.get_xaxis_transform(), ha="right", va="top", fontsize=7.5
            )
    if panel.zero:
        axes.axhline(0, color=FAINT, linewidth=0.7)
    for column, label, colour in panel.lines:
        points = [(row["epoch"], row[column]) for row in history if column in row]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, label=label, **_marker(len(points)))
    axes.set_title(panel.title)
    axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, min_n_ticks=1))
    axes.set_xlim(0.5, len(history) + 0.5)
    if panel.log and all(row[column] > 0 for column, *_ in panel.lines for row in history if column in row):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    if panel.title in ("learning rate", "gradient norm before clipping"):
        axes.set_ylim(bottom=0)
    if panel.percent:
        axes.yaxis.set_major_formatter(PERCENT)
    if any(label for _, label, _ in panel.lines):
        axes.legend(frameon=False, fontsize=7.5, handlelength=1.2, labelcolor=INK)


def _marker(points: int) -> dict[str, Any]:
    """Mark the epochs where there are few: one epoch would be no line at all."""
    return {"marker": "o", "markersize": 3.5} if points <= 12 else {}
