"""States of the neurons while a few test samples are read."""

from __future__ import annotations

from soensim.report import figures
from soensim.report.page_parts import picture
from soensim.report.sections.section import Section, Subject


def states_section(subject: Subject) -> Section:
    """Draw what goes in, and what the neurons do."""
    examples = subject.examples
    caption = (
        "Above, what the inputs carry over time; below, the state of every neuron of the nominal chip. Test samples "
        f"{', '.join(map(str, examples.indices))} of {subject.dataset.name}."
    )
    return Section(
        "states",
        "States while reading",
        picture("traces", figures.traces(subject.network, examples), "states of the neurons over time", caption),
    )
