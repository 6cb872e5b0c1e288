"""What is fabricated: sizes, projections, which neuron drives which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soensim.report import figures, formatting
from soensim.report.page_parts import joined, picture, rows, side_by_side, table
from soensim.report.sections.section import Section, Subject
from soensim.routing import RoutedNetlist


def chip_section(subject: Subject) -> Section:
    """Describe the chip, and draw its synapses: as a graph if that is legible, else as a matrix with its degrees."""
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
    drawn = picture("chip-topology", figures.topology(network, subject.program), "topology of the chip", caption)
    degrees = picture("chip-degrees", figures.degrees(network, _lengths(subject.routed)), "fan-in, fan-out and lengths")
    return Section(
        "chip",
        "Chip",
        joined(
            rows(formatting.chip_rows(evaluation, network)),
            table(head, projections),
            side_by_side(drawn, degrees),
        ),
    )


def _lengths(routed: RoutedNetlist) -> NDArray[np.float64] | None:
    found = [p.ledger.length_um for p in routed.projections.values() if p.ledger is not None and len(p.ledger)]
    return np.concatenate(found) if found else None
