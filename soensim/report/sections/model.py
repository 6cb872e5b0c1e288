"""How well the model describes a dendrite of this chip, under this chip's drive."""

from __future__ import annotations

import math

from soensim.circuit.model_validity import VALID_BELOW
from soensim.report.page_parts import joined, table, with_commands, words
from soensim.report.sections.section import Section, Subject


def model_section(subject: Subject) -> Section | None:
    """Show chi^2 of a dendrite of each population against its circuit; None of a chip without SQUIDs."""
    if not subject.validity:
        return None
    rows = [
        (
            finding.object.removeprefix("populations."),
            f"{finding.value:.2g}",
            states_off(finding.value or 0.0),
            with_commands(finding.message),
        )
        for finding in subject.validity
    ]
    spikes = subject.evaluation.spiking is not None
    seen = "" if spikes else ": whether they do is seen with circuits in place of the model"
    return Section(
        "model",
        "Model of a dendrite",
        joined(
            words(
                "One dendrite of each population as the circuit of its junctions and as the model: chi^2 = sum "
                "(s_model - s_circuit)^2 / sum s_circuit^2, and its root, what states are off by. The model is called "
                f"valid up to {VALID_BELOW:g}, a root of {states_off(VALID_BELOW)}. States that are off by more need "
                f"not change an answer{seen}.",
                "note",
            ),
            table(("", "chi^2", "states off by", "in words"), rows, numbers=(1, 2)),
        ),
    )


def states_off(chi_squared: float) -> str:
    """Write what states are off by: the root of chi^2 in per cent."""
    return f"{100 * math.sqrt(chi_squared):.2g} %"
