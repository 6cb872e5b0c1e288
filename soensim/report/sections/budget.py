"""What the chip takes: the figures of `soensim check`, each with its formula and source."""

from __future__ import annotations

import csv
import io

from soensim.budget import budget
from soensim.errors import SoensimError
from soensim.report.page_parts import download, folded, joined, table, words
from soensim.report.sections.section import Section, Subject


def budget_section(subject: Subject) -> Section:
    """List area, light, power and limits at full activity."""
    try:
        found = budget(subject.routed)
    except SoensimError as error:  # a number that the technology lacks spoils no score
        return Section("budget", "Budget", words(f"Not known: {error}", "note"))
    rows = [
        (
            f"{line.group}: {line.quantity}",
            f"{line.value:,.4g}",
            "" if line.unit == "1" else line.unit,
            "estimate" if line.estimate else "",
        )
        for line in found
    ]
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["group", "quantity", "value", "unit", "formula", "source", "estimate"])
    writer.writerows([*line.as_dict().values()] for line in found)
    rate_neurons = "" if subject.routed.netlist.spiking else ", every rate neuron at state 1"
    return Section(
        "budget",
        "Budget",
        joined(
            words(
                f"At full activity: every emitter at its highest rate{rate_neurons}. What an answer really takes is "
                "its cost, above. Estimate: a number that enters has no published source.",
                "note",
            ),
            folded(f"{len(found)} figures", table(("", "value", "unit", ""), rows, numbers=(1,))),
            download("budget with formulas and sources (CSV)", "budget.csv", sheet.getvalue()),
        ),
    )
