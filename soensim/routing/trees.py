"""Trees on the routing grid: what a strategy decides, before tracks and coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.routing.placement import IntArray


@dataclass(frozen=True, eq=False)
class GridTrees:
    """One tree per net, as flat arrays of nodes; a node is a place of the routing grid, at most one per net and place.

    Nodes of a net stand together, parents before children; nets ascend. A node and its parent share a row or a column,
    and the waveguide between them is straight; nodes are where a net starts, turns, branches or has a detector.
    Two branches of a net do not cross on the grid.

    Attributes
    ----------
    net, column, row
        Shape (nodes,).
    parent
        Shape (nodes,): index of the parent among all nodes; -1 at the emitter.
    sink_node
        Shape (sinks,): node at which each sink of the nets is reached; -1 where the strategy found no way.
    """

    net: IntArray
    column: IntArray
    row: IntArray
    parent: IntArray
    sink_node: IntArray
