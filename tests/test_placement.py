"""Where neurons and ports are: geometry, fit, optimisation, positions from a file."""

import itertools
import re

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import chip, chip_text
from threadpoolctl import threadpool_limits

from soensim.errors import NetlistError, RoutingError
from soensim.netlist import parse_netlist
from soensim.netlist.topology.lattice import lattice
from soensim.routing.placement import Placement, place
from soensim.routing.placement.annealing import Links, Moves, Placed, _sweep, annealed
from soensim.routing.placement.cells import Block, Cell, blocks_in
from soensim.routing.placement.graph import Graph, graph_of
from soensim.routing.placement.spectral import _distances, _embedded, _lengths, spectral_order


def wire_cells(netlist, placement: Placement, source: str = "") -> float:
    """Sum of the Manhattan lengths of all edges, or those from one population, in cells."""
    total = 0.0
    for projection in (p for p in netlist.projections if source in ("", p.source)):
        edges = netlist.edges(projection)
        a, b = placement.populations[projection.source], placement.populations[projection.target]
        total += np.abs(a.x_um[edges.sources] - b.x_um[edges.targets]).sum()
        total += np.abs(a.y_um[edges.sources] - b.y_um[edges.targets]).sum()
    return total / placement.cell_um


def test_nine_cells_in_the_middle_of_the_die():
    placement = place(chip(floorplan="cell_um: 200"))
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    assert placement.cell_um == 200
    assert hidden.x_um == pytest.approx([800, 1000, 1200] * 3)
    assert hidden.y_um == pytest.approx(np.repeat([800, 1000, 1200], 3))
    assert (hidden.column.tolist(), hidden.row.tolist()) == ([1, 2, 3] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert placement.column_borders_um == pytest.approx([0, 700, 900, 1100, 1300])
    assert placement.row_borders_um == pytest.approx([700, 900, 1100, 1300])
    assert pixels.x_um.tolist() == [50, 50, 50]  # in the middle of the margin
    assert pixels.y_um == pytest.approx([800, 1000, 1200])
    assert (pixels.column.tolist(), pixels.row.tolist()) == ([0, 0, 0], [0, 1, 2])


@pytest.mark.parametrize(
    ("side", "x", "y", "columns", "rows"),
    [("right", 1950, None, 4, 3), ("top", None, 1950, 3, 4), ("bottom", None, 50, 3, 4)],
)
def test_ports_on_every_side(side, x, y, columns, rows):
    placement = place(chip(floorplan=f"cell_um: 200\n  input_side: {side}"))
    pixels, hidden = placement.populations["pixels"], placement.populations["hidden"]
    assert (placement.columns, placement.rows) == (columns, rows)
    assert set((pixels.x_um if x else pixels.y_um).tolist()) == {x or y}
    assert (pixels.y_um if x else pixels.x_um) == pytest.approx([800, 1000, 1200])  # beside the cells
    strip = {"right": 3, "top": 3, "bottom": 0}[side]
    assert set((pixels.column if x else pixels.row).tolist()) == {strip}
    assert not (set(hidden.row.tolist()) if not x else set(hidden.column.tolist())) & {strip}


def test_a_cell_holds_the_synapses_of_the_largest_fan_in():
    placement = place(chip())  # 12 sources, 20 um each, one plane
    assert placement.cell_um == pytest.approx(20 * 12**0.5)
    assert place(chip(floorplan="electronic_planes: 3")).cell_um == pytest.approx(20 * 4**0.5)


@given(
    st.integers(1, 60),
    st.integers(1, 7),
    st.sampled_from(["{kind: grid}", "{kind: by-population}", "{kind: optimised, method: spectral, seed: 1}"]),
    st.sampled_from(["left", "right", "top", "bottom"]),
)
@settings(max_examples=40, deadline=None)
def test_everything_is_inside_and_nothing_overlaps(neurons, inputs, kind, side):
    netlist = chip(neurons=neurons, inputs=inputs, placement=kind, floorplan=f"input_side: {side}", die_um=4000)
    placement = place(netlist)
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    half = placement.cell_um / 2
    for at in (hidden.x_um, hidden.y_um):
        assert at.min() - half >= 100 - 1e-6
        assert at.max() + half <= 3900 + 1e-6
    assert len(set(zip(hidden.column.tolist(), hidden.row.tolist(), strict=True))) == neurons
    for places in (hidden, pixels):
        for at, borders, index in (
            (places.x_um, placement.column_borders_um, places.column),
            (places.y_um, placement.row_borders_um, places.row),
        ):
            assert (borders[index] - 1e-6 <= at).all()
            assert (at <= borders[index + 1] + 1e-6).all()
    outside = np.concatenate((pixels.x_um, 4000 - pixels.x_um, pixels.y_um, 4000 - pixels.y_um))
    assert outside.min() == 50


@given(st.integers(2, 80), st.integers(30, 200), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_smallest_die_of_the_message_fits_and_a_smaller_one_does_not(neurons, cell, by_population):
    changes = {"neurons": neurons, "floorplan": f"cell_um: {cell}"}
    changes["placement"] = "{kind: by-population}" if by_population else "{kind: grid}"
    with pytest.raises(RoutingError, match="do not fit on the die") as error:
        place(chip(**changes, die_um=201 + cell))
    width, height = map(int, re.search(r"the smallest die is (\d+) x (\d+) um", str(error.value)).groups())
    assert f"cells of {cell} um (cell_um)" in str(error.value)
    base = chip(**changes, die_um=99999)

    def on(width_um, height_um):
        update = {"die_width_um": width_um, "die_height_um": height_um}
        return place(base.model_copy(update={"floorplan": base.floorplan.model_copy(update=update)}))

    assert on(width, height).cell_um == cell
    dies = [(width, height)]
    same_width = re.search(r"or (\d+) x (\d+) um with the width as it is", str(error.value))
    assert int(same_width[1]) == 201 + cell  # as wide as the one block needs at least
    dies.append((201 + cell, int(same_width[2])))
    on(*dies[1])
    with pytest.raises(RoutingError, match="do not fit"):
        on(width - 1, height)
    for die in dies:
        with pytest.raises(RoutingError, match="do not fit"):
            on(die[0], die[1] - 1)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_blocks_against_all_ways_to_choose_them(sizes, rows, columns):
    """Every choice of columns per block, tried out: blocks are found if there is a way; one block is the squarest."""
    ways = [
        widths
        for widths in itertools.product(*(range(1, size + 1) for size in sizes))
        if sum(widths) <= columns and all(-(-n // w) <= rows for n, w in zip(sizes, widths, strict=True))
    ]
    cell = Cell(10.0, "cell_um")
    if not ways:
        with pytest.raises(RoutingError, match="do not fit"):
            blocks_in((columns * 10.0 + 2, rows * 10.0 + 2), 1.0, cell, sizes)
        return
    blocks = blocks_in((columns * 10.0 + 2, rows * 10.0 + 2), 1.0, cell, sizes)
    assert tuple(block.columns for block in blocks) in ways
    assert [block.rows for block in blocks] == [-(-n // b.columns) for n, b in zip(sizes, blocks, strict=True)]
    if all(sum(lattice(n)[1] for n in sizes) <= columns and lattice(n)[0] <= rows for n in sizes):
        assert [(b.rows, b.columns) for b in blocks] == [lattice(n) for n in sizes]
    if len(sizes) == 1:
        (block,), (n,) = blocks, sizes
        longer = min(max(w, -(-n // w)) for (w,) in ways)
        assert max(block.rows, block.columns) == longer


def test_a_block_that_is_too_wide_becomes_taller():
    cell = Cell(10.0, "cell_um")
    assert blocks_in((110, 200), 0, cell, [100, 4]) == [Block(12, 9), Block(2, 2)]
    assert blocks_in((300, 50), 0, cell, [100, 4]) == [Block(5, 20), Block(2, 2)]
    assert blocks_in((40, 1000), 0, cell, [10]) == [Block(3, 4)]
    assert blocks_in((30.000000000000004, 40), 0, cell, [10]) == [Block(4, 3)]
    assert blocks_in((3 * 0.1, 0.2), 0, Cell(0.1, ""), [6]) == [Block(2, 3)]  # 0.30000000000000004
    assert blocks_in((0.3, 0.2), 0, Cell(0.1, ""), [6]) == [Block(2, 3)]  # 0.3 / 0.1 < 3


def test_what_the_message_says():
    with pytest.raises(RoutingError) as error:
        place(chip(neurons=30, inputs=6, die_um=500))
    assert str(error.value) == (
        "netlist 'laid-out': the 30 neurons do not fit on the die: cells of 120 um (synapse_pitch_um 20 x sqrt(fan-in "
        "36 of hidden[0] / electronic_planes 1)), of which 2 x 2 = 4 fit inside the margins of 100 um on 500 x 500 um; "
        "the smallest die is 920 x 800 um, or 500 x 2000 um with the width as it is"
    )


def test_a_chip_without_a_floorplan_cannot_be_placed(small_netlist):
    with pytest.raises(RoutingError, match="'small' has no floorplan"):
        place(small_netlist)


def test_arrays_are_read_only():
    for kind in ("{kind: grid}", "{kind: optimised, method: annealing, seed: 1}"):
        placement = place(chip(placement=kind))
        arrays = [placement.column_borders_um, placement.row_borders_um]
        arrays += [a for p in placement.populations.values() for a in (p.x_um, p.y_um, p.column, p.row)]
        assert not any(array.flags.writeable for array in arrays)


# --- optimised -------------------------------------------------------------------------------------------


SHUFFLED = np.random.default_rng(0).permutation(36)


def lattice_edges() -> str:
    """A 6 x 6 lattice with its neurons in a drawn order."""
    pairs = []
    for k in range(36):
        if k % 6 < 5:
            pairs.append((k, k + 1))
        if k < 30:
            pairs.append((k, k + 6))
    return str([[int(SHUFFLED[a]), int(SHUFFLED[b])] for a, b in pairs])


@pytest.mark.parametrize(("method", "most"), [("spectral", 100), ("annealing", 85)])
def test_optimised_placement_finds_a_hidden_lattice(method, most):
    changes = {
        "neurons": 36,
        "inputs": 1,
        "from_inputs": "{kind: explicit, edges: [[0, 0]]}",
        "topology": f"{{kind: explicit, edges: {lattice_edges()}}}",
    }
    grid = chip(**changes)
    better = chip(**changes, placement=f"{{kind: optimised, method: {method}, seed: 1}}")
    assert wire_cells(grid, place(grid), "hidden") > 200
    assert wire_cells(better, place(better), "hidden") <= most  # 60 edges of one cell each are the best there is
    again = place(better).populations["hidden"]
    assert (again.column == place(better).populations["hidden"].column).all()


def test_the_length_that_is_made_short_is_that_of_the_wires():
    netlist = chip(neurons=20, topology="{kind: random, density: 0.2, seed: 3}")
    placement = place(netlist)
    hidden, ports, cell = placement.populations["hidden"], placement.populations["pixels"], placement.cell_um
    x0, y0 = hidden.x_um[0] - hidden.column[0] * cell, hidden.y_um[0] - hidden.row[0] * cell
    graph = graph_of(netlist, (ports.x_um - x0) / cell, (ports.y_um - y0) / cell)
    assert graph.length(hidden.column, hidden.row) / 1000 == pytest.approx(wire_cells(netlist, placement), rel=1e-3)


def graph_from(edges, neurons, port_y=()) -> Graph:
    """A graph of its own, with ports two cells left of the grid."""
    table = np.array(edges, dtype=np.int64).reshape(-1, 2)
    start, end = np.concatenate((table, table[:, ::-1])).T
    order = np.lexsort((end, start))
    nodes = neurons + len(port_y)
    first = np.searchsorted(start[order], np.arange(nodes + 1))
    ports = np.full(len(port_y), -2000), (1000 * np.array(port_y)).astype(np.int64)
    return Graph(neurons, first, end[order], np.ones(len(order), dtype=np.int64), *ports)


def shuffled_edges(graph: nx.Graph, seed: int = 0) -> np.ndarray:
    graph = nx.convert_node_labels_to_integers(graph)
    return np.random.default_rng(seed).permutation(len(graph))[np.array(graph.edges())]


def cells(graph: Graph, site, columns: int) -> float:
    return graph.length(site % columns, site // columns) / 1000


@pytest.mark.parametrize(
    ("made", "columns", "most"),
    [
        (nx.grid_2d_graph(6, 6), 6, 1.0),
        (nx.grid_2d_graph(10, 10), 10, 1.2),
        (nx.grid_2d_graph(31, 32), 32, 1.01),
        (nx.grid_2d_graph(40, 40), 40, 1.6),  # too large for all eigenvectors at once
        (nx.disjoint_union_all([nx.grid_2d_graph(5, 5)] * 4), 10, 1.01),
        (nx.disjoint_union_all([nx.grid_2d_graph(4, 8)] * 50), 40, 1.5),
    ],
    ids=str,
)
def test_spectral_order_finds_hidden_lattices(made, columns, most):
    """A lattice on a grid needs one cell per edge; a drawn order needs two thirds of the grid's side."""
    graph = graph_from(shuffled_edges(made), len(made))
    site = spectral_order(graph, columns, 1)
    assert sorted(site.tolist()) == list(range(len(made)))
    assert cells(graph, site, columns) <= most * made.number_of_edges()


@pytest.mark.parametrize(("n", "most"), [(49, 0.35), (4900, 0.05)])
def test_spectral_order_of_a_path(n, most):
    """A path on a square bends: its second vector is a function of the first, so that it is not the best there is."""
    order = np.random.default_rng(3).permutation(n)
    graph = graph_from(np.column_stack((order[:-1], order[1:])), n)
    columns = int(np.ceil(n**0.5))
    assert cells(graph, spectral_order(graph, columns, 1), columns) < most * cells(graph, np.arange(n), columns)


def test_the_search_starts_from_distances_to_the_ends():
    """Of a path: from one end, from the other, and from the middle; each with mean 0 and variance 1."""
    n = 9
    along = np.random.default_rng(3).permutation(n)
    found = _distances(nx.to_scipy_sparse_array(nx.path_graph(n), nodelist=along))
    ends = [along, n - 1 - along] if along[np.argmin(found[:, 0])] == 0 else [n - 1 - along, along]
    expected = np.column_stack((*ends, abs(along - (n - 1) / 2)))
    np.testing.assert_allclose(found, (expected - expected.mean(0)) / expected.std(0), atol=1e-12)


def test_parts_are_the_connected_neurons_and_those_without_edges_are_one_more():
    """A port that drives two neurons joins them; a neuron at a port is in a part, and one without any edge is not."""
    edges = [(2, 4), (4, 5), (0, 8), (3, 8), (6, 9)]  # neurons 0 to 7, two ports, which are tied
    graph = graph_from(edges, 8, [0.0, 1.0])
    part, coordinates = _embedded(graph, np.random.default_rng(0))
    groups = {tuple(np.flatnonzero(part == k).tolist()) for k in set(part.tolist())}
    assert groups == {(0, 3, 6), (2, 4, 5), (1, 7)}
    assert sorted(set(part.tolist())) == [0, 1, 2]
    assert not coordinates[[1, 7]].any()
    assert coordinates[[0, 2, 3, 4, 5, 6]].any(axis=1).all()


def test_lengths_of_the_parts_are_those_of_the_links_of_their_neurons():
    """Each link counts from both of its ends; one to a port from its neuron alone."""
    edges = [(0, 1), (1, 2), (3, 4), (0, 5)]  # neurons 0 to 4, a port
    graph = graph_from(edges, 5, [0.5])
    part, column, row = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 3, 0, 4]), np.array([0, 0, 0, 2, 1])
    port = 1000 * (2 + 0.5)
    assert _lengths(graph, part, column, row).tolist() == [2 * 1000 * (1 + 2) + port, 2 * 1000 * (4 + 1)]


SEVERAL = st.sampled_from(
    [
        nx.path_graph(7),
        nx.complete_graph(6),
        nx.star_graph(8),
        nx.cycle_graph(9),
        nx.grid_2d_graph(3, 4),
        nx.empty_graph(5),
    ]
)


@given(st.lists(SEVERAL, min_size=1, max_size=4), st.integers(0, 5), st.integers(0, 99), st.data())
@settings(max_examples=60, deadline=None)
def test_every_graph_has_an_order(parts, ports, seed, data):
    """Parts, neurons without edges, ports: each site is taken once, and annealing never makes wires longer."""
    joined = nx.convert_node_labels_to_integers(nx.disjoint_union_all(parts))
    n = len(joined)
    edges = [*joined.edges()] + [(data.draw(st.integers(0, n - 1)), n + k) for k in range(ports)]
    graph = graph_from(edges, n, np.linspace(0, 4, ports))
    columns = int(np.ceil(n**0.5))
    site = spectral_order(graph, columns, seed)
    assert sorted(site.tolist()) == list(range(n))
    assert (site == spectral_order(graph, columns, seed)).all()
    before = site.copy()
    better = annealed(graph, site, columns, seed, 20)
    assert (site == before).all()  # what it starts from is left alone
    assert sorted(better.tolist()) == list(range(n))
    assert cells(graph, better, columns) <= cells(graph, site, columns)
    assert (better == annealed(graph, site, columns, seed, 20)).all()


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (nx.complete_graph, [1001]),
        (nx.circulant_graph, [1200, [1, 2, 3]]),
        (nx.star_graph, [1100]),
        (nx.hypercube_graph, [11]),
    ],
)
def test_symmetric_graphs_too_large_for_all_eigenvectors(make, arguments):
    made = make(*arguments)
    graph = graph_from(nx.convert_node_labels_to_integers(made).edges(), len(made))
    site = spectral_order(graph, 46, 1)
    assert sorted(site.tolist()) == list(range(len(made)))


def test_spectral_order_does_not_depend_on_the_number_of_threads():
    """Nine eigenvalues of this cube are equal: only rounding decides which vectors of their space the solver finds."""
    graph = graph_from(shuffled_edges(nx.hypercube_graph(9)), 512)
    sites = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            sites.append(spectral_order(graph, 23, 1))
    assert (sites[0] == sites[1]).all()


@pytest.mark.parametrize("seed", range(6))
def test_ports_draw_the_neurons_that_they_drive(seed):
    """A lattice hangs on ports at its left side: of its eight ways to lie, the one at the ports is the shortest."""
    made = nx.grid_2d_graph(5, 6)
    order = np.random.default_rng(4).permutation(30)
    index = {node: int(order[k]) for k, node in enumerate(made)}
    edges = [(index[a], index[b]) for a, b in made.edges()] + [(index[row, 0], 30 + row) for row in range(5)]
    graph = graph_from(edges, 30, range(5))
    site = spectral_order(graph, 6, seed)
    at_ports = [site[index[row, 0]] for row in range(5)]
    assert [int(s) % 6 for s in at_ports] == [0] * 5
    assert [int(s) // 6 for s in at_ports] == list(range(5))


def test_neurons_that_only_ports_drive_stand_in_the_order_of_the_ports():
    """One port per neuron: nothing but that ports are neighbours on the die says which neurons belong together."""
    ports = np.random.default_rng(2).permutation(25)
    graph = graph_from([(int(ports[k]), 25 + k) for k in range(25)], 25, (np.arange(25) + 0.5) / 5 - 0.5)
    best = np.empty(25, dtype=np.int64)
    best[ports] = np.arange(25)  # row by row
    assert cells(graph, spectral_order(graph, 5, 1), 5) < 1.15 * cells(graph, best, 5)
    assert cells(graph, np.arange(25), 5) > 1.4 * cells(graph, best, 5)


def test_the_seed_of_annealing_is_used():
    graph = graph_from(shuffled_edges(nx.gnm_random_graph(30, 100, seed=1)), 30)
    sites = [annealed(graph, np.arange(30), 6, seed, 20).tolist() for seed in (1, 1, 2)]
    assert sites[0] == sites[1] != sites[2]


def test_the_order_of_a_seed_is_the_same_from_version_to_version(monkeypatch):
    """A seed in a netlist means one placement, hence one routed chip."""
    graph = graph_from(shuffled_edges(nx.gnm_random_graph(20, 45, seed=4)), 20)
    expected = [7, 14, 0, 16, 2, 6, 5, 1, 8, 4, 11, 18, 3, 19, 9, 10, 15, 12, 17, 13]
    assert annealed(graph, np.arange(20), 5, 3, 8).tolist() == expected
    edges = [*shuffled_edges(nx.gnm_random_graph(18, 40, seed=4)).tolist(), [0, 18], [5, 19], [11, 20]]
    graph = graph_from(edges, 18, [0.0, 1.0, 2.0])
    expected = [0, 11, 9, 2, 7, 6, 17, 16, 1, 10, 13, 12, 5, 8, 3, 4, 14, 15]
    assert spectral_order(graph, 6, 1).tolist() == expected
    monkeypatch.setattr("soensim.routing.placement.spectral._SAMPLE", 30)  # a third of the links
    expected = [0, 11, 4, 2, 8, 12, 5, 9, 6, 15, 16, 14, 3, 13, 1, 7, 10, 17]
    assert spectral_order(graph, 6, 1).tolist() == expected


@given(st.integers(2, 20), st.integers(0, 99), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_annealing_knows_what_an_exchange_costs(n, seed, columns):
    """The sum of the changes that the sweeps report is the change of the total length, recomputed."""
    rng = np.random.default_rng(seed)
    edges = np.unique(np.sort(rng.integers(0, n + 3, (3 * n, 2)), axis=1), axis=0)
    edges = edges[(edges[:, 0] != edges[:, 1]) & (edges[:, 0] < n)]
    graph = graph_from(edges, n, [0.3, 1.7, 2.0])
    site = rng.permutation(n)
    occupant = np.argsort(site)
    x, y = graph.coordinates(site % columns, site // columns)
    before = graph.length(site % columns, site // columns)
    picked, right, up = rng.integers(0, n, 50), rng.integers(-2, 3, 50), rng.integers(-2, 3, 50)
    allowed = rng.exponential(3000.0, 50)
    change = _sweep(Links.of(graph), Placed(x, y, site, occupant), columns, Moves(picked, right, up, allowed))
    assert graph.length(site % columns, site // columns) - before == change
    assert (occupant[site] == np.arange(n)).all()
    assert (x[:n] == 1000 * (site % columns)).all()
    assert (y[:n] == 1000 * (site // columns)).all()


@pytest.mark.parametrize(
    ("made", "spectral", "annealing"),
    [
        (nx.watts_strogatz_graph(100, 10, 0.1, seed=1), 0.45, 0.39),  # measured: 0.43, 0.37
        (nx.random_partition_graph([10] * 10, 0.8, 0.02, seed=1), 0.50, 0.39),  # 0.47, 0.37
        (nx.cycle_graph(100), 0.28, 0.20),  # 0.25, 0.18; the best is 100 cells, 0.15
        (nx.watts_strogatz_graph(1000, 20, 0.1, seed=1), 0.32, 0.24),  # 0.30, 0.22
    ],
)
def test_wires_become_shorter_than_in_a_drawn_order(made, spectral, annealing):
    n = len(made)
    columns = int(np.ceil(n**0.5))
    graph = graph_from(shuffled_edges(made), n)
    drawn = cells(graph, np.arange(n), columns)
    site = spectral_order(graph, columns, 1)
    assert cells(graph, site, columns) < spectral * drawn
    assert cells(graph, annealed(graph, site, columns, 1, 200), columns) < annealing * drawn


def test_an_order_that_is_the_best_is_kept():
    pairs = [[k, k + 1] for k in range(36) if k % 6 < 5] + [[k, k + 6] for k in range(30)]
    for method in ("spectral", "annealing"):
        netlist = chip(
            neurons=36,
            topology=f"{{kind: explicit, edges: {pairs}}}",
            placement=f"{{kind: optimised, method: {method}, seed: 1}}",
        )
        assert wire_cells(netlist, place(netlist), "hidden") == pytest.approx(60)


@pytest.mark.parametrize(("seed", "sweeps"), [(1, 50), (2, 50), (2, 5)])
def test_annealing_starts_from_the_better_order_with_the_seed_and_sweeps_of_the_netlist(seed, sweeps):
    kind = f"{{kind: optimised, method: annealing, seed: {seed}, sweeps: {sweeps}}}"
    netlist = chip(neurons=30, topology="{kind: random, density: 0.2, seed: 3}", placement=kind)
    placement = place(netlist)
    hidden, ports = placement.populations["hidden"], placement.populations["pixels"]
    left, below, cell = placement.column_borders_um[1], placement.row_borders_um[0], placement.cell_um
    graph = graph_of(netlist, (ports.x_um - left) / cell - 0.5, (ports.y_um - below) / cell - 0.5)
    orders = (spectral_order(graph, 6, seed), np.arange(30))
    start = min(orders, key=lambda site: cells(graph, site, 6))
    expected = annealed(graph, start, 6, seed, sweeps)
    assert (hidden.row * 6 + hidden.column - 1).tolist() == expected.tolist()


def test_edges_both_ways_and_to_oneself():
    """Two edges between a pair count twice; a neuron that drives itself needs no wire."""
    netlist = chip(
        inputs=1,
        from_inputs="{kind: explicit, edges: [[0, 2]]}",
        neurons=4,
        topology="{kind: explicit, edges: [[0, 1], [1, 0], [3, 3], [3, 2]]}",
    )
    graph = graph_of(netlist, np.array([-2.0]), np.array([0.5]))
    assert graph.neurons == 4
    links = list(zip(graph.node.tolist(), graph.neighbour.tolist(), graph.weight.tolist(), strict=True))
    assert links == [(0, 1, 2), (1, 0, 2), (2, 3, 1), (2, 4, 1), (3, 2, 1), (4, 2, 1)]
    assert graph.length(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])) == 1000 * (2 + 1 + 2.5)


BLOCKS = """
schema: soensim/1
name: blocks
technology: nist-2023
populations:
  a: {kind: dendrite, size: 9, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
  b: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
projections: [{source: a, target: b, topology: all-to-all, efficacy: {bits: 4, range: 1}, medium: electrical}]
timing: {sample_tau: 10}
floorplan: {die_width_um: 1000, die_height_um: 800, margin_um: 0, cell_um: 100, placement: {kind: by-population}}
routing: {absent_edges: error}
"""


def test_by_population_keeps_blocks_apart():
    placement = place(parse_netlist(BLOCKS))
    assert placement.populations["a"].column.tolist() == [0, 1, 2] * 3
    assert placement.populations["b"].column.tolist() == [3, 4] * 2
    assert placement.populations["b"].row.tolist() == [0, 0, 1, 1]
    assert (placement.columns, placement.rows) == (5, 3)  # no strip without ports


# --- explicit --------------------------------------------------------------------------------------------

ROWS = [f"hidden,{k},{100 + 60 * k},{200 + 60 * (k % 2)}" for k in range(9)]


def explicit(positions, **changes) -> Placement:
    changes = {"floorplan": "cell_um: 100", "inputs": 2} | changes
    kind = f"{{kind: explicit, positions_um: {{hidden: {positions}}}}}"
    return place(chip(neurons=len(positions), placement=kind, **changes))


def test_grid_over_explicit_cells():
    placement = explicit([[500, 700], [610, 700], [500, 845], [770, 700.5], [550, 950]])
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    assert hidden.x_um.tolist() == [500, 610, 500, 770, 550]
    assert hidden.y_um.tolist() == [700, 700, 845, 700.5, 950]
    # the grid begins at (450, 650), the corner of the lower left cell, and covers 370 x 350 um
    assert placement.column_borders_um.tolist() == [0, 450, 550, 650, 750, 850]
    assert placement.row_borders_um.tolist() == [650, 750, 850, 950, 1050]
    assert hidden.column.tolist() == [1, 2, 1, 4, 2]  # x = 550 is on a border: the place on its right
    assert hidden.row.tolist() == [0, 0, 1, 0, 3]
    assert pixels.x_um.tolist() == [50, 50]
    assert pixels.y_um.tolist() == [650 + 350 / 4, 650 + 3 * 350 / 4]  # along the cells, not along the grid
    assert (pixels.column.tolist(), pixels.row.tolist()) == ([0, 0], [0, 2])


@pytest.mark.parametrize("cell", [0.1, 0.7, 33.3, 31.6227766])
@pytest.mark.parametrize("start", [3.2531328320802007, 500.0])
def test_cells_that_touch_are_in_different_places_whatever_the_digits(cell, start):
    positions = [[start + (k + 0.5 * row) * cell, 500 + cell * row] for row in range(2) for k in range(11)]
    placement = explicit(positions, floorplan=f"cell_um: {cell}")
    hidden = placement.populations["hidden"]
    assert hidden.column.tolist() == [*range(1, 12), *range(2, 13)]
    assert hidden.row.tolist() == [0] * 11 + [1] * 11
    one_row = explicit(positions[:11], floorplan=f"cell_um: {cell}")
    assert (one_row.columns, one_row.rows) == (12, 1)  # and the strip of the ports


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_cells_that_overlap_or_leave_the_die_are_placed(side):
    """That is for the design rules to find; the grid ascends, and the ports are in a strip of their own."""
    placement = explicit(
        [[-500, -40], [-500, -40], [2600, 2100], [1000, 1000]], floorplan=f"cell_um: 100\n  input_side: {side}"
    )
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    for borders, index in ((placement.column_borders_um, hidden.column), (placement.row_borders_um, hidden.row)):
        assert (np.diff(borders) > 0).all()
        assert index.min() >= 0
        assert index.max() < len(borders) - 1
    assert hidden.column[0] == hidden.column[1]
    strip = pixels.column if side in ("left", "right") else pixels.row
    assert set(strip.tolist()) == {
        {"left": 0, "bottom": 0, "right": placement.columns - 1, "top": placement.rows - 1}[side]
    }
    of_neurons = hidden.column if side in ("left", "right") else hidden.row
    assert not set(strip.tolist()) & set(of_neurons.tolist())


@pytest.mark.parametrize("far", [1e6, 1e7])
def test_cells_too_far_apart_for_any_grid(far):
    with pytest.raises(
        RoutingError, match=r"'laid-out': the cells of 100 um \(cell_um\) are spread .* closer together"
    ):
        explicit([[500, 500], [far, far]])


def test_positions_are_read_only(tmp_path):
    assert chip().positions is None
    for netlist in (
        from_file(tmp_path, ROWS),
        chip(placement=f"{{kind: explicit, positions_um: {{hidden: {[[1, 2]] * 9}}}}}"),
    ):
        assert netlist.positions is not None
        assert netlist.positions["hidden"].shape == (9, 2)
        assert not netlist.positions["hidden"].flags.writeable


def from_file(tmp_path, rows, header="population,index,x_um,y_um"):
    (tmp_path / "positions.csv").write_text("\n".join([header, *rows]) + "\n")
    text = chip_text(placement="{kind: explicit, path: positions.csv}", strategy="direct")
    return parse_netlist(text, folder=tmp_path)


def test_positions_from_a_file_are_those_of_a_list(tmp_path):
    netlist = from_file(tmp_path, ROWS[::-1])
    positions = [[float(v) for v in row.split(",")[2:]] for row in ROWS]
    listed = chip(placement=f"{{kind: explicit, positions_um: {{hidden: {positions}}}}}", strategy="direct")
    assert netlist.hash == listed.hash
    for one, other in ((place(netlist), place(listed)),):
        assert one.populations["hidden"].x_um.tolist() == [100 + 60 * k for k in range(9)]
        assert (one.populations["hidden"].row == other.populations["hidden"].row).all()
    zero, minus_zero = ([f"hidden,0,{x},0.0", *ROWS[1:]] for x in ("0.0", "-0.0"))
    assert from_file(tmp_path, zero).hash == from_file(tmp_path, minus_zero).hash
    assert from_file(tmp_path, [ROWS[0].replace("100", "101"), *ROWS[1:]]).hash != listed.hash


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:-1], "lacks hidden[8]; give the position of every neuron"),
        ([*ROWS, ROWS[0]], "positions.csv:11: gives the position of hidden[0] again"),
        ([*ROWS, "hiden,0,1,1"], "positions.csv:11: no neurons 'hiden'; did you mean 'hidden'?"),
        ([*ROWS, "hidden,9,1,1"], "index 9 is outside 'hidden'; legal is 0 to 8"),
        ([*ROWS[:-1], "hidden,8,nan,1"], "x_um 'nan' is not legal; it must be a finite number"),
        ([*ROWS[:-1], "hidden,8,1"], "positions.csv:10: is too short"),
        (ROWS[:-3], "lacks hidden[6] (and 2 more of it); give the position of every neuron"),
        ([*ROWS, "pixels,0,1,1"], "positions.csv:11: no neurons 'pixels'; there are hidden"),
        ([*ROWS, "hidden,-1,1,1"], "index -1 is outside 'hidden'; legal is 0 to 8"),
        ([*ROWS, "hidden,1.0,1,1"], "positions.csv:11: index '1.0' is not a whole number"),
        ([*ROWS[:-1], "hidden,8,1,inf"], "y_um 'inf' is not legal; it must be a finite number"),
        ([*ROWS[:-1], "hidden,8,1,"], "y_um '' is not legal; it must be a finite number"),
        ([*ROWS[:-1], 'hidden,8,1,"1'], "is not a CSV file: unexpected end of data"),
    ],
)
def test_bad_files_of_positions(tmp_path, rows, message):
    with pytest.raises(NetlistError) as error:
        from_file(tmp_path, rows)
    assert message in str(error.value)
    assert "floorplan.placement.path" in str(error.value)


def test_columns_in_any_order_and_beside_others(tmp_path):
    rows = [f" {y} ,{x},note,{k},{name}" for name, k, x, y in (row.split(",") for row in ROWS)]
    netlist = from_file(tmp_path, ["", *rows, ""], header="\ufeffy_um, x_um,remark,index,population")
    assert netlist.hash == from_file(tmp_path, ROWS).hash


@pytest.mark.parametrize("header", ["", "population,index,x_um", "population,index,x_um,y_um,x_um", "hidden,0,1,1"])
def test_a_header_that_lacks_a_column(tmp_path, header):
    message = r"positions\.csv:[12]: the first line must name the columns population, index, x_um and y_um"
    with pytest.raises(NetlistError, match=message):
        from_file(tmp_path, ROWS, header=header)


def test_files_that_are_none(tmp_path):
    def message(path):
        with pytest.raises(NetlistError) as error:
            chip(placement=f"{{kind: explicit, path: {path}}}")
        return str(error.value)

    assert "no such file; a path is relative to the netlist" in message(tmp_path / "no.csv")
    assert "a file of positions ends in .csv" in message(tmp_path / "no.txt")
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv: is a directory; give the path of one file of positions in it" in message(
        tmp_path / "folder.csv"
    )
    (tmp_path / "latin.csv").write_bytes(b"population,index,x_um,y_um\nh\xe4,0,1,1\n")
    assert "latin.csv: is not UTF-8 text" in message(tmp_path / "latin.csv")


def test_what_decides_the_places_counts_in_the_hash():
    chips = [
        chip(),
        chip(placement="{kind: by-population}"),
        chip(placement="{kind: optimised, method: spectral, seed: 1}"),
        chip(placement="{kind: optimised, method: spectral, seed: 2}"),
        chip(floorplan="electronic_planes: 2"),
        chip(floorplan="cell_um: 50"),
        chip(floorplan="input_side: right"),
    ]
    assert len({netlist.hash for netlist in chips}) == len(chips)
    a, b = (line + "\n" for line in BLOCKS.splitlines() if line.startswith(("  a:", "  b:")))
    assert parse_netlist(BLOCKS.replace(a + b, b + a)).hash != parse_netlist(BLOCKS).hash  # b would be on the left
    assert chip(floorplan="electronic_planes: 1").hash == chip().hash  # as the technology has it
