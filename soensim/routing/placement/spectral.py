"""Spectral order: neurons that are joined by many edges come close to one another."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import lobpcg

from soensim.routing.placement.graph import Graph
from soensim.routing.placement.result import FloatArray, IntArray

_DENSE = 400  # neurons up to which all eigenvectors at once are as fast as a few
_SMALL = 1e-6  # of the mean degree: joins parts of the graph that nothing else joins, and decides nothing else
_ITERATIONS = 300


def spectral_order(graph: Graph, columns: int) -> IntArray:
    """Place neurons on a grid by the two slow eigenvectors of the graph's Laplacian (Hall 1970, Manag. Sci. 17 219).

    The first coordinate cuts the neurons into columns, the second orders each column.

    Parameters
    ----------
    graph
        The chip; its ports take no part.
    columns
        Width of the grid.

    Returns
    -------
    IntArray
        Shape (neurons,), a permutation: the site of each neuron; site k is in row k // columns.
    """
    n = graph.neurons
    if n <= 2 or columns == 1:
        first = _slow(graph, 1)[:, 0] if n > 2 else np.arange(n)
        site = np.empty(n, dtype=np.int64)
        site[np.argsort(first, kind="stable")] = np.arange(n)
        return site
    slow = _slow(graph, 2)
    site = np.empty(n, dtype=np.int64)
    # sites of a column, from the left; the last row may be short
    by_column = np.lexsort((np.arange(n) // columns, np.arange(n) % columns))
    heights = np.bincount(np.arange(n) % columns)
    order = np.argsort(slow[:, 0], kind="stable")
    ends = np.cumsum(heights)
    for start, end in zip(ends - heights, ends, strict=True):
        members = order[start:end]
        site[members[np.argsort(slow[members, 1], kind="stable")]] = by_column[start:end]
    return site


def _slow(graph: Graph, count: int) -> FloatArray:
    """Eigenvectors of the Laplacian after the constant one, shape (neurons, count), the largest entry positive."""
    n = graph.neurons
    node, weight = graph.node, graph.weight.astype(np.float64)
    inner = (node < n) & (graph.neighbour < n)
    degree = np.bincount(node[inner], weights=weight[inner], minlength=n)
    # a weak chain in file order keeps parts apart that nothing joins
    chain, step = np.full(n - 1, _SMALL * max(float(degree.mean()), 1.0)), np.arange(n - 1)
    start_of = np.concatenate((node[inner], step, step + 1))
    end_of = np.concatenate((graph.neighbour[inner], step + 1, step))
    pull = np.concatenate((weight[inner], chain, chain))
    own = np.bincount(start_of, weights=pull, minlength=n)
    entries = np.concatenate((own, -pull))
    where = np.concatenate((np.arange(n), start_of)), np.concatenate((np.arange(n), end_of))
    laplacian = scipy.sparse.csr_array((entries, where), shape=(n, n))
    if n <= _DENSE:
        vectors: FloatArray = np.linalg.eigh(laplacian.toarray())[1][:, 1 : 1 + count]
    else:
        start = np.random.default_rng(0).standard_normal((n, count + 3))  # the result does not depend on it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a rough order will do: it says when it is not exact
            values, found, *_ = lobpcg(
                laplacian, start, Y=np.ones((n, 1)), largest=False, maxiter=_ITERATIONS, tol=1e-8 * n
            )
        vectors = np.real(found[:, np.argsort(np.real(values), kind="stable")[:count]]).astype(np.float64)
    # digits that depend on the order of sums decide nothing
    vectors = np.round(vectors / np.abs(vectors).max(axis=0), 6)
    largest = np.abs(vectors).argmax(axis=0)
    signed: FloatArray = vectors * np.sign(vectors[largest, np.arange(count)])
    return signed
