"""The answer of a search as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from soensim.report.figures.style import COLUMN
from soensim.report.page_parts import code, download, folded, joined, picture, rows, side_by_side, table, words
from soensim.report.templates import template
from soensim.search.answer import answer_rows, percent, runners_up, sentences
from soensim.search.design import Design, Rung
from soensim.search.figure import design_figure
from soensim.search.steps import Answer
from soensim.study import page as study
from soensim.study.quantities import measure_of, number_text

_MOST_SHOWN, _MOST_ROWS = 12, 400

Section = tuple[str, str, Markup]


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from: the command, the table of all candidates as text, versions by package, its files."""

    command: str
    table: str
    versions: Mapping[str, str]
    files: tuple[str, ...]


def design_page(design: Design, answer: Answer, origin: Origin) -> str:
    """Write the answer as an HTML page."""
    sections = [
        _answer(design, answer, origin),
        _runners_up(design, answer),
        _all(design, answer),
        _how(design, origin),
    ]
    return template("study_page.html", Path(study.__file__).parent).render(
        name=design.name, question=question(design), sections=[section for section in sections if section is not None]
    )


def question(design: Design) -> str:
    """Say what was asked, in words."""
    limits = ", ".join(
        f"{measure_of(name).label} <= {number_text(limit)}{f' {unit}' if (unit := measure_of(name).unit) else ''}"
        for name, limit in design.limits.items()
    )
    return f"{design.goal}, least {measure_of(design.least).label}{f'; {limits}' if limits else ''}"


def _answer(design: Design, answer: Answer, origin: Origin) -> Section:
    told = [words(text.replace(" %", "\u00a0%")) for text in sentences(design, answer)]
    linked = Markup(", ").join(Markup('<a href="{0}">{0}</a>').format(name) for name in origin.files)
    files = Markup('<p class="note">{} {}</p>').format("Files beside this page:", linked)
    if not any(one.estimate is not None for one in answer.standings):
        return "answer", "Answer", joined(*told, files)
    below = "Of the best program on validation samples; bars: 95 % Wilson intervals."
    drawn = picture("candidates-figure", design_figure(design, answer, COLUMN), "estimates over cost", below)
    return "answer", "Answer", joined(*told, files, side_by_side(drawn))


def _runners_up(design: Design, answer: Answer) -> Section | None:
    shown = runners_up(design, answer, _MOST_SHOWN)
    if not shown:
        return None
    head, body = answer_rows(design, answer, shown)
    return "runners-up", "Runners-up", table(head, body, numbers=range(1, len(head) - 1))


def _all(design: Design, answer: Answer) -> Section:
    head, body = answer_rows(design, answer, answer.standings[:_MOST_ROWS])
    rest = len(answer.standings) - len(body)
    more = [words(f"{rest:,} more are in table.csv.", "note")] if rest > 0 else []
    made = table(head, body, numbers=range(1, len(head) - 1))
    return (
        "candidates",
        "All candidates",
        joined(folded(f"{len(body)} candidates, from cheap to expensive", made), *more),
    )


def _how(design: Design, origin: Origin) -> Section:
    facts = [
        *((f"rung {k}", _rung(rung)) for k, rung in enumerate(design.rungs, 1)),
        (
            "proof",
            f"{design.proof_trials} fabricated chips that no rung had, on test samples; at most {design.proofs} tries",
        ),
        ("versions", ", ".join(f"{name} {version}" for name, version in origin.versions.items())),
    ]
    parts = [rows(facts), download("all candidates (CSV)", f"{design.name}.csv", origin.table), code(origin.command)]
    return "origin", "Origin", joined(*parts)


def _rung(rung: Rung) -> str:
    seeds = f"{rung.seeds} seed{'s' if rung.seeds > 1 else ''}"
    gain = f", wrong answers may still fall by a factor of {rung.gain:g}" if rung.gain > 1 else ""
    return f"{percent(rung.epochs)} of the epochs, {seeds}, {rung.trials} chips on validation samples{gain}"
