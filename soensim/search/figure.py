"""The figure of a search: what the trained candidates reach over what they cost."""

from __future__ import annotations

from typing import Any, Final

from soensim.report.figures.backend import import_matplotlib  # noqa: F401 - first: it imports matplotlib, safely

# isort: split
from matplotlib.figure import Figure

from soensim.errors import SoensimError
from soensim.report.figures.style import INK, SERIES, new_figure, styled
from soensim.search.design import Design
from soensim.search.estimate import Estimate
from soensim.search.steps import Answer, Standing
from soensim.study.figure import set_measured_axis
from soensim.study.quantities import measure_of

_LOOKS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "part": ({"marker": "x", "color": SERIES[1]}, "few epochs"),
    "full": ({"marker": "o", "color": SERIES[0]}, "all epochs"),
    "winner": ({"marker": "*", "color": SERIES[3], "markersize": 12}, "chosen"),
}


@styled
def design_figure(design: Design, answer: Answer, width_in: float) -> Figure:
    """Draw the estimate of each trained candidate, with its interval, over its cost.

    Raises
    ------
    SoensimError
        None was trained.
    """
    trained = [(one, one.estimate) for one in answer.standings if one.estimate is not None]
    if not trained:
        raise SoensimError("no candidate was trained; there is nothing to draw")
    cost = measure_of(design.least)
    figure = new_figure(width_in, 3.2)
    axes = figure.add_subplot()
    set_measured_axis(axes, [_x(design, one) for one, _ in trained])
    for kind, (look, label) in _LOOKS.items():
        of_kind = [(one, found) for one, found in trained if _kind(design, one) == kind]
        for one, found in of_kind:
            _bar(design, axes, one, found, look["color"])
        if of_kind:
            xs = [_x(design, one) for one, _ in of_kind]
            axes.plot(xs, [100 * found.value for _, found in of_kind], linestyle="", label=label, zorder=3, **look)
    axes.axhline(100 * design.goal.least, color=INK, linewidth=0.9, linestyle="--", label="required")
    axes.set_xlabel(cost.title)
    share = design.goal.share
    axes.set_ylabel("mean accuracy (%)" if share is None else f"accuracy of {100 * share:g} % of the chips (%)")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure


def _bar(design: Design, axes: Any, one: Standing, found: Estimate, colour: str) -> None:
    x = _x(design, one)
    axes.plot([x, x], [100 * found.low, 100 * found.high], color=colour, linewidth=0.9, alpha=0.6, zorder=2)


def _x(design: Design, one: Standing) -> float:
    return measure_of(design.least).scale * float(one.costs.get(design.least) or 0.0)


def _kind(design: Design, one: Standing) -> str:
    if one.state == "winner":
        return "winner"
    return "part" if design.rungs[one.rungs - 1].epochs < 1 else "full"
