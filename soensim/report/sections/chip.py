"""What is fabricated: sizes, projections, which neuron drives which."""

from __future__ import annotations

from soensim.report import figures, formatting
from soensim.report.page_parts import joined, picture, rows, table
from soensim.report.sections.section import Section, Subject


def chip_section(subject: Subject) -> Section:
    """Describe the chip and draw its synapses."""
    evaluation, network = subject.evaluation, subject.network
    caption = (
        "Every input, neuron and synapse of the chip; an edge is as dark as its programmed efficacy is large. "
        "Recurrent edges bend to the right of their direction."
        if figures.is_drawn_as_graph(network)
        else "Every synapse of the chip as a connection matrix: rows are driven by columns."
    )
    head = ("projection", "topology", "edges present of possible", "fan-in", "levels", "in use", "zero")
    projections = [
        (r.name, r.topology, r.edges, r.fan_in, r.levels, r.in_use, r.zero)
        for r in formatting.projection_rows(evaluation, network)
    ]
    return Section(
        "chip",
        "Chip",
        joined(
            rows(formatting.chip_rows(evaluation, network)),
            table(head, projections),
            picture("topology", figures.topology(network, subject.program), "topology", caption),
        ),
    )
