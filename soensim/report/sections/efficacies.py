"""What is programmed: the code of every synapse."""

from __future__ import annotations

from soensim.network import LinearOutput
from soensim.program import READOUT
from soensim.report import figures
from soensim.report.page_parts import joined, picture, side_by_side, words
from soensim.report.sections.section import Section, Subject
from soensim.report.templates import MAX_PROJECTIONS


def efficacies_section(subject: Subject) -> Section:
    """Draw the efficacies of each projection and of the readout."""
    network, program = subject.network, subject.program
    keys = list(network.synapses)[:MAX_PROJECTIONS]
    # recurrent efficacies first: they are what makes the chip a network
    keys.sort(key=lambda key: network.synapses[key].source is None)
    if isinstance(network.output, LinearOutput):
        keys.append(READOUT)
    note = "Rows are driven by columns. Grey and struck through: no synapse there. Bars: synapses per level."
    pictures = [
        picture(f"efficacies-{k}", figures.efficacies(network, program, key), f"efficacies of {key}")
        for k, key in enumerate(keys)
    ]
    return Section("efficacies", "Programmed efficacies", joined(words(note, "note"), side_by_side(*pictures)))
