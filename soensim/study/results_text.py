"""The results of a study as text, as `soensim sweep` prints them: at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from soensim.report.text import WIDTH, columns
from soensim.study.effects import value_text
from soensim.study.quantities import MAIN_MEASURES, measure_of
from soensim.study.results import Results
from soensim.study.summary import Summary, main_cost

_MOST_POINTS = 40
_MOST_COLUMNS = 3
_TITLE = 12  # letters of a line of a title


def results_text(results: Results) -> str:
    """Write a line per point with its most important measures, and the answers below."""
    summary = results.summary
    measures = [measure_of(name) for name in _shown(summary, results.study.measures)]
    head = (*(axis.title for axis in summary.axes), *(measure.title for measure in measures))
    points = summary.points[:_MOST_POINTS]
    rows = [
        (
            *(axis.text(level) for axis, level in zip(summary.axes, point.levels, strict=True)),
            *(value_text(point.of(measure.name), measure, unit=False) for measure in measures),
        )
        for point in points
    ]
    first, *more = _wrapped(head, rows) if head else [()]
    lines = columns(first, [*more, *rows], right=tuple(range(len(summary.axes)))) if head else []
    if len(summary.points) > len(points):
        lines.append(f"… {len(summary.points) - len(points)} more points in summary.csv")
    lines.append("")
    for text in (*results.answers, results.note):
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _wrapped(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Write titles in as many lines as it takes for them to be hardly wider than what is below them."""
    widths = [max(_TITLE, *(len(row[k]) for row in rows)) for k in range(len(head))]
    parts = [textwrap.wrap(title, width) for title, width in zip(head, widths, strict=True)]
    height = max(map(len, parts))
    return list(zip(*([""] * (height - len(part)) + part for part in parts), strict=True))


def _shown(summary: Summary, asked: Sequence[str]) -> list[str]:
    """Choose the measures of the table: those that were asked for, else accuracies and the first cost that differs."""
    known = [name for name in asked if name in summary.measures]
    if known:
        return known[:_MOST_COLUMNS]
    scores = [str(name) for name in MAIN_MEASURES if name in summary.measures][: _MOST_COLUMNS - 1]
    cost = main_cost(summary)
    return scores if cost is None else [*scores, cost]
