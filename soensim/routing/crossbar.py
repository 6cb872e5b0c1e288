"""Strategy `crossbar`: along the emitter's row, then along the column of each detector."""

from __future__ import annotations

import numpy as np

from soensim.routing.nets import Nets
from soensim.routing.placement import IntArray
from soensim.routing.trees import GridTrees

_ROOT, _TRUNK, _BRANCH = 0, 1, 2


def crossbar_trees(nets: Nets, columns: int, rows: int) -> GridTrees:
    """Make the trees: a trunk in the emitter's row, and a branch up and down every column that has a detector.

    Parameters
    ----------
    nets
        The nets.
    columns, rows
        Size of the routing grid.
    """
    of_sink = nets.net
    emitter_column, emitter_row = nets.column[of_sink], nets.row[of_sink]

    def key(net: IntArray, column: IntArray, row: IntArray) -> IntArray:
        return (net * columns + column) * rows + row

    # every place that is a node, once: emitters, trunk places above a used column, detectors off the trunk
    every_net = np.arange(len(nets))
    root = key(every_net, nets.column, nets.row)
    trunk = np.unique(key(of_sink, nets.sink_column, emitter_row)[nets.sink_column != emitter_column])
    off_row = nets.sink_row != emitter_row
    branch = np.unique(key(of_sink, nets.sink_column, nets.sink_row)[off_row])
    # detectors in the emitter's row are on the trunk; those in its column hang on the root
    keys = np.concatenate([root, trunk, branch])
    kind = np.repeat([_ROOT, _TRUNK, _BRANCH], [len(root), len(trunk), len(branch)])
    net, column, row = keys // (columns * rows), keys // rows % columns, keys % rows
    ahead, up = column - nets.column[net], row - nets.row[net]
    # in this order a node follows its parent, and its parent is the last one of its group or the group's start
    distance = np.where(kind == _TRUNK, np.abs(ahead), np.abs(up))
    group = np.where(kind == _TRUNK, 2 * np.sign(ahead), 2 * (2 * column + 1) + np.sign(up)) * (kind != _ROOT)
    order = np.lexsort((distance, group, kind, net))
    keys, kind, net, column, row, group = (a[order] for a in (keys, kind, net, column, row, group))
    chained = (np.diff(net, prepend=-1) == 0) & (np.diff(kind, prepend=-1) == 0) & (np.diff(group, prepend=0) == 0)
    by_key = np.argsort(keys)

    def find(wanted: IntArray) -> IntArray:
        return by_key[np.searchsorted(keys, wanted, sorter=by_key)]

    start = np.where(kind == _TRUNK, find(root)[net], -1)
    first_of_branch = (kind == _BRANCH) & ~chained
    start[first_of_branch] = find(key(net, column, nets.row[net])[first_of_branch])
    parent = np.where(kind == _ROOT, -1, np.where(chained, np.arange(len(keys)) - 1, start))
    return GridTrees(net, column, row, parent, find(key(of_sink, nets.sink_column, nets.sink_row)))
