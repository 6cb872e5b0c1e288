"""Strategy `crossbar`: a trunk along the emitter's row or column, and branches at right angles to it.

A net takes the direction in which its waveguides are shorter; where both are as long, neighbours on the grid take
different ones. So rows and columns are about equally full, and half as many planes hold the chip as with all
trunks along rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soensim.errors import RoutingError
from soensim.routing.nets import Nets
from soensim.routing.placement import IntArray
from soensim.routing.problem import OpticalProblem
from soensim.routing.trees import GridTrees

_ROOT, _TRUNK, _BRANCH = 0, 1, 2


def crossbar(problem: OpticalProblem) -> GridTrees:
    """Make the trees of all nets."""
    return crossbar_trees(problem.nets, problem.placement.columns, problem.placement.rows)


def crossbar_trees(nets: Nets, columns: int, rows: int) -> GridTrees:
    """Make the trees.

    Parameters
    ----------
    nets
        The nets.
    columns, rows
        Size of the routing grid.

    Raises
    ------
    RoutingError
        There are more than 2^63 places of nets.
    """
    side, of_sink = max(columns, rows), nets.net
    turned = _along_column(nets)

    if not len(nets) * side**2 < 2**63:  # keys below are 64-bit numbers
        raise RoutingError(
            f"crossbar: {len(nets)} nets on a grid of {columns} x {rows} places are too many to number; place the "
            "cells closer together"
        )

    def oriented(column: IntArray, row: IntArray, net: IntArray) -> tuple[IntArray, IntArray]:
        """(place along the trunk, place across it); its own inverse."""
        return np.where(turned[net], row, column), np.where(turned[net], column, row)

    def key(net: IntArray, along: IntArray, across: IntArray) -> IntArray:
        return (net * side + along) * side + across

    every_net = np.arange(len(nets))
    start, height = oriented(nets.column, nets.row, every_net)
    along, across = oriented(nets.sink_column, nets.sink_row, of_sink)
    # every place that is a node, once: emitters, trunk places from which a branch leaves, detectors off the trunk
    root = key(every_net, start, height)
    trunk = np.unique(key(of_sink, along, height[of_sink])[along != start[of_sink]])
    branch = np.unique(key(of_sink, along, across)[across != height[of_sink]])
    keys = np.concatenate([root, trunk, branch])
    kind = np.repeat([_ROOT, _TRUNK, _BRANCH], [len(root), len(trunk), len(branch)])
    net, along, across = keys // side**2, keys // side % side, keys % side
    ahead, off = along - start[net], across - height[net]
    # in this order a node follows its parent, which is the last one of its group or the group's start
    distance = np.where(kind == _TRUNK, np.abs(ahead), np.abs(off))
    group = np.where(kind == _TRUNK, 2 * np.sign(ahead), 2 * (2 * along + 1) + np.sign(off)) * (kind != _ROOT)
    order = np.lexsort((distance, group, kind, net))
    keys, kind, net, along, across, group = (a[order] for a in (keys, kind, net, along, across, group))
    chained = (np.diff(net, prepend=-1) == 0) & (np.diff(kind, prepend=-1) == 0) & (np.diff(group, prepend=0) == 0)
    by_key = np.argsort(keys)

    def find(wanted: IntArray) -> IntArray:
        return by_key[np.searchsorted(keys, wanted, sorter=by_key)]

    above = find(root)[net]
    first_of_branch = (kind == _BRANCH) & ~chained
    above[first_of_branch] = find(key(net, along, height[net])[first_of_branch])
    parent = np.where(kind == _ROOT, -1, np.where(chained, np.arange(len(keys)) - 1, above))
    sink_node = find(key(of_sink, *oriented(nets.sink_column, nets.sink_row, of_sink)))
    return GridTrees(net, *oriented(along, across, net), parent, sink_node)


def _along_column(nets: Nets) -> NDArray[np.bool_]:
    """Which nets have their trunk along a column."""
    by_row = _length(nets, nets.column, nets.row, nets.sink_column, nets.sink_row)
    by_column = _length(nets, nets.row, nets.column, nets.sink_row, nets.sink_column)
    odd = (nets.row + nets.column) % 2 == 1
    turned: NDArray[np.bool_] = (by_column < by_row) | ((by_column == by_row) & odd)
    return turned


def _length(nets: Nets, start: IntArray, height: IntArray, along: IntArray, across: IntArray) -> IntArray:
    """Length of each net's waveguides in steps of the grid: the trunk, and every branch to both sides."""
    net = nets.net
    low, high = start.copy(), start.copy()
    np.minimum.at(low, net, along)
    np.maximum.at(high, net, along)
    length = high - low
    side = along.max(initial=0) + 1
    branch, of_sink = np.unique(net * side + along, return_inverse=True)
    bottom = height[branch // side]
    top = bottom.copy()
    np.minimum.at(bottom, of_sink, across)
    np.maximum.at(top, of_sink, across)
    np.add.at(length, branch // side, top - bottom)
    return length
