"""The waveguides as a networkx graph, whole or net by net: every element that light meets is a node.

Nodes are (net, number within the net); a crossing is a node of each of its two nets, so that a walk from an emitter
stays in its net. The arrays of `Waveguides` are what the chip is computed with; this view is made from them when asked
for, and a walk over it gives the ledger again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import networkx as nx
import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Netlist
from soensim.routing.ledger import LossTable, split_shares
from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.routed_netlist import RoutedNetlist
from soensim.routing.waveguides import Kind, Waveguides

MAX_NODES = 2_000_000  # a graph of networkx takes about 1 kB per node


def waveguide_graph(routed: RoutedNetlist, nets: Iterable[int] | None = None) -> nx.DiGraph[tuple[int, int]]:
    """Make the graph of some nets, or of all.

    Nodes carry `kind` (emitter, bend, junction, split, crossing, coupler, detector; each splitter behind a junction is
    a `split`), `x_um`, `y_um`, `plane`, `loss_db` (of the element, splitting not counted), and at the ends `source` and
    `target` as (population, index). Edges carry
    `length_um`, `plane`, `loss_db` (propagation and bends), `delay_ps` and `share`, the fraction of the light at their
    start that they take.

    Parameters
    ----------
    routed
        A chip with waveguides.
    nets
        Indices of nets, in the order of `routed.layout.nets`; None is all of them.

    Raises
    ------
    RoutingError
        The chip has no waveguides, there is no such net, or the whole graph would be too large.
    """
    layout = routed.layout
    if layout is None or layout.nets is None or layout.waveguides is None:
        raise RoutingError(f"netlist {routed.netlist.name!r} has no waveguides: no projection is optical")
    guides = layout.waveguides
    wanted = np.arange(len(layout.nets)) if nets is None else np.array(sorted(set(nets)), dtype=np.int64)
    if len(wanted) and not (wanted[0] >= 0 and wanted[-1] < len(layout.nets)):
        raise RoutingError(f"netlist {routed.netlist.name!r}: there are nets 0 to {len(layout.nets) - 1}")
    nodes = np.flatnonzero(np.isin(guides.net, wanted))
    size = int(sum(array[nodes].sum() for array in (guides.crossings, guides.plane_crossings, guides.couplers)))
    if size + len(nodes) > MAX_NODES:
        raise RoutingError(
            f"the graph would have {size + len(nodes)} nodes; the limit is {MAX_NODES}: ask for some of the nets"
        )
    return _Builder(routed.netlist, layout.nets, guides).build(nodes)


def crossing_places(guides: Waveguides, node: int) -> FloatArray:
    """Find where the segment that arrives at a node crosses others: fractions of its length, ascending."""
    parent = guides.parent
    inner = np.flatnonzero(parent >= 0)
    ax, ay, bx, by = (a[k] for k in (parent[inner], inner) for a in (guides.x_um, guides.y_um))
    x, y = guides.x_um[parent[node]], guides.y_um[parent[node]]
    dx, dy = guides.x_um[node] - x, guides.y_um[node] - y
    start = dx * (ay - y) - dy * (ax - x)
    end = dx * (by - y) - dy * (bx - x)
    own_start = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    own_end = (bx - ax) * (y + dy - ay) - (by - ay) * (x + dx - ax)
    crosses = (start * end < 0) & (own_start * own_end < 0)
    places: FloatArray = np.sort(own_start[crosses] / (own_start[crosses] - own_end[crosses]))
    return places


class _Builder:
    """Turns segments into chains of elements."""

    def __init__(self, netlist: Netlist, nets: Nets, guides: Waveguides) -> None:
        self.losses = LossTable.of(netlist.device_technology)
        self.guides, self.nets, self.netlist = guides, nets, netlist
        self.shares = split_shares(guides, self.losses)
        self.sink_of = np.full(len(guides), -1)
        self.sink_of[guides.detector] = np.arange(nets.sinks)
        self.graph: nx.DiGraph[tuple[int, int]] = nx.DiGraph()
        self.names: dict[int, tuple[int, int]] = {}
        self.count: dict[int, int] = {}

    def build(self, nodes: IntArray) -> nx.DiGraph[tuple[int, int]]:
        for node in map(int, nodes):
            if self.guides.parent[node] < 0:
                self.names[node] = self._add(node, "emitter", 0.0)
                population = list(self.netlist.populations)[self.nets.population[self.guides.net[node]]]
                member = int(self.nets.member[self.guides.net[node]])
                self.graph.nodes[self.names[node]]["source"] = (population, member)
            else:
                self._segment(node)
        return self.graph

    def _add(self, node: int, kind: str, loss_db: float, at: float = 1.0) -> tuple[int, int]:
        """Add an element of the segment that arrives at ``node``, at a fraction of its length."""
        guides, net = self.guides, int(self.guides.net[node])
        start = max(int(guides.parent[node]), 0) if guides.parent[node] >= 0 else node
        name = (net, self.count.get(net, 0))
        self.count[net] = name[1] + 1
        self.graph.add_node(
            name,
            kind=kind,
            x_um=float(guides.x_um[start] + at * (guides.x_um[node] - guides.x_um[start])),
            y_um=float(guides.y_um[start] + at * (guides.y_um[node] - guides.y_um[start])),
            plane=int(guides.plane[node]),
            loss_db=loss_db,
        )
        return name

    def _segment(self, node: int) -> None:
        """Add the way from the parent to the node: splitters and couplers at its start, crossings on it, its end."""
        guides, losses = self.guides, self.losses
        parent, plane = int(guides.parent[node]), int(guides.plane[node])
        taps, couplers, bends = (int(a[node]) for a in (guides.taps, guides.couplers, guides.bends))
        chain = [(0.0, self.names[parent])]
        chain += [(0.0, self._add(node, "split", losses.tap_db, 0.0)) for _ in range(taps)]
        chain += [(0.0, self._add(node, "coupler", losses.coupler_db, 0.0)) for _ in range(couplers)]
        in_plane = int(guides.crossings[node]) > 0
        for at in crossing_places(guides, node) if guides.length_um[node] > 0 else ():
            loss_db = losses.crossing_db if in_plane else losses.plane_crossing_db
            chain.append((float(at), self._add(node, "crossing", loss_db, float(at))))
        kind = Kind(guides.kind[node]).name.lower()
        self.names[node] = self._add(node, kind, losses.bend_db * bends)
        chain.append((1.0, self.names[node]))
        sink = int(self.sink_of[node])
        if sink >= 0:
            self._label(self.names[node], sink)
        length_um = float(guides.length_um[node])
        for k, ((start, first), (end, second)) in enumerate(itertools.pairwise(chain)):
            part_um = length_um * (end - start)
            self.graph.add_edge(
                first,
                second,
                length_um=part_um,
                plane=plane,
                loss_db=losses.propagation_db_per_cm * part_um * 1e-4,
                delay_ps=losses.delay_ps_per_cm * part_um * 1e-4,
                share=float(self.shares[node]) if k == 0 else 1.0,
            )

    def _label(self, name: tuple[int, int], sink: int) -> None:
        projection = self.netlist.projections[int(self.nets.projection[sink])]
        edges, k = self.netlist.edges(projection), int(self.nets.edge[sink])
        self.graph.nodes[name]["source"] = (projection.source, int(edges.sources[k]))
        self.graph.nodes[name]["target"] = (projection.target, int(edges.targets[k]))
