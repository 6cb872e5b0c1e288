"""Which effects part the chips from one another."""

from __future__ import annotations

from soensim.report import figures
from soensim.report.analysis_rows import cause_rows, causes_title
from soensim.report.page_parts import joined, picture, table, words
from soensim.report.sections.section import NotRun, Section, Subject


def causes_section(subject: Subject) -> Section | NotRun | None:
    """Show each effect's share of the variance of accuracy between chips; None for measured chips."""
    evaluation = subject.evaluation
    if evaluation.measured:
        return None
    if evaluation.causes is None:
        return NotRun("causes of the variance between chips", "--causes")
    title = causes_title(evaluation.causes, evaluation.samples)
    note = words(f"{title[0].upper()}{title[1:]}.", "note")
    rows = cause_rows(evaluation.causes)
    if not rows:
        return Section("causes", "Causes of the variance", note)
    return Section(
        "causes",
        "Causes of the variance",
        joined(
            note,
            picture(
                "causes",
                figures.causes(evaluation.causes),
                "share of each effect in the variance of accuracy",
                "Filled: by itself; outlined: with what it does together with others; lines: 95 % intervals.",
            ),
            table(
                ("effect", "by itself, %", "total, %", "deviation, points"),
                [(row.label, row.first, row.total, row.deviation) for row in rows],
                numbers=(3,),
            ),
        ),
    )
