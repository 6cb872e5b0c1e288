"""Spectral order: neurons that share many edges become neighbours (Hall 1970, Management Science 17 219).

The slow eigenvectors of the graph's Laplacian L = D - A are the coordinates that minimise the sum of the squared
lengths of all edges. Neurons are sorted by one coordinate into columns, and by the other within a column.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import lobpcg
from threadpoolctl import threadpool_limits

from soensim.routing.placement.graph import Graph
from soensim.routing.placement.placed import FloatArray, IntArray
from soensim.routing.placement.problem import PlacementProblem

_DENSE = 1000  # nodes, up to which all eigenvectors are found exactly (0.3 s)
# Beyond: numbers of smooth and of random vectors, and of steps with them. From smooth ones 20 steps gave orders as
# short as 200 did (8100 neurons: lattices, rings, geometric, small-world, modular and random graphs); trees need
# random ones.
_SMOOTH, _RANDOM, _STEPS = 3, 2, 80
_ANGLES = 32  # tried over the full turn, before the best one is refined
_HALVINGS = 6
_SAMPLE = 500_000  # links that are enough to tell which angle is the best
# Coordinates that differ by less are equal: rounding must not decide the order. Relative to the largest.
_DIGITS = 9


def spectral(problem: PlacementProblem) -> IntArray:
    """Take the spectral order, or that of the netlist where its wires are shorter; return the site of every neuron.

    The order of the file may be better than any other, as on a chip that was laid out by its designer.
    """
    columns = problem.columns
    order = spectral_order(problem.graph, columns, problem.seed)
    return min((order, problem.in_order), key=lambda site: problem.graph.length(site % columns, site // columns))


def spectral_order(graph: Graph, columns: int, seed: int) -> IntArray:
    """Place neurons on a grid by the two slow eigenvectors of the Laplacian.

    Each connected part of the graph gets a region of the sites to itself. Input ports are nodes of the graph;
    neighbouring ones are tied to one another, since they are neighbours on the die. The plane of a part's eigenvectors
    may be turned and mirrored: that way is taken which makes its wires shortest, with the ports where they are.

    Parameters
    ----------
    graph
        The chip.
    columns
        Width of the grid.
    seed
        Seed of the search for eigenvectors.

    Returns
    -------
    IntArray
        Shape (neurons,), a permutation: the site of each neuron; site k is in row k // columns.
    """
    row, column = np.divmod(np.arange(graph.neurons), columns)
    rng = np.random.default_rng(seed)
    # One thread: how many there are changes the rounding, and in a symmetric graph rounding is what breaks ties.
    with threadpool_limits(limits=1):
        part, coordinates = _embedded(graph, rng)
    region = _regions(np.bincount(part), column, row)
    sample = _sampled(graph, rng)
    parts = int(part.max()) + 1
    shortest, mirror, turn = np.full(parts, np.inf), np.ones(parts), np.zeros(parts)
    site = np.empty(graph.neurons, dtype=np.int64)

    def attempt(mirrors: FloatArray, turns: FloatArray) -> None:
        """Turn and mirror each part, and keep those that become shorter; no edge joins two parts."""
        c, s = np.cos(2 * np.pi * turns)[part], np.sin(2 * np.pi * turns)[part]
        x, y = coordinates.T
        tried = _filled(part, np.column_stack((c * x - s * y, mirrors[part] * (s * x + c * y))), region, column, row)
        lengths = _lengths(sample, part, column[tried], row[tried])
        better = lengths < shortest
        shortest[better], mirror[better], turn[better] = lengths[better], mirrors[better], turns[better]
        site[better[part]] = tried[better[part]]

    for side in (1.0, -1.0):
        for k in range(_ANGLES):
            attempt(np.full(parts, side), np.full(parts, k / _ANGLES))
    for halving in range(1, _HALVINGS + 1):
        around = turn.copy()
        for step in (-1, 1):
            attempt(mirror.copy(), around + step * 0.5**halving / _ANGLES)
    return site


def _embedded(graph: Graph, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Find the connected part (a number) of every neuron, shape (neurons,), and coordinates, shape (neurons, 2)."""
    links = _with_tied_ports(graph)
    _, label = connected_components(links, directed=False)
    part = np.full(graph.neurons, -1)
    coordinates = np.zeros((graph.neurons, 2))
    sizes = np.bincount(label)
    order = np.argsort(label, kind="stable")  # the nodes of a part are adjacent
    parts = 0
    for nodes in np.split(order, np.cumsum(sizes)[:-1]):
        members = nodes[nodes < graph.neurons]
        if len(nodes) > 1 and len(members):
            part[members] = parts
            coordinates[members] = _slow_vectors(links[nodes][:, nodes], rng)[: len(members)]
            parts += 1
    part[part < 0] = parts  # neurons without any edge share a region
    return part, coordinates


def _with_tied_ports(graph: Graph) -> csr_array[np.float64]:
    """Make the matrix of links, and link every port to the next as strongly as a port is linked on average."""
    n, nodes = graph.neurons, len(graph.first) - 1
    port = np.arange(n, nodes - 1)
    tie = max(float(graph.weight[graph.first[n] :].sum()) / max(nodes - n, 1), 1.0)
    weight = np.concatenate((graph.weight, np.full(2 * len(port), tie)))
    start, end = np.concatenate((graph.node, port, port + 1)), np.concatenate((graph.neighbour, port + 1, port))
    return coo_array((weight, (start, end)), shape=(nodes, nodes)).tocsr()


def _slow_vectors(links: csr_array[np.float64], rng: np.random.Generator) -> FloatArray:
    """Find the second and third eigenvector of a connected graph's Laplacian, shape (nodes, 2); zero if there is none.

    Where the two eigenvalues are equal (rings, square lattices), any two vectors of the plane that they span would do;
    so the first is that of the plane which is nearest to a random one. The other is perpendicular to it.
    """
    n = links.shape[0]
    degree: FloatArray = np.asarray(links.sum(axis=1)).ravel()
    laplacian = csr_array(diags_array(degree) - links)
    if n <= _DENSE:
        plane = np.linalg.eigh(laplacian.toarray())[1][:, 1:3]
    else:
        start = rng.standard_normal((n, _SMOOTH + _RANDOM))
        start[:, :_SMOOTH] *= 1e-3  # distances may depend on one another linearly, which LOBPCG does not take
        start[:, :_SMOOTH] += _distances(links)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # not converged: a few digits are enough for an order
            plane = lobpcg(
                laplacian, start, Y=np.ones((n, 1)), largest=False, tol=1e-9 * degree.mean(), maxiter=_STEPS
            )[1][:, :2]
    coefficients = plane.T @ rng.standard_normal(n)
    if plane.shape[1] < 2:
        return np.column_stack((plane @ np.sign(coefficients), np.zeros(n)))
    c, s = coefficients / np.linalg.norm(coefficients)
    turned: FloatArray = plane @ np.array([[c, -s], [s, c]])
    # Of the two directions of the second vector the one whose largest entry is positive: the solver's is arbitrary.
    peak = np.argmax(np.round(np.abs(turned[:, 1]), _DIGITS))
    return np.column_stack((turned[:, 0], turned[:, 1] * np.sign(turned[peak, 1])))


def _distances(links: csr_array[np.float64]) -> FloatArray:
    """Count links to nodes that are far from one another: smooth vectors, shape (nodes, vectors), mean 0, variance 1.

    (High-dimensional embedding: Harel, Koren 2002, doi:10.1007/3-540-36151-0_20.)
    """
    distances: FloatArray = np.empty((links.shape[0], _SMOOTH))
    pivot = np.argmax(dijkstra(links, unweighted=True, indices=[0])[0])
    for k in range(_SMOOTH):
        distances[:, k] = dijkstra(links, unweighted=True, indices=[pivot])[0]
        pivot = np.argmax(distances[:, : k + 1].min(axis=1))
    distances -= distances.mean(axis=0)
    distances /= distances.std(axis=0)
    return distances


def _regions(sizes: IntArray, column: IntArray, row: IntArray) -> IntArray:
    """Divide the sites among parts of these sizes; return the part of each site, shape (sites,).

    The largest parts go left or below; a region is cut in two across its longer side, about in the middle, until each
    piece has one part.
    """
    region = np.empty(len(column), dtype=np.int64)
    by_size = np.argsort(-sizes, kind="stable")
    todo = [(by_size, np.arange(len(column)))]
    while todo:
        parts, sites = todo.pop()
        if len(parts) == 1:
            region[sites] = parts[0]
            continue
        ends = np.cumsum(sizes[parts])
        cut = 1 + int(np.argmin(np.abs(ends[:-1] - len(sites) / 2)))
        c, r = column[sites], row[sites]
        sites = sites[np.lexsort((r, c) if np.ptp(c) >= np.ptp(r) else (c, r))]
        first = ends[cut - 1]
        todo += [(parts[:cut], sites[:first]), (parts[cut:], sites[first:])]
    return region


def _filled(part: IntArray, coordinates: FloatArray, region: IntArray, column: IntArray, row: IntArray) -> IntArray:
    """Assign the neurons of each part to the sites of its region: by the first coordinate to columns, then to rows."""
    scale = max(float(np.abs(coordinates).max()), np.finfo(float).tiny)
    a, b = np.round(coordinates / scale, _DIGITS).T
    sites = np.lexsort((row, column, region))
    in_column = np.empty(len(part), dtype=np.int64)
    in_column[np.lexsort((b, a, part))] = column[sites]
    site = np.empty(len(part), dtype=np.int64)
    site[np.lexsort((a, b, in_column, part))] = sites
    return site


def _lengths(graph: Graph, part: IntArray, column: IntArray, row: IntArray) -> FloatArray:
    """Sum of the Manhattan lengths of the links of each part's neurons, shape (parts,)."""
    x, y = graph.coordinates(column, row)
    leaves = slice(0, graph.first[graph.neurons])  # the links that leave from neurons
    node, neighbour = graph.node[leaves], graph.neighbour[leaves]
    distance = np.abs(x[node] - x[neighbour]) + np.abs(y[node] - y[neighbour])
    of_link = (graph.weight[leaves] * distance).astype(np.float64)
    return np.asarray(np.bincount(part[node], weights=of_link, minlength=int(part.max()) + 1), dtype=np.float64)


def _sampled(graph: Graph, rng: np.random.Generator) -> Graph:
    """Keep as many links as distinguish placements."""
    if len(graph.weight) <= _SAMPLE:
        return graph
    kept = np.sort(rng.choice(len(graph.weight), _SAMPLE, replace=False))
    first = np.searchsorted(kept, graph.first)
    return Graph(graph.neurons, first, graph.neighbour[kept], graph.weight[kept], graph.port_x, graph.port_y)
