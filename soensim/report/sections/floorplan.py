"""The die, with the loss ledger of every edge that is pointed at or focused."""

from __future__ import annotations

import json

from markupsafe import Markup

from soensim.report import floorplan_svg
from soensim.report.page_parts import download, joined, words
from soensim.report.sections.section import Section, Subject

_HINT = "Point at an edge, or Tab to the edges and use the arrow keys: here is its ledger."

_BODY = Markup("""<div class="floorplan">
<div class="die-view">
<p class="tools"><button type="button" data-zoom="0.6667">zoom in</button> <button type="button" data-zoom="1.5">zoom \
out</button> <button type="button" data-zoom="0">whole die</button></p>
{svg}
{legend}
</div>
<div class="ledger" id="floorplan-ledger" role="status" aria-live="polite"><p class="note">{hint}</p></div>
</div>
<script type="application/json" id="floorplan-data">{data}</script>""")


def floorplan_section(subject: Subject) -> Section | None:
    """Draw the die; None where the chip is not laid out."""
    routed, program = subject.routed, subject.program
    if routed.layout is None:
        return None
    edges = floorplan_svg.all_edges(routed)
    drawn = floorplan_svg.drawn_edges(routed, edges)
    written = floorplan_svg.costliest(edges, floorplan_svg.MAX_WRITTEN)
    said = "Wires as their length is counted: along a row, then a column. Waveguides as they are routed."
    if len(drawn) < len(edges):
        said += f" Of {len(edges):,} edges the {len(drawn)} with the highest loss, or the longest, are drawn."
    plain = json.dumps(floorplan_svg.data(routed, program, drawn), separators=(",", ":"), allow_nan=False)
    body = _BODY.format(
        svg=floorplan_svg.draw(routed, routed.layout, drawn),
        legend=floorplan_svg.legend(routed.netlist),
        hint=_HINT,
        data=Markup(plain.replace("<", "\\u003c")),  # noqa: S704  # JSON, which cannot end the element
    )
    few = "" if len(written) == len(edges) else f" of the {len(written):,} costliest"
    file = download(
        f"ledger{few or ' of all'} {'edges' if few else f'{len(edges):,} edges'} (CSV)",
        "ledger.csv",
        floorplan_svg.ledger_csv(routed, program, written),
    )
    return Section("floorplan", "Floorplan", joined(words(said, "note"), body, file))
