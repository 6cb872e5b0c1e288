"""Trees on the routing grid: what a strategy decides, before tracks and coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.routing.placement import IntArray


@dataclass(frozen=True, eq=False)
class GridTrees:
    """One tree per net, as flat arrays of nodes; a node is a place of the routing grid, at most one per net and place.

    Nodes of a net are adjacent, parents before children; nets ascend. A node and its parent share a row or a column,
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

    def __len__(self) -> int:
        return len(self.net)

    def pruned(self, kept: NDArray[np.bool_]) -> GridTrees:
        """Cut the trees back to what the kept sinks need, shape (sinks,): no dead ends, no nodes that do nothing.

        The emitter's node stays even where no sink does.
        """
        used = np.zeros(len(self), dtype=bool)
        used[self.sink_node[kept]] = True
        used[self.parent < 0] = True
        frontier = np.flatnonzero(used)
        while len(frontier):  # towards the emitters, all nets at once
            above = self.parent[frontier]
            above = np.unique(above[above >= 0])
            frontier = above[~used[above]]
            used[frontier] = True
        children = np.bincount(self.parent[used & (self.parent >= 0)], minlength=len(self))
        ends_here = np.zeros(len(self), dtype=bool)
        ends_here[self.sink_node[kept]] = True
        # a node with one child in the direction in which it was reached, and no detector, does nothing
        along_row = np.zeros(len(self), dtype=bool)
        has_parent = self.parent >= 0
        along_row[has_parent] = self.row[has_parent] == self.row[self.parent[has_parent]]
        only_child = np.full(len(self), -1)
        child = np.flatnonzero(used & has_parent)
        only_child[self.parent[child]] = child
        passes = used & has_parent & (children == 1) & ~ends_here
        passes &= along_row == along_row[only_child]
        stays = used & ~passes
        parent = self.parent.copy()
        while True:  # jump over the nodes that go
            over = stays & (parent >= 0)
            jumping = np.flatnonzero(over)[passes[parent[over]]]
            if not len(jumping):
                break
            parent[jumping] = parent[parent[jumping]]
        place = np.cumsum(stays) - 1
        kept_parent = parent[stays]
        sink_node = self.sink_node[kept]
        return GridTrees(
            self.net[stays],
            self.column[stays],
            self.row[stays],
            np.where(kept_parent >= 0, place[kept_parent], -1),
            place[sink_node],
        )
