"""Figures of what a gain costs: the Pareto front, and the limits over a factor."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from soensim.report.figures.backend import import_matplotlib  # noqa: F401 - first: it imports matplotlib, safely

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from soensim.errors import SoensimError
from soensim.report.figures.style import FAINT, INK, RIGHT, SERIES, WRONG, new_figure, styled
from soensim.study.figure import MARKERS, WIDTH_IN, set_measured_axis, set_numeric_axis
from soensim.study.limits import Ceilings, find_ceilings
from soensim.study.pareto import Front, ParetoPoint
from soensim.study.quantities import Axis, Measure, measure_of, number_text
from soensim.study.run import Row
from soensim.study.summary import Statistic, Summary, summarise

_LOOKS: Final = {  # place: marker, face, edge, label
    "front": ("o", RIGHT, RIGHT, "on the front"),
    "within": ("s", "none", INK, "behind, within noise"),
    "dominated": ("x", FAINT, FAINT, "dominated"),
}
_KEY_LETTERS = 30  # of a line of the key
_KEY_FROM_IN = 5.0  # width from which on a key of the numbers is beside the axes


@styled
def pareto_figure(front: Front, width_in: float = WIDTH_IN) -> Figure:
    """Draw the points of a study with their intervals, the Pareto front as a line, and its knee as a ring.

    Raises
    ------
    SoensimError
        No run has measured both.
    """
    if not front.points:
        raise SoensimError(f"no run has measured both {front.gain.label} and {front.cost.label}; there is no front")
    figure = new_figure(width_in, 3.6 if width_in > _KEY_FROM_IN else 3.2)
    axes = figure.add_subplot()
    set_measured_axis(axes, [_x(front, one) for one in front.points])
    for place in ("front", "within", "dominated"):
        _draw_places(axes, front, [one for one in front.points if one.place == place], place)
    ends = front.front
    steps = [_x(front, one) for one in ends], [_y(front, one) for one in ends]
    axes.plot(*steps, color=RIGHT, linewidth=1.2, drawstyle="steps-post", zorder=2)
    if front.knee is not None:
        knee = ([_x(front, front.knee)], [_y(front, front.knee)])
        axes.plot(*knee, "o", markersize=12, markerfacecolor="none", color=WRONG, label="knee", zorder=5)
    _number(axes, front)
    axes.set_xlabel(front.cost.title)
    axes.set_ylabel(front.gain.title)
    _finish(axes)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    if width_in > _KEY_FROM_IN and front.is_numbered:
        axes.text(1.02, 0.98, _key(front), transform=axes.transAxes, va="top", fontsize=8, linespacing=1.5)
    return figure


def _key(front: Front) -> str:
    """List the levels of the numbered points, below the labels of the factors."""
    axes = front.summary.axes
    lines = [", ".join(axis.label for axis in axes)]
    for count, one in enumerate(front.front, 1):
        levels = (axis.text_with_unit(level) for axis, level in zip(axes, one.point.levels, strict=True))
        lines.append(f"{count}  {', '.join(levels)}")
    return "\n".join(textwrap.fill(line, _KEY_LETTERS, subsequent_indent="    ") for line in lines)


def _x(front: Front, one: ParetoPoint) -> float:
    return front.cost.scale * (one.cost.mean or 0.0)


def _y(front: Front, one: ParetoPoint) -> float:
    return front.gain.scale * (one.gain.mean or 0.0)


def _draw_places(axes: Axes, front: Front, points: Sequence[ParetoPoint], place: str) -> None:
    if not points:
        return
    marker, face, edge, label = _LOOKS[place]
    for one in points:
        x, y = _x(front, one), _y(front, one)
        for ends, xs, ys in (
            (_ends(one.gain, front.gain), lambda _, x=x: (x, x), lambda ends: ends),
            (_ends(one.cost, front.cost), lambda ends: ends, lambda _, y=y: (y, y)),
        ):
            if ends is not None:
                axes.plot(xs(ends), ys(ends), color=edge, linewidth=0.9, alpha=0.7, zorder=1)
    places = [_x(front, one) for one in points], [_y(front, one) for one in points]
    axes.plot(
        *places,
        marker,
        markersize=5,
        markerfacecolor=face,
        markeredgecolor=edge,
        label=label,
        zorder=2.5 + (place == "front"),
    )


def _ends(found: Statistic, measure: Measure) -> tuple[float, float] | None:
    if found.low is None or found.high is None or found.low == found.high:
        return None
    return measure.scale * found.low, measure.scale * found.high


def _number(axes: Axes, front: Front) -> None:
    """Number the points of the front from cheap to expensive."""
    for k, one in enumerate(front.front, 1):
        if front.is_numbered:
            place = (_x(front, one), _y(front, one))
            axes.annotate(str(k), place, (-4, 5), textcoords="offset points", ha="right", fontsize=8, color=INK)


@styled
def limits_figure(
    rows: Sequence[Row], factors: Sequence[str | Axis], factor: str, measure: str, width_in: float = WIDTH_IN
) -> Figure:
    """Draw a measure over a factor, where a limit is broken, and below it how far each limit is used.

    Parameters
    ----------
    rows, factors
        As for `soensim.study.summary.summarise`.
    factor
        Its levels are numbers.
    measure
        Averaged over the other factors.
    width_in
        Width (inches).

    Raises
    ------
    SoensimError
        As of `find_ceilings`; or no run has the use of a limit.
    """
    found = find_ceilings(rows, factors, factor)
    if not found.ceilings:
        raise SoensimError("no run has the use of a limit; the chip needs a floorplan")
    figure = new_figure(width_in, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    summary = summarise(rows, factors, [measure], keep=[factor])
    _draw_measure(above, summary, measure_of(measure))
    scale = found.axis.scale
    for k, ceiling in enumerate(found.ceilings):
        xs = [scale * level for level in ceiling.levels]
        label = f"{ceiling.name}{' (binds)' if k == 0 and ceiling.largest > 1 else ''}"
        colour = SERIES[k % len(SERIES)]
        below.plot(
            xs, [100 * use for use in ceiling.uses], color=colour, marker=MARKERS[k], markersize=4, label=label,
            linewidth=2.0 if k == 0 else 1.2,
        )  # fmt: skip
    below.axhline(100, color=INK, linewidth=0.9, linestyle="--")
    if min(use for ceiling in found.ceilings for use in ceiling.uses) > 0:
        below.set_yscale("log")
        below.yaxis.set_minor_formatter(NullFormatter())
    _shade(above, below, found)
    set_numeric_axis(below, [scale * float(point.levels[0]) for point in summary.points], width_in - 1.0)
    below.set_xlabel(found.axis.title)
    below.set_ylabel("use of limit (%)")
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    below.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    figure.align_ylabels()
    return figure


def _draw_measure(axes: Axes, summary: Summary, measure: Measure) -> None:
    scale = summary.axes[0].scale
    points = [point for point in summary.points if point.of(measure.name).mean is not None]
    for point in points:
        ends = _ends(point.of(measure.name), measure)
        if ends is not None:
            axes.plot([scale * float(point.levels[0])] * 2, ends, color=INK, linewidth=1.1, marker="_", markersize=5)
    axes.plot(
        [scale * float(point.levels[0]) for point in points],
        [measure.scale * (point.of(measure.name).mean or 0.0) for point in points],
        "o-",
        color=INK,
        markersize=5,
        linewidth=1.3,
    )
    axes.set_ylabel(measure.title)
    _finish(axes)


def _shade(above: Axes, below: Axes, found: Ceilings) -> None:
    """Mark where the binding limit is broken, and where the others would be."""
    for k, ceiling in enumerate(found.ceilings):
        if ceiling.crossing is None:
            continue
        x = found.axis.scale * ceiling.crossing
        for axes in (above, below):
            axes.axvline(x, color=SERIES[k % len(SERIES)], linewidth=1.1, linestyle=":" if k else "-", zorder=1)
    binding = found.binding
    if binding is None or binding.crossing is None:
        return
    x, ends = found.axis.scale * binding.crossing, [found.axis.scale * level for level in binding.levels]
    for axes in (above, below):
        axes.axvspan(*((x, ends[-1]) if binding.rises else (ends[0], x)), color=FAINT, alpha=0.18, linewidth=0)
    side = {"ha": "left", "xytext": (4, 4)} if binding.rises else {"ha": "right", "xytext": (-4, 4)}
    above.annotate(
        f"{binding.name} broken", (x, 0), xycoords=above.get_xaxis_transform(), textcoords="offset points", fontsize=8,
        color=INK, **side,
    )  # fmt: skip


def _finish(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axes.grid(axis="y", color=FAINT, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
