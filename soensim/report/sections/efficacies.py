"""What is programmed: the code of every synapse."""

from __future__ import annotations

import numpy as np

from soensim.network import LinearOutput
from soensim.program import READOUT, Program
from soensim.report import figures
from soensim.report.page_parts import joined, picture, side_by_side, table, words
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
    ends = [(key, *range_use(program, key)) for key in keys]
    return Section(
        "efficacies",
        "Programmed efficacies",
        joined(
            words(note, "note"),
            side_by_side(*pictures),
            table(("", "largest efficacy", "at the range's end", "zero"), ends, numbers=(1, 2, 3), narrow=True),
            words(
                "Many at the end of the range want a larger one; many at zero a smaller one, or fewer synapses.", "note"
            ),
        ),
    )


def range_use(program: Program, key: str) -> tuple[str, str, str]:
    """Return the largest efficacy of a projection's table, the share of synapses that have it, and that are zero."""
    values = np.abs(program.values[key])
    largest = float(np.abs(program.levels[key]).max())
    at_end = float(np.mean(np.isclose(values, largest, rtol=1e-9))) if values.size else 0.0
    zero = float(np.mean(values == 0)) if values.size else 0.0
    return f"{largest:.4g}", f"{100 * at_end:.0f} %", f"{100 * zero:.0f} %"
