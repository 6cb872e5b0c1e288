"""Accuracy as each effect of fabrication is added."""

from __future__ import annotations

from soensim.report import figures
from soensim.report.analysis_rows import waterfall_rows, waterfall_title
from soensim.report.page_parts import joined, picture, table, words
from soensim.report.sections.section import NotRun, Section, Subject


def waterfall_section(subject: Subject) -> Section | NotRun | None:
    """Show the effects in the order of fabrication; None for measured chips, whose effects are not known one by one."""
    evaluation = subject.evaluation
    if evaluation.measured:
        return None
    if evaluation.waterfall is None:
        return NotRun("accuracy effect by effect", "--waterfall")
    rows = waterfall_rows(evaluation.waterfall, evaluation.samples)
    title = waterfall_title(evaluation.waterfall)
    return Section(
        "waterfall",
        "Accuracy, effect by effect",
        joined(
            words(f"{title[0].upper()}{title[1:]}.", "note"),
            picture(
                "waterfall",
                figures.waterfall(evaluation.waterfall),
                "accuracy as each effect is added",
                "Bars: change; dots with lines: mean and 95 % interval; rings: each effect alone.",
            ),
            table(
                ("effect", "%", "95 % interval", "change, points", "alone, %"),
                [(row.label, row.percent, row.interval, row.change, row.alone) for row in rows],
                numbers=(1, 4),
            ),
        ),
    )
