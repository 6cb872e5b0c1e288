"""Light and power while a chip answers whose light carries rates; the energy of an answer is in its cost."""

from __future__ import annotations

from soensim.report import cost_rows
from soensim.report.page_parts import joined, table, words
from soensim.report.sections.section import Section, Subject

_TITLE = "Light and power while answering"


def energy_section(subject: Subject) -> Section | None:
    """List spikes, activity and mean power, or say which number is missing."""
    evaluation = subject.evaluation
    if evaluation.energy_unknown is not None:
        return Section("energy", _TITLE, words(f"Not known: {evaluation.energy_unknown}", "note"))
    if not evaluation.energy:
        return None
    found = [
        (row.label, row.value, row.unit, "estimate" if row.note else "") for row in cost_rows.energy_rows(evaluation)
    ]
    return Section(
        "energy",
        _TITLE,
        joined(
            table(("", "value", "unit", ""), found, numbers=(1,)),
            words(
                "Mean over the test samples, quantised codes on the nominal chip: from the spikes that the data cause. "
                "Power is that of the lines fluxons, light and detection of the cost, without static bias. The light "
                "of input ports is made off chip and is in no sum. Formulas and sources are in the JSON file.",
                "note",
            ),
        ),
    )
