"""What limits the chips: accuracy effect by effect, margins of each parameter, shares of the variance."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from soensim.evaluation.causes import Causes
from soensim.evaluation.margins import Margin, Margins
from soensim.evaluation.waterfall import Waterfall
from soensim.report.analysis_rows import effect_label, margin_label
from soensim.report.figures.style import COLUMN, FAINT, INK, NEGATIVE, POSITIVE, RIGHT, WRONG, new_figure, styled

_ROW, _REST = 0.32, 0.75  # inches: a row, and what is below them
_LABEL = 25  # characters of a line of a label


def _axes(labels: list[str], xlabel: str) -> tuple[Figure, Axes]:
    """Make axes with a row per label, the first at the top."""
    figure = new_figure(COLUMN, _ROW * len(labels) + _REST)
    axes = figure.add_subplot()
    short = [textwrap.fill(label, _LABEL, max_lines=2, placeholder=" …") for label in labels]
    axes.set_yticks(range(len(labels)), short, fontsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(xlabel, fontsize=8)
    return figure, axes


@styled
def waterfall(found: Waterfall) -> Figure:
    """Draw the mean accuracy row by row: bars are changes, lines 95 % intervals, rings each effect alone."""
    labels = [
        effect_label(row.effect) if k < 2 else f"+ {effect_label(row.effect)}" for k, row in enumerate(found.rows)
    ]
    figure, axes = _axes(labels, "accuracy (%)")
    before = found.rows[0].mean
    for k, row in enumerate(found.rows):
        colour = RIGHT if row.mean >= before else WRONG
        axes.barh(k, 100 * (row.mean - before), left=100 * before, height=0.62, color=colour, alpha=0.75, linewidth=0)
        if row.ci95 is not None:
            axes.plot([100 * end for end in row.ci95], [k, k], color=INK, linewidth=1.2, solid_capstyle="butt")
        axes.plot(100 * row.mean, k, "o", color=INK, markersize=4.5, zorder=3)
        if k > 1:
            axes.plot(100 * row.alone, k, "o", markersize=7.5, markerfacecolor="none", color=FAINT, zorder=2)
        before = row.mean
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure


@styled
def margins(found: Margins) -> Figure:
    """Draw how far each parameter may be off, in parts of the nominal value; the critical one is marked."""
    labels = [f"{margin_label(row)}{' *' if row.critical else ''}" for row in found.rows]
    figure, axes = _axes(labels, "move (%)")
    moves = [_moves(row) for row in found.rows]
    known = [100 * move for both in moves for move in both if move]
    least, most = min([*known, 1.0]) / 2, max([*known, 100.0]) * 2
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    for k, (row, (down, up)) in enumerate(zip(found.rows, moves, strict=True)):
        both = row.kind == "offset"
        _bar(axes, k - 0.16 * both, up, most, POSITIVE)
        if both:
            _bar(axes, k + 0.16, down, most, NEGATIVE)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _bar(axes: Axes, place: float, move: float | None, most: float, colour: str) -> None:
    """Draw a bar to a bound; without one a line to the edge."""
    if move is None:
        axes.plot([axes.get_xlim()[0], most], [place, place], color=FAINT, linewidth=1.0, linestyle=":")
    else:
        least = axes.get_xlim()[0]  # from the edge: a bar from 0 would reach far out of a logarithmic axis
        axes.barh(place, 100 * move - least, left=least, height=0.3, color=colour, linewidth=0)


def _moves(row: Margin) -> tuple[float | None, float | None]:
    """Moves down and up in parts of the nominal value."""
    if row.kind == "spread":
        return None, row.relative
    return None if row.low is None else abs(row.low), row.high


@styled
def causes(found: Causes) -> Figure:
    """Draw the share of each effect: filled what it does by itself, outlined with others; lines 95 % intervals."""
    figure, axes = _axes([effect_label(cause.effect) for cause in found.effects], "share of the variance (%)")
    for k, cause in enumerate(found.effects):
        for offset, value, interval, filled in (
            (-0.16, cause.first, cause.first_ci95, True),
            (0.16, cause.total, cause.total_ci95, False),
        ):
            if value is None or interval is None:
                continue
            axes.barh(
                k + offset,
                100 * value,
                height=0.3,
                facecolor=RIGHT if filled else "none",
                edgecolor=RIGHT,
                linewidth=0.9,
            )
            axes.plot(
                [100 * end for end in interval], [k + offset] * 2, color=INK, linewidth=1.0, solid_capstyle="butt"
            )
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure
