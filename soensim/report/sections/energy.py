"""Energy of a classification on a chip whose light carries rates."""

from __future__ import annotations

from soensim.report import formatting
from soensim.report.page_parts import joined, table, words
from soensim.report.sections.section import Section, Subject


def energy_section(subject: Subject) -> Section | None:
    """List what light and SQUIDs take, or say which number is missing."""
    evaluation = subject.evaluation
    if evaluation.energy_unknown is not None:
        return Section("energy", "Energy of a classification", words(f"Not known: {evaluation.energy_unknown}", "note"))
    if not evaluation.energy:
        return None
    found = [
        (row.label, row.value, row.unit, "estimate" if row.note else "") for row in formatting.energy_rows(evaluation)
    ]
    return Section(
        "energy",
        "Energy of a classification",
        joined(
            table(("", "value", "unit", ""), found, numbers=(1,)),
            words(
                "Mean over the test samples, quantised codes on the nominal chip: from the spikes that the data cause. "
                "Before cooling where nothing else is said. The light of input ports is made off chip, and an "
                "electrical readout is not counted. Formulas and sources are in the JSON file.",
                "note",
            ),
        ),
    )
