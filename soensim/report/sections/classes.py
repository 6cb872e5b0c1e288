"""Which class is taken for which."""

from __future__ import annotations

from soensim.report import figures, formatting
from soensim.report.page_parts import picture, side_by_side, table
from soensim.report.sections.section import Section, Subject


def classes_section(subject: Subject) -> Section:
    """Show the confusion matrix, and the accuracy of each class."""
    evaluation = subject.evaluation
    found = [(row.name, str(row.right), str(row.samples), row.percent) for row in formatting.class_rows(evaluation)]
    caption = "Counts, quantised codes on the nominal chip. Colour: share of the row, errors on their own scale."
    return Section(
        "classes",
        "Classes",
        side_by_side(
            picture("confusion", figures.confusion(evaluation), "confusion matrix", caption),
            table(("class", "right", "of", "%"), found, numbers=(1, 2, 3), narrow=True),
        ),
    )
