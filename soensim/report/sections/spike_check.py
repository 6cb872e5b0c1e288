"""An optical rate chip as the spiking chip that it stands for, beside the rate engine."""

from __future__ import annotations

from soensim.errors import SimulationError
from soensim.report.model_text import spike_check_rows
from soensim.report.page_parts import joined, rows, words
from soensim.report.sections.section import NotRun, Section, Subject
from soensim.simulation.counterpart import check_has_counterpart


def spike_check_section(subject: Subject) -> Section | NotRun | None:
    """Show what spiking neurons answer; None for a chip that stands for none."""
    found = subject.evaluation.spike_check
    if found is None:
        try:
            check_has_counterpart(subject.network)
        except SimulationError:
            return None
        return NotRun("what spiking neurons answer in place of rates", "--engine spiking")
    return Section(
        "spiking-engine",
        "Spiking neurons in place of rates",
        joined(
            words(
                f"The first {found.samples:,} test samples, quantised codes on the nominal chip, as the spiking chip "
                "that it stands for; beside them the same samples of the rate engine at the step of the score. "
                "Correlations are Pearson's, over samples, frames and neurons.",
                "note",
            ),
            rows(spike_check_rows(found)),
        ),
    )
