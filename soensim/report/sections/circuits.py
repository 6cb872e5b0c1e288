"""Test samples with every dendrite as its circuit, coupled, beside the model."""

from __future__ import annotations

from soensim.errors import SimulationError
from soensim.report.model_text import circuit_rows
from soensim.report.page_parts import joined, rows, words
from soensim.report.sections.section import NotRun, Section, Subject
from soensim.simulation.circuits import check_has_circuit


def circuits_section(subject: Subject) -> Section | NotRun | None:
    """Show what circuits answer; None for a chip that has a part that is no circuit."""
    found = subject.evaluation.circuit
    if found is None:
        try:
            check_has_circuit(subject.network)
        except SimulationError:
            return None
        return NotRun("what circuits answer in place of the model", "--circuit 100")
    return Section(
        "circuits",
        "Circuits in place of the model",
        joined(
            words(
                f"The first {found.samples:,} test samples, quantised codes on the nominal chip, with every dendrite "
                "as the circuit of its junctions, coupled; beside them the same samples of the model at the step of "
                "the score.",
                "note",
            ),
            rows(circuit_rows(found)),
        ),
    )
