"""What one answer costs: time and energy, line by line, each with its formula and source."""

from __future__ import annotations

from soensim.report import cost_rows
from soensim.report.page_parts import folded, joined, table, words
from soensim.report.sections.section import Section, Subject


def cost_section(subject: Subject) -> Section | None:
    """List the parts of latency and energy; what is not known says why."""
    evaluation = subject.evaluation
    if evaluation.cost is None:
        return None
    found = cost_rows.cost_rows(evaluation.cost)
    formulas = [(row.label, row.formula, row.source) for row in found if row.source]
    static = next((line for line in evaluation.cost.energy if line.name == "static_bias"), None)
    bias = (
        " How the bias is brought, the technology does not say: resistors can take tens of times what the fluxons do."
        if static is not None and static.value is None and not evaluation.chip.virtual
        else ""
    )
    return Section(
        "cost",
        "Cost of an answer",
        joined(
            words(
                f"Mean over {evaluation.samples:,} test samples, quantised codes on the nominal chip. A number that "
                "the technology lacks is not known, and a sum without it is a lower bound. The readout's synapses, the "
                f"light of input ports and what drives the inputs are not counted.{bias}",
                "note",
            ),
            table(("", "value", ""), [(row.label, row.value, row.note) for row in found], numbers=(1,), narrow=True),
            folded("formulas and sources", table(("", "formula", "source"), formulas)),
        ),
    )
