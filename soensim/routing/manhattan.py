"""Strategy `manhattan`: rectilinear Steiner trees on channels with limited tracks, congestion negotiated.

Every net is routed as if alone; places that more nets want than they have tracks become dearer, and the nets that use
them are ripped up and routed again, until no place is overfull (PathFinder: McMurchie & Ebeling 1995,
doi:10.1145/201310.201328). A tree grows sink by sink, each by the cheapest path from anywhere on the tree (see `maze`).
"""

from __future__ import annotations

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.routing.layer_stack import channel_tracks
from soensim.routing.maze import OWN, Grid, Prices, congestion_cost_um, grow, make_work
from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.problem import OpticalProblem
from soensim.routing.trees import GridTrees

#: A coupler and a bend (0.0555 dB, technology nist-2023) cost as much light as 2.3 mm of waveguide at 0.24 dB/cm; but a
#: longer waveguide also takes tracks. A tenth of that keeps trees short and spares needless turns.
HOP_UM = 230.0

_ITERATIONS = 60
_PRESENT_START, _PRESENT_GROWTH, _PRESENT_MAX = 0.5, 1.5, 1e3  # price of a missing track, and how it rises
_HISTORY = 0.3  # what a place that was overfull costs for good, per iteration
_PATIENCE = 12  # iterations without progress

#: Trees that are grown for a net, from different ends of it; the cheapest is taken. Eight come within 15 % of
#: networkx's Steiner approximation where one is up to 20 % longer (tests/test_manhattan.py).
_STARTS = 8


def manhattan(problem: OpticalProblem) -> GridTrees:
    """Make the trees of all nets."""
    placement = problem.placement
    row_tracks, column_tracks = channel_tracks(placement, problem.stack)
    return manhattan_trees(
        problem.nets,
        column_width_um=np.diff(placement.column_borders_um),
        row_height_um=np.diff(placement.row_borders_um),
        row_tracks=row_tracks,
        column_tracks=column_tracks,
    )


def manhattan_trees(
    nets: Nets,
    *,
    column_width_um: FloatArray,
    row_height_um: FloatArray,
    row_tracks: IntArray,
    column_tracks: IntArray,
) -> GridTrees:
    """Make the trees; where congestion cannot be resolved, those with the least excess that were found.

    Parameters
    ----------
    nets
        The nets.
    column_width_um, row_height_um
        Shape (columns,) and (rows,): size of the places of the routing grid.
    row_tracks, column_tracks
        Shape (rows,) and (columns,): how many waveguides can run along each at any of its places.
    """
    columns = len(column_width_um)
    grid = _grid(column_width_um, row_height_um, row_tracks, column_tracks)
    work = make_work(columns * len(row_height_um))
    root, sinks = nets.row * columns + nets.column, nets.sink_row * columns + nets.sink_column
    trees = [np.empty(0, dtype=np.int64)] * len(nets)
    best, least, waited, present = trees, np.inf, 0, _PRESENT_START
    again = np.arange(len(nets))
    for _ in range(_ITERATIONS):
        for net in again:
            _count(grid, trees[net], -1)
            own_sinks = sinks[nets.first[net] : nets.first[net + 1]]
            trees[net] = _route(grid, work, Prices(present, HOP_UM), root[net], own_sinks, _STARTS)
            _count(grid, trees[net], 1)
        excess = np.maximum(grid.used - grid.tracks, 0)
        total = int(excess.sum())
        if total < least:
            best, least, waited = list(trees), total, 0
        else:
            waited += 1
        if total == 0 or waited >= _PATIENCE:
            break
        grid.history[excess > 0] += _HISTORY
        present = min(present * _PRESENT_GROWTH, _PRESENT_MAX)
        again = np.array([net for net in range(len(nets)) if _meets(trees[net], excess)], dtype=np.int64)
    return _as_trees(nets, best, root, sinks, columns, columns * len(row_height_um))


def _grid(width_um: FloatArray, height_um: FloatArray, row_tracks: IntArray, column_tracks: IntArray) -> Grid:
    columns, rows = len(width_um), len(height_um)
    place = np.arange(columns * rows)
    row, column = divmod(place, columns)
    east, north = (np.append((size[1:] + size[:-1]) / 2, 0.0) for size in (width_um, height_um))
    neighbour = np.stack(
        [
            np.where(column + 1 < columns, place + 1, -1),
            np.where(row + 1 < rows, place + columns, -1),
            np.where(column > 0, place - 1, -1),
            np.where(row > 0, place - columns, -1),
        ],
        axis=1,
    )
    step_um = np.stack([east[column], north[row], east[column - 1], north[row - 1]], axis=1)
    states = 2 * columns * rows
    return Grid(
        neighbour,
        step_um,
        np.stack((width_um[column], height_um[row]), axis=1).ravel(),
        np.stack((row_tracks[row], column_tracks[column]), axis=1).ravel(),
        np.zeros(states, dtype=np.int64),
        np.zeros(states),
    )


def _as_trees(
    nets: Nets, trees: list[IntArray], root: IntArray, sinks: IntArray, columns: int, grid_places: int
) -> GridTrees:
    """Join the trees of all nets, with nodes only where something happens."""
    net, place, parent, sink_node = [], [], [], np.full(nets.sinks, -1)
    start = 0
    mask, node_of = np.zeros(grid_places, dtype=np.int64), np.full(grid_places, -1)
    for k in range(len(nets)):
        mine = slice(nets.first[k], nets.first[k + 1])
        found, above, sink_node[mine] = _nodes(trees[k], root[k], sinks[mine], columns, mask, node_of)
        sink_node[mine][sink_node[mine] >= 0] += start
        net.append(np.full(len(found), k))
        place.append(found)
        parent.append(np.where(above >= 0, above + start, -1))
        start += len(found)
    places = np.concatenate(place)
    return GridTrees(np.concatenate(net), places % columns, places // columns, np.concatenate(parent), sink_node)


@njit(cache=True, error_model="numpy")
def _route(grid, work, prices, root, sinks, starts):  # type: ignore[no-untyped-def]
    """Route one net: the cheapest of the trees grown from some of its ends, among those that hold the root.

    What cannot be reached from the root is left out; a tree grown from there would be cheap and useless.

    Returns 16 x place + directions of every place that the tree uses.
    """
    best, least = np.empty(0, dtype=np.int64), np.inf
    ends = np.empty(len(sinks) + 1, dtype=np.int64)
    ends[0], ends[1:] = root, sinks
    count = min(starts, len(ends))
    for k in range(count):
        start = ends[k * len(ends) // count]
        grow(grid, work, prices, start, ends)
        holds_root = start == root or work.mask[root] != 0
        tree = np.empty(work.counts[OWN], dtype=np.int64)
        cost = 0.0
        for j in range(len(tree)):
            place = work.own[j]
            mask = work.mask[place]
            tree[j] = 16 * place + mask
            work.mask[place] = 0
            cost += (mask & 1) * grid.step_um[place, 0] + (mask >> 1 & 1) * grid.step_um[place, 1]
            for layer in range(2):
                if mask & (5 << layer):
                    state = 2 * place + layer
                    cost += congestion_cost_um(
                        grid.size_um[state], grid.tracks[state], grid.used[state], grid.history[state], prices.present
                    )
            if mask & 5 and mask & 10:
                cost += prices.hop_um
        if k == 0 or (holds_root and cost < least):
            best, least = tree, cost
    return best


@njit(cache=True)
def _count(grid, tree, change):  # type: ignore[no-untyped-def]
    """Count the tracks that a tree uses."""
    for part in tree:
        for layer in range(2):
            if part & (5 << layer):
                grid.used[2 * (part >> 4) + layer] += change


@njit(cache=True)
def _meets(tree, excess):  # type: ignore[no-untyped-def]
    for part in tree:
        for layer in range(2):
            if part & (5 << layer) and excess[2 * (part >> 4) + layer] > 0:
                return True
    return False


@njit(cache=True)
def _nodes(tree, root, sinks, columns, mask, node_of):  # type: ignore[no-untyped-def]
    """Walk a tree from its root; return the places of its nodes, their parents, and the node of each sink (or -1).

    ``mask`` and ``node_of`` are work space, one entry per place: 0 and -1 before and after.
    """
    for part in tree:
        mask[part >> 4] = part & 15
    for sink in sinks:
        node_of[sink] = -2  # a detector: the place is a node
    step = np.array([1, columns, -1, -columns])
    places = np.empty(len(tree), dtype=np.int64)
    parents = np.empty(len(tree), dtype=np.int64)
    waiting = np.empty((4 * len(tree), 2), dtype=np.int64)  # node, and a direction in which it is left
    places[0], parents[0], node_of[root] = root, -1, 0
    n, queued = 1, 0
    ways, node = mask[root], 0
    while True:
        for d in range(4):
            if ways >> d & 1:
                waiting[queued] = node, d
                queued += 1
        if queued == 0:
            break
        queued -= 1
        node, d = waiting[queued]
        place = places[node] + step[d]
        while mask[place] == (5 << (d & 1)) and node_of[place] != -2:
            place += step[d]
        places[n], parents[n], node_of[place] = place, node, n
        ways, node = mask[place] & ~(1 << (d ^ 2)), n
        n += 1
    sink_node = np.empty(len(sinks), dtype=np.int64)
    for k in range(len(sinks)):
        sink_node[k] = max(node_of[sinks[k]], -1)
    for sink in sinks:
        node_of[sink] = -1
    for k in range(n):
        node_of[places[k]] = -1
    for part in tree:
        mask[part >> 4] = 0
    return places[:n], parents[:n], sink_node
