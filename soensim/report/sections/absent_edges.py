"""Edges that the netlist asks for and the chip does not have, with the reason of each."""

from __future__ import annotations

import csv
import io
import math

from soensim.report.page_parts import download, folded, joined, table, words
from soensim.report.sections.section import Section, Subject
from soensim.routing import REASONS

_SHOWN = 50
_WRITTEN = 20_000  # a page stays smaller than a few MB

_REASONS = {
    "track": "no free track",
    "fan-out": "fan-out limit",
    "crossings": "crossing limit",
    "delay": "delay limit",
    "loss": "loss limit",
    "photons": "too few photons",
    "wire": "wire too long",
}


def absent_edges_section(subject: Subject) -> Section:
    """Count them by projection and reason, and list them."""
    routed = subject.routed
    present = sum(len(p.edges) for p in routed.projections.values())
    counts = [
        (key, _REASONS[reason], f"{count:,}")
        for key, projection in routed.projections.items()
        for reason, count in projection.absent.items()
    ]
    if not counts:
        laid_out = "has a route" if routed.layout is not None else "exists: the chip is not laid out"
        return Section("absent", "Absent edges", words(f"None: each of the {present:,} edges asked for {laid_out}."))
    edges = list(_edges(subject))
    absent = sum(len(p.absences) for p in routed.projections.values())
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["from", "to", "reason", "value", "limit"])
    writer.writerows(edges)
    cut = "" if absent <= _WRITTEN else f" The file holds the first {_WRITTEN:,}."
    return Section(
        "absent",
        "Absent edges",
        joined(
            words(f"{absent:,} of {absent + present:,} edges that the netlist asks for do not exist.{cut}"),
            table(("projection", "reason", "edges"), counts, numbers=(2,)),
            folded(
                f"the first {min(_SHOWN, len(edges))}",
                table(("from", "to", "reason", "value", "limit"), edges[:_SHOWN], numbers=(3, 4)),
            ),
            download("absent edges (CSV)", "absent-edges.csv", sheet.getvalue()),
        ),
    )


def _edges(subject: Subject) -> list[tuple[str, str, str, str, str]]:
    found: list[tuple[str, str, str, str, str]] = []
    for key, projection in subject.routed.projections.items():
        source, _, target = key.partition("->")
        lost = projection.absences
        for k in range(min(len(lost), _WRITTEN - len(found))):
            value, limit = ("" if math.isnan(x) else f"{x:.5g}" for x in (float(lost.value[k]), float(lost.limit[k])))
            reason = _REASONS[REASONS[lost.reason[k]]]
            found.append((f"{source}[{lost.sources[k]}]", f"{target}[{lost.targets[k]}]", reason, value, limit))
    return found
