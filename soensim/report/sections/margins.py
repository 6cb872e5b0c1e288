"""How far each parameter may be off."""

from __future__ import annotations

from soensim.report import figures
from soensim.report.analysis_rows import margin_rows, margins_note, margins_title
from soensim.report.page_parts import joined, picture, table, words
from soensim.report.sections.section import NotRun, Section, Subject


def margins_section(subject: Subject) -> Section | NotRun | None:
    """Show the bounds of spreads and offsets, and name the critical margin; None for measured chips."""
    evaluation = subject.evaluation
    if evaluation.measured:
        return None
    if evaluation.margins is None:
        return NotRun("margins of spreads and offsets", "--margins")
    title, note = margins_title(evaluation.margins, evaluation.samples), margins_note(evaluation.margins)
    return Section(
        "margins",
        "Margins",
        joined(
            words(f"{title[0].upper()}{title[1:]}. {note[0].upper()}{note[1:]}.", "note"),
            picture(
                "margins",
                figures.margins(evaluation.margins),
                "how far each parameter may be off",
                "Orange: more, blue: less, in parts of the nominal value (flux: of Phi_0; spreads: of what is stated); "
                "dotted: no bound found; star: critical.",
            ),
            table(
                ("parameter", "stated", "least", "most", ""),
                [(row.label, row.stated, row.low, row.high, row.note) for row in margin_rows(evaluation.margins)],
                numbers=(1, 2, 3),
            ),
        ),
    )
