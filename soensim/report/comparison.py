"""Chips side by side: accuracies, yield, cost, size, from files of `soensim evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from soensim.report import cost_rows, figures, formatting
from soensim.report.formatting import percent
from soensim.report.page_parts import joined, picture, table, words
from soensim.report.score_files import Score, cautions
from soensim.report.templates import template
from soensim.report.text import side_by_side_columns

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure

_ROWS: tuple[tuple[str, Callable[[Score], str]], ...] = (
    ("data", lambda s: s.data),
    ("test samples", lambda s: f"{s.samples:,}"),
    ("neurons", lambda s: f"{s.neurons:,}"),
    ("synapses", lambda s: f"{s.synapses:,}"),
    ("ideal weights", lambda s: f"{percent(s.ideal, s.samples)} %"),
    ("quantised codes", lambda s: f"{percent(s.quantised, s.samples)} %"),
    ("chips, mean", lambda s: f"{percent(s.chips_mean, s.samples)} %"),
    ("95 % interval", lambda s: _interval(s)),
    ("worst chip", lambda s: f"{percent(s.chips_worst, s.samples)} %, of {s.trials} chips"),
    ("required", lambda s: _required(s)),
    ("yield", lambda s: _yield(s)),
    ("latency", lambda s: _sum(s.latency_ns, s.latency_at_least_ns, cost_rows.latency_text)),
    ("energy of an answer", lambda s: _sum(s.energy_aj, s.energy_at_least_aj, cost_rows.energy_text)),
    ("die", lambda s: _known(s.area_mm2, lambda v: f"{v:.4g} mm^2")),
    ("junctions", lambda s: _known(s.junctions, lambda v: f"{v:,.0f}")),
    ("steps per sample", lambda s: f"{s.substeps}"),
)


def comparison_rows(scores: Sequence[Score]) -> list[tuple[str, ...]]:
    """List each quantity with its values, a column per chip."""
    return [(label, *(write(score) for score in scores)) for label, write in _ROWS]


def comparison_text(scores: Sequence[Score]) -> str:
    """Write chips side by side as text, in parts of as many columns as fit."""
    return side_by_side_columns(titles(scores), comparison_rows(scores), cautions(scores))


def titles(scores: Sequence[Score]) -> list[str]:
    """Name each chip; files of one chip by their paths."""
    names = [score.chip for score in scores]
    return [score.chip if names.count(score.chip) == 1 else f"{score.chip} ({score.file})" for score in scores]


def comparison_figure(scores: Sequence[Score]) -> Figure:
    """Draw the accuracies of the chips."""
    return figures.compared(titles(scores), scores)


def comparison_page(scores: Sequence[Score], command: str) -> str:
    """Write chips side by side as an HTML page; the same files give the same bytes."""
    body = joined(
        *(words(text, "warning") for text in cautions(scores)),
        picture("compared", comparison_figure(scores), "accuracies of the chips", "Dots: means of the chips."),
        table(("", *titles(scores)), comparison_rows(scores)),
        words("Files: " + "; ".join(score.file for score in scores), "note"),
    )
    return template("comparison.html").render(count=len(scores), body=body, command=command)


def _interval(score: Score) -> str:
    if score.chips_ci95 is None:
        return "–"
    low, high = (percent(end, score.samples) for end in score.chips_ci95)
    return f"{low} to {high} %"


def _required(score: Score) -> str:
    if score.require is None or score.share is None:
        return "nothing"
    return f"{score.require}, of {'each chip' if score.share == 1 else f'{100 * score.share:.6g} % of chips'}"


def _yield(score: Score) -> str:
    if score.passed is None or score.lower is None:
        return "–"
    met = "met" if score.met else "not met"
    if score.share == 1:  # nothing is said of others
        return f"{score.passed} of {score.trials} ({met})"
    return f"{score.passed} of {score.trials}, at least {formatting.lower_bound(score.lower)} % ({met})"


def _sum(value: float | None, least: float | None, write: Callable[[float], str]) -> str:
    if value is not None:
        return write(value)
    return "–" if not least else f"at least {write(least)}"


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return "–" if value is None else write(value)
