"""The negotiated router: valid trees, short ones, and tracks that suffice."""

import hashlib

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.algorithms.approximation import steiner_tree

from soensim.routing.manhattan import manhattan_trees
from soensim.routing.nets import Nets
from soensim.routing.trees import GridTrees


def make_nets(emitters, sinks) -> Nets:
    flat = [place for of_net in sinks for place in of_net]
    none = np.zeros(len(emitters), dtype=np.int64)
    return Nets(
        none,
        none,
        *(np.array([e[axis] for e in emitters], dtype=np.int64) for axis in (0, 1)),
        np.cumsum([0, *map(len, sinks)]),
        np.zeros(len(flat), dtype=np.int64),
        np.arange(len(flat)),
        *(np.array([s[axis] for s in flat], dtype=np.int64) for axis in (0, 1)),
    )


def routed(nets, columns, rows, tracks=100, size_um=100.0) -> GridTrees:
    return manhattan_trees(
        nets,
        column_width_um=np.full(columns, size_um),
        row_height_um=np.full(rows, size_um),
        row_tracks=np.full(rows, tracks),
        column_tracks=np.full(columns, tracks),
    )


def check_tree(nets: Nets, trees: GridTrees) -> None:
    """Every sink is reached; segments are straight; no two of a net share a place unless a node joins them."""
    assert trees.net.tolist() == sorted(trees.net.tolist())
    for sink, node in enumerate(trees.sink_node):
        assert (trees.column[node], trees.row[node]) == (nets.sink_column[sink], nets.sink_row[sink])
        assert trees.net[node] == nets.net[sink]
    for net in range(len(nets)):
        nodes = np.flatnonzero(trees.net == net)
        (root,) = [n for n in nodes if trees.parent[n] < 0]
        assert (trees.column[root], trees.row[root]) == (nets.column[net], nets.row[net])
        steps: set[frozenset[tuple[int, int]]] = set()
        visited: dict[tuple[int, int], int] = {(int(trees.column[root]), int(trees.row[root])): 1}
        for node in nodes[nodes != root]:
            above = trees.parent[node]
            assert above < node
            at, end = (trees.column[above], trees.row[above]), (trees.column[node], trees.row[node])
            assert (at[0] == end[0]) != (at[1] == end[1])
            step = np.sign(np.subtract(end, at))
            while tuple(at) != tuple(end):
                after = tuple(int(v) for v in np.add(at, step))
                here = tuple(int(v) for v in at)
                assert frozenset((here, after)) not in steps
                steps.add(frozenset((here, after)))
                visited[after] = visited.get(after, 0) + 1
                at = after
        assert all(times == 1 for times in visited.values())  # a tree: each place is entered once


def usage(trees: GridTrees, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Nets on the row and on the column of every place, place by place."""
    on = {(axis, n): set() for axis in (0, 1) for n in range(int(trees.net.max(initial=0)) + 1)}
    for node in np.flatnonzero(trees.parent >= 0):
        above = trees.parent[node]
        c = sorted((trees.column[node], trees.column[above]))
        r = sorted((trees.row[node], trees.row[above]))
        axis = 0 if r[0] == r[1] else 1
        on[axis, int(trees.net[node])] |= {(y, x) for y in range(r[0], r[1] + 1) for x in range(c[0], c[1] + 1)}
    counts = np.zeros((2, rows, columns), dtype=int)
    for (axis, _), places in on.items():
        for y, x in places:
            counts[axis, y, x] += 1
    return counts[0], counts[1]


def length(trees: GridTrees) -> int:
    inner = trees.parent >= 0
    above = trees.parent[inner]
    return int(
        np.abs(trees.column[inner] - trees.column[above]).sum() + np.abs(trees.row[inner] - trees.row[above]).sum()
    )


@given(st.data(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_trees_are_trees_that_reach_every_sink(data, columns, rows, tracks):
    places = st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1))
    emitters = data.draw(st.lists(places, min_size=1, max_size=8))
    nets = make_nets(emitters, [data.draw(st.lists(places, unique=True, max_size=8)) for _ in emitters])
    check_tree(nets, routed(nets, columns, rows, tracks))


def test_short_trees():
    """Within 15 % of networkx's Steiner approximation, and never below the half perimeter."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(120):
        columns, rows = rng.integers(4, 13, 2)
        count = int(min(rng.integers(3, 12), columns * rows))
        chosen = rng.choice(columns * rows, count, replace=False)
        terminals = [(int(k % columns), int(k // columns)) for k in chosen]
        nets = make_nets(terminals[:1], [terminals[1:]])
        ours = length(routed(nets, int(columns), int(rows)))
        grid = nx.grid_2d_graph(int(columns), int(rows))
        theirs = min(steiner_tree(grid, terminals, method=m).number_of_edges() for m in ("kou", "mehlhorn"))
        spread = np.ptp(terminals, axis=0)
        assert ours >= spread.sum()
        ratios.append(ours / theirs)
    assert max(ratios) <= 1.15
    assert np.mean(ratios) <= 1.01


def test_congestion_is_negotiated():
    """Six nets straight through three rows of two tracks each: greedy ones would all take the middle row."""
    emitters = [(0, 1)] * 6
    nets = make_nets(emitters, [[(4, 1)]] * 6)
    open_row, _ = usage(routed(nets, 5, 3, tracks=10), 5, 3)
    assert open_row[1, 2] == 6
    # one column more on each side, where they can spread
    nets = make_nets([(0, k % 3) for k in range(6)], [[(6, 1)] if k % 3 == 1 else [(6, k % 3)] for k in range(6)])
    rows, columns = usage(routed(nets, 7, 3, tracks=2), 7, 3)
    assert rows.max() <= 2
    assert columns.max() <= 2


@pytest.mark.parametrize("seed", range(4))
def test_tight_tracks_suffice_after_negotiation(seed):
    rng = np.random.default_rng(seed)
    emitters = [(int(c), int(r)) for c, r in rng.integers(0, 10, (40, 2))]
    sinks = [list({(int(c), int(r)) for c, r in rng.integers(0, 10, (5, 2))}) for _ in emitters]
    nets = make_nets(emitters, sinks)
    free = routed(nets, 10, 10)
    wanted = max(counts.max() for counts in usage(free, 10, 10))
    tight = routed(nets, 10, 10, tracks=wanted * 3 // 4)
    check_tree(nets, tight)
    assert max(counts.max() for counts in usage(tight, 10, 10)) <= wanted * 3 // 4
    assert length(tight) <= 1.1 * length(free)


def test_what_cannot_be_resolved_ends_and_loses_little():
    nets = make_nets([(0, 0)] * 5, [[(3, 0)]] * 5)  # one row of three tracks
    trees = routed(nets, 4, 1, tracks=3)
    check_tree(nets, trees)
    assert usage(trees, 4, 1)[0].max() == 5


def test_without_tracks_nothing_is_reached():
    nets = make_nets([(0, 0)], [[(3, 0), (0, 0)]])
    trees = routed(nets, 4, 1, tracks=0)
    assert trees.sink_node.tolist() == [-1, 0]


def test_a_sink_that_cannot_be_reached_takes_no_other_with_it():
    nets = make_nets([(0, 0)], [[(4, 1), (2, 0), (3, 0), (1, 1)]])
    trees = manhattan_trees(
        nets,
        column_width_um=np.full(5, 100.0),
        row_height_um=np.full(2, 100.0),
        row_tracks=np.array([3, 0]),
        column_tracks=np.zeros(5, dtype=np.int64),
    )
    assert (trees.sink_node >= 0).tolist() == [False, True, True, False]


def test_the_same_every_time():
    rng = np.random.default_rng(5)
    emitters = [(int(c), int(r)) for c, r in rng.integers(0, 8, (30, 2))]
    nets = make_nets(emitters, [[(int(c), int(r))] for c, r in rng.integers(0, 8, (30, 2))])
    first, second = routed(nets, 8, 8, tracks=4), routed(nets, 8, 8, tracks=4)
    assert first.parent.tolist() == second.parent.tolist()
    assert first.column.tolist() == second.column.tolist()


@pytest.mark.parametrize(
    ("tracks", "nodes", "digest"),
    [(100, 116, "cf58ddd00fb3"), (5, 119, "2d40db0ea070"), (4, 121, "a5cc1d98791b"), (3, 117, "9e6bbec343f8")],
)
def test_the_same_from_version_to_version(tracks, nodes, digest):
    """The routes, hence losses and delays, of a chip whose tracks suffice, are tight, or do not suffice."""
    rng = np.random.default_rng(5)
    emitters = [(int(c), int(r)) for c, r in rng.integers(0, 6, (24, 2))]
    nets = make_nets(emitters, [[(int(c), int(r)) for c, r in rng.integers(0, 6, (3, 2))] for _ in emitters])
    trees = routed(nets, 6, 6, tracks=tracks)
    arrays = [a.tolist() for a in (trees.net, trees.column, trees.row, trees.parent, trees.sink_node)]
    assert (len(trees.parent), hashlib.sha256(repr(arrays).encode()).hexdigest()[:12]) == (nodes, digest)
