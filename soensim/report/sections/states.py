"""States of the neurons while a few test samples are read."""

from __future__ import annotations

from soensim.network.light import frame_seconds
from soensim.report import figures
from soensim.report.page_parts import joined, picture, side_by_side, words
from soensim.report.sections.section import Section, Subject


def states_section(subject: Subject) -> Section | None:
    """Draw what goes in, and what the neurons do; None on a spiking chip."""
    if subject.network.spiking is not None:
        return None
    examples, sample_s = subject.examples, frame_seconds(subject.routed.netlist)
    note = (
        "Above, what the inputs carry over time; below, the state of every neuron of the nominal chip. Test samples "
        f"{', '.join(map(str, examples.indices))} of {subject.dataset.name}."
    )
    pictures = [
        picture(
            f"states-{k}",
            figures.trace(subject.network, examples, k, sample_s),
            f"states over time, sample {examples.indices[k]}: true {examples.true[k]}, answered {examples.answered[k]}",
        )
        for k in range(len(examples.true))
    ]
    return Section("states", "States while reading", joined(words(note, "note"), side_by_side(*pictures)))
