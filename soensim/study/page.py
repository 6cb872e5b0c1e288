"""A study as one HTML page that needs nothing else: question, answer, figures, tables, failed runs, origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from soensim.report.figures.style import COLUMN
from soensim.report.page_parts import EMPTY, code, download, folded, joined, picture, rows, side_by_side, table, words
from soensim.report.templates import template
from soensim.study.effects import behind_best, plus_minus, simple_contrasts, value_text
from soensim.study.figure import Roles, caption, choose_roles, study_figure
from soensim.study.limits import Ceilings, find_ceilings, limit_sentences
from soensim.study.pareto import Front, front_rows, front_sentences, pareto_front
from soensim.study.quantities import Axis, axes_of, is_number, measure_of
from soensim.study.run import Row
from soensim.study.sentences import note, sentences
from soensim.study.summary import Summary, main_cost, main_measure, summarise
from soensim.study.table import ordered, table_csv
from soensim.study.trade_figures import limits_figure, pareto_figure

_MOST_OPEN = 40  # rows of a table that are not folded away
_MOST_ROWS = 400
_MOST_MEASURES = 5  # columns that fit a desk
_MOST_FAILED = 50
_MOST_BYTES = 2_000_000  # of the table inside the page


@dataclass(frozen=True)
class About:
    """What a page says about a study beside its runs; what is empty is left out.

    Attributes
    ----------
    name
        Its heading.
    question, expectation
        In words.
    command
        That made it.
    seeds
        Which, and what is drawn with them, in words.
    seconds
        Wall time.
    date
        Day on which it ran.
    versions
        By package.
    measures
        Of the table of points, most important first, at most five; by default accuracies and the main cost.
    figures
        Measure and roles of each figure; by default the main measure in the roles of `choose_roles`.
    cost
        Of the Pareto front; by default the first that differs between points.
    """

    name: str
    question: str = ""
    expectation: str = ""
    command: str = ""
    seeds: str = ""
    seconds: float | None = None
    date: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    figures: tuple[tuple[str, Roles], ...] = ()
    cost: str | None = None


Section = tuple[str, str, Markup]
"""Key, title, body."""


def study_page(runs: Sequence[Row], factors: Sequence[str | Axis], about: About) -> str:
    """Write a study as an HTML page; the same runs give the same bytes in any order.

    Parameters
    ----------
    runs
        Those that have ended.
    factors
        In the order of the study.
    about
        What else is known.

    Raises
    ------
    SoensimError
        As of `soensim.study.table.ordered` and `soensim.study.figure.study_figure`.
    """
    axes = axes_of(factors)
    summary = summarise(runs, axes)
    main = about.measures[0] if about.measures else main_measure(summary)
    front = _front(runs, axes, summary, main, about.cost or main_cost(summary))
    ceilings = _ceilings(runs, axes)
    sections = [
        _answer(runs, axes, about, main, front, ceilings),
        _figures(runs, axes, about, main, front, ceilings),
        _points(runs, summary, about.measures[:_MOST_MEASURES] or _shown(summary, main)),
        _differences(runs, axes, main),
        _pareto(front),
        _failed(runs, axes),
        _origin(runs, axes, about),
    ]
    return template("study_page.html", Path(__file__).parent).render(
        name=about.name, question=about.question, sections=[section for section in sections if section is not None]
    )


def _told(text: str, kind: str = "") -> Markup:
    return words(_unbroken(text), kind)


def _unbroken(text: str) -> str:
    """Keep a percent sign on the line of its number."""
    return text.replace(" %", "\u00a0%")


def _front(
    runs: Sequence[Row], axes: Sequence[Axis], summary: Summary, main: str | None, cost: str | None
) -> Front | None:
    if main is None or cost is None or measure_of(main).kind != "score" or len(summary.points) < 2:
        return None
    found = pareto_front(runs, axes, main, cost)
    return found if len(found.points) > 1 else None


def _ceilings(runs: Sequence[Row], axes: Sequence[Axis]) -> Ceilings | None:
    """Find the limits over the factor that is along the figure's axis; None where it is no number, or none is known."""
    x = choose_roles(runs, axes).x
    if x is None or not all(is_number(row.run.levels[x]) for row in runs):
        return None
    found = find_ceilings(runs, axes, x)
    return found if found.ceilings else None


def _answer(
    runs: Sequence[Row],
    axes: Sequence[Axis],
    about: About,
    main: str | None,
    front: Front | None,
    ceilings: Ceilings | None,
) -> Section:
    told = [_told(text) for text in sentences(runs, axes, main, about.cost)]
    told += [_told(text) for text in front_sentences(front)] if front is not None else []
    told += [_told(text) for text in limit_sentences(ceilings)] if ceilings is not None else []
    explained = note(runs, axes, main)
    told += [_told(explained, "note")] if explained else []
    if about.expectation:
        told.append(words(f"Expected before it ran: {about.expectation}", "note"))
    return "answer", "Answer", joined(*told)


def _figures(
    runs: Sequence[Row],
    axes: Sequence[Axis],
    about: About,
    main: str | None,
    front: Front | None,
    ceilings: Ceilings | None,
) -> Section | None:
    drawn = []
    wanted = about.figures or (((main, choose_roles(runs, axes)),) if main is not None else ())
    for count, (name, roles) in enumerate(wanted, 1):
        figure = study_figure(runs, axes, name, roles=roles, width_in=COLUMN)
        over_measure = roles.x is not None and roles.x not in [axis.name for axis in axes]
        below = caption(summarise(runs, axes, [name], keep=None if over_measure else roles.names), name)
        drawn.append(picture(f"figure{count}", figure, f"{measure_of(name).label} over the factors", below))
    if front is not None:
        text = (
            "Numbers are those of the table below; bars: 95 % intervals of each point. Dominated: as the differences "
            "show, paired over seeds."
        )
        said = f"{front.gain.label} against {front.cost.label}"
        drawn.append(picture("pareto", pareto_figure(front, COLUMN), said, text))
    if ceilings is not None and main is not None:
        figure = limits_figure(runs, axes, ceilings.axis.name, main, COLUMN)
        text = (
            f"Above: mean over the other factors. Below: the largest use of each limit at each {ceilings.axis.label}."
        )
        drawn.append(picture("limits", figure, "use of the limits", text))
    return ("figures", "Figures", side_by_side(*drawn)) if drawn else None


def _points(runs: Sequence[Row], summary: Summary, names: Sequence[str]) -> Section | None:
    if not names:
        return None
    measures = [measure_of(name) for name in names]
    behind = behind_best(runs, summary, names[0]) if measures[0].kind == "score" and len(summary.points) > 1 else {}
    head = ["point", "runs", *(measure.title for measure in measures)]
    if behind:
        head.insert(3, "against the best")
    body = []
    for point in summary.points:
        count = f"{point.n}" + (f", {point.failed} failed" if point.failed else "")
        values = [value_text(point.of(measure.name), measure, unit=False) for measure in measures]
        if behind:
            found = behind.get(point.levels)
            values.insert(1, "–" if found is None else plus_minus(found, measures[0]))
        body.append([_unbroken(summary.name(point)), count, *values])
    best = " Against the best: difference to the highest mean, paired over seeds." if behind else ""
    below = _told(f"Mean over seeds (95 % interval).{best}", "note")
    return "points", "Points", joined(*_folding(head, body, range(1, len(head))), below)


def _shown(summary: Summary, main: str | None) -> list[str]:
    """Choose measures for a table: the main one, two more scores, and the cost that points are compared by."""
    scores = [name for name in summary.measures if measure_of(name).kind == "score" and name != main][:2]
    cost = main_cost(summary)
    return [*([] if main is None else [main]), *scores, *([] if cost is None else [cost])]


def _folding(
    head: Sequence[str], body: Sequence[Sequence[str]], numbers: Sequence[int], first: int = _MOST_OPEN
) -> list[Markup]:
    """Write a table of which all but the first rows are folded away, and of a very long one the rest is left out."""
    parts = [table(head, body[:first], numbers=numbers)] if first else []
    if len(body) > first:
        rest = table(head, body[first:_MOST_ROWS], numbers=numbers)
        parts.append(folded(f"{min(len(body), _MOST_ROWS) - first} {'more ' if first else ''}rows", rest))
    if len(body) > _MOST_ROWS:
        parts.append(_told(f"{len(body) - _MOST_ROWS:,} more rows are left out.", "note"))
    return parts


def _differences(runs: Sequence[Row], axes: Sequence[Axis], main: str | None) -> Section | None:
    contrasts = [] if main is None else simple_contrasts(runs, axes, main)
    if main is None or not contrasts:
        return None
    measure = measure_of(main)
    said = {"more": "higher", "less": "lower", "": "not shown"}
    body = [
        [
            one.axis.said(one.level),
            one.axis.text_with_unit(one.against),
            ", ".join(axis.said(level) for axis, level in one.at) or "–",
            plus_minus(one.difference, measure),
            said[one.difference.shown],
            f"{one.difference.n}",
        ]
        for one in contrasts
    ]
    head = ["level", "against", "at", f"{measure.label}, difference", "shown", "seeds"]
    return "differences", "Differences", joined(*_folding(head, body, (3, 5), first=0))


def _pareto(front: Front | None) -> Section | None:
    if front is None:
        return None
    head = ["point", "number in the figure" if front.is_numbered else "front", front.cost.label, front.gain.label]
    star = " The asterisk marks the knee." if front.knee is not None else ""
    below = _told(f"From cheap to expensive, without points that are shown to be dominated.{star}", "note")
    return "pareto", "Pareto front", joined(*_folding(head, front_rows(front), (2, 3)), below)


def _failed(runs: Sequence[Row], axes: Sequence[Axis]) -> Section | None:
    body = [
        [
            ", ".join(axis.said(row.run.levels[axis.name]) for axis in axes) or "the chip",
            f"{row.run.seed}",
            row.outcome.error,
        ]
        for row in ordered(runs, axes)
        if row.outcome.error is not None
    ]
    if not body:
        return None
    rest = len(body) - _MOST_FAILED
    more = _told(f"{rest} more are in the table.", "note") if rest > 0 else EMPTY
    return "failed", "Failed runs", joined(table(("point", "seed", "error"), body[:_MOST_FAILED]), more)


def _origin(runs: Sequence[Row], axes: Sequence[Axis], about: About) -> Section:
    seconds = sum(row.outcome.seconds for row in runs)
    facts = [
        ("runs", f"{len(runs):,}"),
        ("seeds", about.seeds or _seeds(runs)),
        ("time", "" if about.seconds is None else duration_text(about.seconds)),
        ("time of all runs", duration_text(seconds) if seconds else ""),
        ("date", about.date),
        ("versions", ", ".join(f"{name} {version}" for name, version in about.versions.items())),
    ]
    content = table_csv(runs, axes)
    parts = [rows([fact for fact in facts if fact[1]])]
    if len(content) <= _MOST_BYTES:
        parts.append(download("all runs (CSV)", f"{about.name}.csv", content))
    if about.command:
        parts.append(code(about.command))
    return "origin", "Origin", joined(*parts)


def _seeds(runs: Sequence[Row]) -> str:
    seeds = sorted({row.run.seed for row in runs})
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def duration_text(seconds: float) -> str:
    """Write a duration in the units that people use."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
