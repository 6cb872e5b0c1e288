"""Netlist -> RoutedNetlist: which of the edges that a netlist asks for exist on the chip, and their delays.

Here every edge of the netlist is taken as routed, with the delay that its projection states. Waveguide routes will
take that decision over; the later stages only read a `RoutedNetlist`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.netlist.edges import Edges


@dataclass(frozen=True)
class RoutedProjection:
    """The edges of one projection that exist.

    Attributes
    ----------
    edges
        Sorted by target, then source.
    delay_ps
        Read-only, shape (edges,): signal delay from source to target (ps).
    absent
        How many edges of the netlist do not exist, by reason.
    """

    edges: Edges
    delay_ps: NDArray[np.float64]
    absent: Mapping[str, int]


@dataclass(frozen=True)
class RoutedNetlist:
    """A netlist and the edges of each projection that the chip has, by `source->target`."""

    netlist: Netlist
    projections: Mapping[str, RoutedProjection]

    def graph(self) -> nx.DiGraph[tuple[str, int]]:
        """Make the graph of neurons and channels; nodes are (population, index), edges carry `delay_ps`."""
        graph: nx.DiGraph[tuple[str, int]] = nx.DiGraph()
        for name, population in self.netlist.populations.items():
            graph.add_nodes_from(((name, k) for k in range(population.size)), population=name, kind=population.kind)
        for projection in self.netlist.projections:
            routed = self.projections[projection.key]
            graph.add_edges_from(
                ((projection.source, int(j)), (projection.target, int(i)), {"delay_ps": float(d)})
                for j, i, d in zip(routed.edges.sources, routed.edges.targets, routed.delay_ps, strict=True)
            )
        return graph


def route(netlist: Netlist) -> RoutedNetlist:
    """Decide which edges exist: all that the netlist asks for."""
    routed = {}
    for projection in netlist.projections:
        edges = netlist.edges(projection)
        delay = np.full(len(edges), projection.delay_ps)
        delay.setflags(write=False)
        routed[projection.key] = RoutedProjection(edges, delay, absent={})
    return RoutedNetlist(netlist, routed)
