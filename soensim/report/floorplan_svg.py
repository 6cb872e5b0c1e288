"""The die as an SVG element whose edges can be pointed at and focused, and the ledger of each edge as plain data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from soensim.netlist import Netlist, Projection
from soensim.program import Program
from soensim.report.figures.floorplans.die import look_of
from soensim.report.figures.floorplans.routes import input_names
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.ledger import Ledger

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_NEURONS = 40  # beyond, lines cover the die, and only the costliest edges are drawn
COSTLIEST = 200
MAX_WRITTEN = 5000  # edges of the CSV file: a page stays smaller than a few MB
_SIDE = 1000.0  # units of the longer side; a phone shows one as 0.35 px
_TEXT = 30.0  # units: 10 px on a phone

#: Of the ledger, in the order of the data; what it is called on the page, and how its elements are counted.
LEDGER = (
    ("length_um", "length (um)"),
    ("delay_ps", "delay (ps)"),
    ("propagation_db", "propagation (dB)"),
    ("bends", "bends"),
    ("bend_db", "bends (dB)"),
    ("crossings", "crossings in a plane"),
    ("crossing_db", "crossings in a plane (dB)"),
    ("plane_crossings", "crossings between planes"),
    ("plane_crossing_db", "crossings between planes (dB)"),
    ("taps", "splitters passed"),
    ("tap_db", "splitters, excess (dB)"),
    ("couplers", "couplers"),
    ("coupler_db", "couplers (dB)"),
    ("split_db", "light for the other detectors (dB)"),
    ("loss_db", "emitter to detector (dB)"),
    ("photons", "photons per spike at the detector"),
    ("no_photon_probability", "P(none counted)"),
)
_WIRE = 2  # of a wire only the first two say something


@dataclass(frozen=True, eq=False)
class Edge:
    """One edge that exists: its ends, its place in its projection, and what orders edges by cost."""

    projection: Projection
    place: int
    source: int
    target: int
    cost: float

    @property
    def name(self) -> str:
        """How the netlist would name it."""
        return f"{self.projection.source}[{self.source}] -> {self.projection.target}[{self.target}]"


def all_edges(routed: RoutedNetlist) -> list[Edge]:
    """List all edges in the order of the projections; light costs its loss (dB), a wire its length (m)."""
    found = []
    for projection in routed.netlist.projections:
        routes = routed.projections[projection.key]
        if routes.ledger is None:
            continue
        optical = projection.medium == "optical"
        cost = routes.ledger.loss_db if optical else routes.ledger.length_um * 1e-6
        found += [
            Edge(projection, k, int(s), int(t), float(c))
            for k, (s, t, c) in enumerate(zip(routes.edges.sources, routes.edges.targets, cost, strict=True))
        ]
    return found


def drawn_edges(routed: RoutedNetlist, edges: list[Edge]) -> list[Edge]:
    """Choose those that are drawn: all of a small chip, else the costliest; ordered by source."""
    ports = input_names(routed.netlist)
    neurons = sum(p.size for name, p in routed.netlist.populations.items() if name not in ports)
    kept = edges if neurons <= MAX_NEURONS else costliest(edges, COSTLIEST)
    names = list(routed.netlist.populations)
    return sorted(kept, key=lambda e: (names.index(e.projection.source), e.source, e.projection.key, e.target))


def costliest(edges: list[Edge], count: int) -> list[Edge]:
    """Take the costliest edges, in their order."""
    order = np.argsort([-edge.cost for edge in edges], kind="stable")[:count]
    return [edges[k] for k in np.sort(order)]


def draw(routed: RoutedNetlist, layout: Layout, edges: list[Edge]) -> Markup:
    """Draw the die with its cells, ports and some edges.

    Parameters
    ----------
    routed, layout
        The chip and its layout.
    edges
        Those to draw; each is a path with the class ``edge``, in this order, and the first can be reached by Tab.
    """
    placement = layout.placement
    scale = _SIDE / max(placement.die_width_um, placement.die_height_um)
    width, height = placement.die_width_um * scale, placement.die_height_um * scale
    body = [
        *_cells(routed.netlist, layout, scale, height),
        Markup('<g class="edges" role="group" aria-label="edges; arrow keys go from one to the next">'),
        *_paths(routed, layout, edges, scale, height),
        Markup("</g>"),
    ]
    frame = Markup('<rect class="die" x="0" y="0" width="{:.0f}" height="{:.0f}"/>').format(width, height)
    return Markup(
        '<svg id="floorplan-die" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="floorplan of the die" '
        'viewBox="-24 -24 {:.0f} {:.0f}" preserveAspectRatio="xMidYMid meet">\n{}\n{}\n</svg>'
    ).format(width + 48, height + 48, frame, Markup("\n").join(body))


def _cells(netlist: Netlist, layout: Layout, scale: float, height: float) -> Iterator[Markup]:
    ports = input_names(netlist)
    for name, places in layout.placement.populations.items():
        colour, _ = look_of(netlist, name)
        port = name in ports
        gap_um = _smallest_gap(places.x_um, places.y_um) if port else layout.placement.cell_um
        side = min(gap_um * scale * (0.7 if port else 1.0), 22.0 if port else _SIDE)
        number = not port and side >= 0.65 * _TEXT * len(str(max(1, len(places.x_um) - 1))) + 6
        for k, (x_um, y_um) in enumerate(zip(places.x_um, places.y_um, strict=True)):
            x, y = x_um * scale, height - y_um * scale
            yield Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}">'
                "<title>{}[{}]</title></rect>"
            ).format("port" if port else "cell", x - side / 2, y - side / 2, side, side, colour, name, k)
            if number:
                yield Markup('<text x="{:.1f}" y="{:.1f}" font-size="{:.0f}">{}</text>').format(
                    x - side / 2 + 4, y - side / 2 + _TEXT - 2, _TEXT, k
                )


def _smallest_gap(x_um: FloatArray, y_um: FloatArray) -> float:
    along = np.sort(x_um if np.ptp(x_um) > np.ptp(y_um) else y_um)
    gaps = np.diff(along)
    return float(gaps[gaps > 0].min()) if (gaps > 0).any() else 1e9


def _paths(routed: RoutedNetlist, layout: Layout, edges: list[Edge], scale: float, height: float) -> Iterator[Markup]:
    sinks: dict[str, IntArray] = {}
    ports = input_names(routed.netlist)
    for edge in edges:
        key, places = edge.projection.key, layout.placement.populations
        start, end = places[edge.projection.source], places[edge.projection.target]
        first = (float(start.x_um[edge.source]), float(start.y_um[edge.source]))
        last = (float(end.x_um[edge.target]), float(end.y_um[edge.target]))
        if edge.projection.medium == "optical" and layout.nets is not None and layout.waveguides is not None:
            if key not in sinks:
                k = routed.netlist.projections.index(edge.projection)
                here = np.flatnonzero(layout.nets.projection == k)
                sinks[key] = here[np.argsort(layout.nets.edge[here])]  # a ledger is in the order of the edges
            points = _route(layout, int(sinks[key][edge.place]))
            if edge.projection.source in ports:  # the lead from the port to the grid
                points = [first, *points]
        else:
            points = [first, (last[0], first[1]), last]  # as its length is counted: along the row, then the column
        yield Markup('<path class="edge" tabindex="-1" role="img" aria-label="{}" d="{}"/>').format(
            edge.name, _path(points, scale, height)
        )


def _route(layout: Layout, sink: int) -> list[tuple[float, float]]:
    guides = layout.waveguides
    if guides is None:
        return []
    node, points = int(guides.detector[sink]), []
    while node >= 0:
        points.append((float(guides.x_um[node]), float(guides.y_um[node])))
        node = int(guides.parent[node])
    return points[::-1]


def _path(points: list[tuple[float, float]], scale: float, height: float) -> str:
    """Write a polyline; points on a straight line or on one another are left out."""
    text, at = [], None
    for x_um, y_um in points:
        x, y = (f"{z:.2f}".rstrip("0").rstrip(".") for z in (x_um * scale, height - y_um * scale))
        if (x, y) == at:
            continue
        if at is None:
            text.append(f"M{x} {y}")
        elif x == at[0]:
            text.append(f"V{y}")
        elif y == at[1]:
            text.append(f"H{x}")
        else:
            text.append(f"L{x} {y}")
        at = (x, y)
    return "".join(text)


def data(routed: RoutedNetlist, program: Program, edges: list[Edge]) -> dict[str, Any]:
    """Return what the page says of each edge: `labels` of the figures, and `edges` [name, efficacy, figures…]."""
    return {
        "labels": [label for _, label in LEDGER],
        "edges": [[edge.name, *_figures(routed, program, edge)] for edge in edges],
    }


def ledger_csv(routed: RoutedNetlist, program: Program, edges: list[Edge]) -> str:
    """Write the ledger of edges as CSV."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["edge", "efficacy", *(name for name, _ in LEDGER)])
    writer.writerows([edge.name, *_figures(routed, program, edge)] for edge in edges)
    return sheet.getvalue()


def _figures(routed: RoutedNetlist, program: Program, edge: Edge) -> list[float]:
    ledger = routed.projections[edge.projection.key].ledger
    efficacy = _short(program.values[edge.projection.key][edge.place])
    if not isinstance(ledger, Ledger):
        return [efficacy]
    count = len(LEDGER) if edge.projection.medium == "optical" else _WIRE
    return [efficacy, *(_short(getattr(ledger, name)[edge.place]) for name, _ in LEDGER[:count])]


def _short(value: float) -> float:
    found = float(f"{float(value):.4g}")
    return int(found) if found.is_integer() and abs(found) < 1e15 else found


def legend(netlist: Netlist) -> Markup:
    """List the populations with their colours."""
    ports = input_names(netlist)
    items = [
        Markup('<li><i style="background:{}"></i>{}, {:,} {}</li>').format(
            look_of(netlist, name)[0], escape(name), population.size, "ports" if name in ports else "neurons"
        )
        for name, population in netlist.populations.items()
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))
