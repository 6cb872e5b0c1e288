"""The figure of a study: a measure over a factor, with 95 % intervals, in the style of all figures."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from soensim.report.figures.backend import import_matplotlib  # noqa: F401 - first: it imports matplotlib, safely

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from soensim.errors import SoensimError
from soensim.report.figures.style import FAINT, INK, SERIES, new_figure, styled
from soensim.study.quantities import Axis, Measure, axes_of, is_number, measure_of, number_text
from soensim.study.run import Level, Row
from soensim.study.summary import Point, Statistic, Summary, main_measure, summarise
from soensim.study.table import measure_names, ordered

WIDTH_IN: Final = 6.0
WIDE: Final = 10.0  # largest measured number over the smallest from which on an axis is logarithmic
MARKERS: Final = "osD^vP"
MOST_SERIES: Final = 2 * len(SERIES)
_MOST_PANELS = 12
_MOST_BARS = 12  # points of a line; of more the intervals are a band
_LETTER_IN = 0.072  # of the labels at ticks
_TITLE_LETTER_IN = 0.076  # of the label of an axis
_KEY_IN, _KEY_LETTER_IN = 0.55, 0.07  # of a line of the legend, and of a letter of its label
_EVENER = 0.8  # largest gap of a logarithmic axis over that of a linear one


@dataclass(frozen=True)
class Roles:
    """Which factor is along the axis, which makes the series, which the panels; None: none does.

    Along the axis may be a measure too, such as the length of the wires.
    """

    x: str | None = None
    series: str | None = None
    panels: str | None = None

    @property
    def names(self) -> list[str]:
        """The factors that are shown."""
        return [name for name in (self.x, self.series, self.panels) if name is not None]


def choose_roles(rows: Sequence[Row], factors: Sequence[str | Axis]) -> Roles:
    """Choose what a figure shows: along the axis the factor with the most numeric levels, the next as series, panels.

    A factor that has one level, or whose level follows from those that are shown already, is left out.
    """
    axes = axes_of(factors)
    points = [tuple(row.run.levels[axis.name] for axis in axes) for row in ordered(rows, axes)]
    levels = [list(dict.fromkeys(point[place] for point in points)) for place in range(len(axes))]
    numeric = [all(map(is_number, found)) for found in levels]
    by_use = sorted(range(len(axes)), key=lambda place: (not numeric[place], -len(levels[place])))
    chosen = [place for place in by_use if len(levels[place]) > 1][:1]
    most = (MOST_SERIES, _MOST_PANELS)
    for place in sorted(range(len(axes)), key=lambda place: -len(levels[place])):
        follows = len({tuple(p[k] for k in chosen) for p in points}) == len(
            {(*(p[k] for k in chosen), p[place]) for p in points}
        )
        if place in chosen or follows or len(chosen) in (0, 3) or len(levels[place]) > most[len(chosen) - 1]:
            continue
        chosen.append(place)
    return Roles(*(axes[place].name for place in chosen))


def study_figure(
    rows: Sequence[Row],
    factors: Sequence[str | Axis],
    measure: str | None = None,
    *,
    roles: Roles | None = None,
    width_in: float = WIDTH_IN,
) -> Figure:
    """Draw a measure over a factor: means over seeds with 95 % intervals.

    Numbers are on a numeric axis, which is logarithmic where the levels are about geometric. Over factors that are not
    shown each seed's values are averaged; over a measure every point is a mark.

    Parameters
    ----------
    rows, factors
        As for `soensim.study.summary.summarise`.
    measure
        By default an accuracy.
    roles
        By default those of `choose_roles`.
    width_in
        Width (inches).

    Raises
    ------
    SoensimError
        Nothing was measured; a role names no factor; or there are more series or panels than can be told apart.
    """
    roles = choose_roles(rows, factors) if roles is None else roles
    over_measure = roles.x is not None and roles.x in measure_names(rows) and roles.x not in _names(factors)
    summary = summarise(rows, factors, keep=None if over_measure else roles.names)
    name = measure or main_measure(summary)
    if name is None:
        raise SoensimError("no run of the study has measured anything; there is nothing to draw")
    return _drawn(summary, measure_of(name), roles, width_in, _is_drawn_design(rows, factors, roles.x))


def _names(factors: Sequence[str | Axis]) -> list[str]:
    return [axis.name for axis in axes_of(factors)]


def _is_drawn_design(rows: Sequence[Row], factors: Sequence[str | Axis], x: str | None) -> bool:
    """Whether other factors change from point to point along the axis: a line would say that they do not."""
    names = _names(factors)
    points = {tuple(row.run.levels[name] for name in names) for row in rows}
    by_x = {point[names.index(x)] for point in points} if x in names else set()
    return len(names) > 1 and len(by_x) == len(points) > _MOST_BARS


@styled
def _drawn(summary: Summary, measure: Measure, roles: Roles, width_in: float, scattered: bool) -> Figure:
    panels = _levels(summary, roles.panels)
    series = _levels(summary, roles.series)
    if len(series) > MOST_SERIES or len(panels) > _MOST_PANELS:
        raise SoensimError(
            f"{len(series)} series in {len(panels)} panels; at most {MOST_SERIES} in {_MOST_PANELS} can be told apart: "
            "choose other factors for them"
        )
    columns = min(len(panels), max(1, round(width_in / 2.2)))
    lines = -(-len(panels) // columns)
    labels = [_axis(summary, roles.series).text_with_unit(level) for level in series if level is not None]
    keys = _legend_columns(labels, width_in)
    above = 0.3 + 0.19 * -(-len(series) // keys) if len(series) > 1 else 0.0
    below = (0.62 * width_in if columns == 1 else 2.1) * lines + 0.2
    figure = new_figure(width_in, above + below)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    every = list(grid.flat)
    for axes, panel in zip(every, panels, strict=False):
        _draw_panel(axes, summary, measure, roles, {roles.panels: panel}, scattered)
        if panel is not None:
            axes.set_title(_axis(summary, roles.panels).said(panel), fontsize=9)
    _label_axis(every[0], summary, roles, (width_in - 0.8) / columns)
    for place, axes in enumerate(every):
        axes.set_visible(place < len(panels))
        if place + columns >= len(panels):  # nothing is below it
            axes.set_xlabel(_title(summary, roles.x))
            axes.tick_params(labelbottom=True)
    title = _broken(measure.title, below - 0.6)
    if columns * lines > 1:
        figure.supylabel(title, y=(below / 2 + 0.1) / (above + below), fontsize=9, color=INK)  # beside the axes
    else:
        every[0].set_ylabel(title)
    if len(series) > 1:
        handles, _ = every[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            title=_axis(summary, roles.series).label,
            loc="outside upper center",
            ncols=keys,
            frameon=False,
            fontsize=8,
            title_fontsize=8,
        )
    return figure


def _broken(text: str, height_in: float) -> str:
    """Break the label of an axis into lines that are no longer than the axis; its unit is not alone."""
    joined = "\u00a0(".join(text.rsplit(" (", 1))
    return "\n".join(textwrap.wrap(joined, max(12, int(height_in / _TITLE_LETTER_IN)))).replace("\u00a0", " ")


def _legend_columns(labels: Sequence[str], width_in: float) -> int:
    """Return as many columns as fit; each is as wide as its widest label."""
    for columns in range(len(labels), 1, -1):
        parts = [part for part in np.array_split([len(label) for label in labels], columns) if len(part)]
        if sum(int(max(part)) * _KEY_LETTER_IN + _KEY_IN for part in parts) <= width_in:
            return columns
    return 1


def _axis(summary: Summary, name: str | None) -> Axis:
    return next(axis for axis in summary.axes if axis.name == name)


def _title(summary: Summary, x: str | None) -> str:
    if x is None:
        return ""
    return next((axis.title for axis in summary.axes if axis.name == x), measure_of(x).title)


def _levels(summary: Summary, name: str | None) -> list[Level | None]:
    """Return the levels of a factor in order; None alone where no factor has this role."""
    places = [place for place, axis in enumerate(summary.axes) if axis.name == name]
    return list(summary.levels(places[0])) if places else [None]


def _draw_panel(
    axes: Axes,
    summary: Summary,
    measure: Measure,
    roles: Roles,
    panel: Mapping[str | None, Level | None],
    scattered: bool,
) -> None:
    """Draw the series of a panel; a point of the design without value breaks its line."""
    xs = _levels(summary, roles.x)
    numeric = all(map(is_number, xs)) or roles.x not in _names(summary.axes)
    series = _levels(summary, roles.series)
    for count, level in enumerate(series):
        points = _points(summary, {**panel, roles.series: level})
        label = "" if level is None else _axis(summary, roles.series).text_with_unit(level)
        look = _look(count, numeric and not scattered)
        if roles.x not in _names(summary.axes) and roles.x is not None:
            known = [point for point in points if point.of(roles.x).mean is not None]
            over = measure_of(roles.x)
            places = [over.scale * (point.of(roles.x).mean or 0.0) for point in known]
            _draw_across(axes, known, over, measure, look)
            free = len(summary.axes) - sum(role is not None for role in (roles.series, roles.panels))
            look = look if free == 1 else {**look, "linestyle": ""}  # of several factors no order is a line's
        else:
            known = points
            shift = 0.0 if numeric else _shift(count, len(series))
            places = [_place(summary, roles.x, point, xs, numeric) + shift for point in points]
        _draw_line(axes, places, [point.of(measure.name) for point in known], measure, look, label)
    axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def _points(summary: Summary, wanted: Mapping[str | None, Level | None]) -> list[Point]:
    """Return the points with these levels, in order."""
    names = _names(summary.axes)
    return [
        point
        for point in summary.points
        if all(wanted.get(name, level) == level for name, level in zip(names, point.levels, strict=True))
    ]


def _place(summary: Summary, x: str | None, point: Point, levels: Sequence[Level | None], numeric: bool) -> float:
    """Place a point along the axis: its level in the unit of the axis, or the number of the level."""
    if x is None:
        return 0.0
    level = point.levels[_names(summary.axes).index(x)]
    return float(level) * _axis(summary, x).scale if numeric else float(levels.index(level))


def _draw_across(axes: Axes, points: Sequence[Point], over: Measure, measure: Measure, look: dict[str, Any]) -> None:
    """Draw the intervals of a measure that is along the axis."""
    for point in points:
        found, height = point.of(over.name), point.of(measure.name).mean
        if found.low is not None and found.high is not None and height is not None and found.high > found.low:
            ends = over.scale * found.low, over.scale * found.high
            axes.plot(ends, [measure.scale * height] * 2, color=look["color"], linewidth=1.1, marker="|", markersize=5)


def _shift(number: int, series: int) -> float:
    """Place the series of a level that is no number beside one another."""
    return (number - (series - 1) / 2) * min(0.16, 0.7 / series)


def _look(number: int, numeric: bool) -> dict[str, Any]:
    """Colour, marker and stroke of a series; the second six have open markers and dashes."""
    colour, again = SERIES[number % len(SERIES)], number >= len(SERIES)
    return {
        "color": colour,
        "marker": MARKERS[number % len(MARKERS)],
        "markerfacecolor": "white" if again else colour,
        "linestyle": "" if not numeric else "--" if again else "-",
    }


def _draw_line(
    axes: Axes, places: Sequence[float], found: Sequence[Statistic], measure: Measure, look: dict[str, Any], label: str
) -> None:
    """Draw means with their intervals; a point without value breaks the line."""
    scale = measure.scale
    means = [math.nan if one.mean is None else scale * one.mean for one in found]
    axes.plot(places, means, markersize=5, linewidth=1.3, label=label, zorder=3, **look)
    known = [
        (x, scale * one.low, scale * one.high)
        for x, one in zip(places, found, strict=True)
        if one.low is not None and one.high is not None
    ]
    if len(known) > _MOST_BARS:
        inside, lows, highs = zip(*known, strict=True)
        axes.fill_between(inside, lows, highs, color=look["color"], alpha=0.18, linewidth=0)
        return
    for x, low, high in known:
        axes.plot([x, x], [low, high], color=look["color"], linewidth=1.1, marker="_", markersize=5, zorder=2)


def _label_axis(axes: Axes, summary: Summary, roles: Roles, width_in: float) -> None:
    """Choose scale and ticks of the shared axis; ticks are at levels as far as their labels fit."""
    levels = [level for level in _levels(summary, roles.x) if level is not None]
    if roles.x is not None and roles.x not in _names(summary.axes):
        over = measure_of(roles.x)
        means = [over.scale * mean for point in summary.points if (mean := point.of(roles.x).mean) is not None]
        set_measured_axis(axes, means)
        return
    if not levels:
        axes.xaxis.set_major_locator(NullLocator())
        return
    axis = _axis(summary, roles.x)
    if not all(map(is_number, levels)):
        texts = [_wrapped(axis.text(level), width_in / len(levels)) for level in levels]
        axes.set_xticks(range(len(levels)), texts)
        axes.set_xlim(-0.5, len(levels) - 0.5)
        axes.tick_params(axis="x", length=0)
        return
    set_numeric_axis(axes, [float(level) * axis.scale for level in levels], width_in)


def set_numeric_axis(axes: Axes, values: Sequence[float], width_in: float) -> None:
    """Put ticks at values as far as their labels fit; the axis is logarithmic where the values are about geometric."""
    values = sorted(values)
    log = is_geometric(values)
    place: Callable[[float], float] = math.log if log else float
    span = max(place(values[-1]) - place(values[0]), 1e-12)
    if log:
        axes.set_xscale("log")
    fraction = [(place(value) - place(values[0])) / span * 0.9 * width_in for value in values]
    shown = _fitting(fraction, [number_text(value) for value in values])
    axes.xaxis.set_major_locator(FixedLocator([values[k] for k in shown]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def set_measured_axis(axes: Axes, values: Sequence[float]) -> None:
    """Choose ticks for a measured number; the axis is logarithmic where the largest is ten times the smallest."""
    if values and min(values) > 0 and max(values) >= WIDE * min(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))


def _fitting(places: Sequence[float], texts: Sequence[str]) -> list[int]:
    """Choose labels that do not touch: the last, then from the first on."""
    last = len(places) - 1
    chosen: list[int] = []

    def room(one: int, other: int) -> bool:
        width = (len(texts[one]) + len(texts[other])) / 2 * _LETTER_IN + 0.06
        return abs(places[other] - places[one]) >= width

    for k in range(last):
        if room(k, last) and (not chosen or room(chosen[-1], k)):
            chosen.append(k)
    return [*chosen, last]


def is_geometric(values: Sequence[float]) -> bool:
    """Whether numbers are spread more evenly on a logarithmic axis than on a linear one.

    They span a factor of four or more, and the largest gap is a clearly smaller part of the axis, as of 1, 2, 5, 10.
    """
    ascending = sorted(set(values))
    if len(ascending) < 3 or ascending[0] <= 0 or ascending[-1] / ascending[0] < 4:
        return False
    ratios = [math.log(after / before) for before, after in pairwise(ascending)]
    steps = [after - before for before, after in pairwise(ascending)]
    return max(ratios) / sum(ratios) < _EVENER * max(steps) / sum(steps)


def _wrapped(text: str, width_in: float) -> str:
    """Break a label into lines that fit below its tick."""
    most = max(6, int(width_in / _LETTER_IN))
    lines = [""]
    for word in text.replace("-", "- ").replace("_", "_ ").split(" "):
        glue = "" if lines[-1] == "" or lines[-1].endswith(("-", "_")) else " "
        if len(lines[-1]) + len(glue) + len(word) > most and lines[-1]:
            lines.append(word)
        else:
            lines[-1] += glue + word
    return "\n".join(lines)


def caption(summary: Summary, measure: str) -> str:
    """Say what the marks and bars of the figure are."""
    seeds = sorted({point.of(measure).n for point in summary.points} - {0})
    bars = {point.of(measure).of for point in summary.points}
    count = "" if not seeds else f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = f"Marks: mean of {count} seeds" if seeds and seeds[-1] > 1 else "Marks: one seed"
    if "seeds" in bars:
        text += "; bars: 95 % Student interval over seeds"
        text += ", or over the chips of the run where there is one seed" if "chips" in bars else ""
    elif "chips" in bars:
        text += "; bars: 95 % interval over its chips, which says nothing about other trainings"
    else:
        text += "; a single seed has no interval"
    if summary.averaged:
        text += f"; averaged over {', '.join(axis.label for axis in summary.averaged)}"
    return f"{text}."
