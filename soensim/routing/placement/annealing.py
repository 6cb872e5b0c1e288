"""Simulated annealing: exchanges of two neurons that make the wires shorter, and at first also some that do not.

The classic of placement (Kirkpatrick, Gelatt, Vecchi 1983, Science 220 671), with exchanges that reach less and less
far (as in TimberWolf: Sechen, Sangiovanni-Vincentelli 1985, IEEE JSSC 20 510).
"""

import math
from typing import NamedTuple

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.routing.placement.graph import UNIT, Graph
from soensim.routing.placement.placed import FloatArray, IntArray
from soensim.routing.placement.problem import PlacementProblem
from soensim.routing.placement.spectral import spectral

# Temperature: from sqrt(mean number of edges at a neuron) cells to a tenth of one cell, at which only exchanges that
# shorten are left. An exchange changes about that number of lengths by a cell each, up or down; 0.3 and 3 times this
# start end within 3 % of one another on graphs of 1000 neurons, but 3 times spoils the solved lattice that 1 keeps.
_LAST_TEMPERATURE = 0.1
# The exchanges reach a quarter of the grid at first: beyond, nearly all are refused, and the start is good.
_FIRST_REACH = 4


def annealing(problem: PlacementProblem) -> IntArray:
    """Shorten the wires of the spectral placement; return the site of every neuron."""
    return annealed(problem.graph, spectral(problem), problem.columns, problem.seed, problem.sweeps)


class Links(NamedTuple):
    """Edges of a graph by node: those of node k are first[k] to first[k + 1] (see `Graph`)."""

    first: IntArray
    neighbour: IntArray
    weight: IntArray

    @classmethod
    def of(cls, graph: Graph) -> "Links":
        """Take the edges of a graph."""
        return cls(graph.first, graph.neighbour, graph.weight)


class Placed(NamedTuple):
    """A placement: coordinates of all nodes, the site of each neuron, the neuron on each site."""

    x: IntArray
    y: IntArray
    site: IntArray
    occupant: IntArray


class Moves(NamedTuple):
    """Exchanges to try, shape (moves,): a neuron, how far to go, and the increase of length that is accepted."""

    picked: IntArray
    right: IntArray
    up: IntArray
    allowed: FloatArray


def annealed(graph: Graph, site: IntArray, columns: int, seed: int, sweeps: int) -> IntArray:
    """Shorten the wires of a placement on a grid by exchanges of two neurons.

    Parameters
    ----------
    graph
        The chip.
    site
        Shape (neurons,), a permutation: where each neuron is at the start. Site k is in row k // columns.
    columns
        Width of the grid.
    seed
        Seed of the search.
    sweeps
        Number of exchanges tried per neuron.

    Returns
    -------
    IntArray
        Shape (neurons,): the shortest placement at the end of a sweep, never longer than the start.
    """
    n = graph.neurons
    rng = np.random.default_rng(seed)
    site = site.copy()
    occupant = np.argsort(site)
    links, placed = Links.of(graph), Placed(*graph.coordinates(site % columns, site // columns), site, occupant)
    change, best, shortest = 0, site.copy(), 0
    first_temperature = UNIT * math.sqrt(max(graph.weight[: graph.first[n]].sum() / n, 1.0))
    reach = max(columns // _FIRST_REACH, 1)
    for sweep in range(sweeps):
        done = sweep / max(sweeps - 1, 1)
        temperature = first_temperature ** (1 - done) * (_LAST_TEMPERATURE * UNIT) ** done
        radius = max(round(reach * (1 - done)), 1)
        picked = rng.integers(0, n, size=n)
        right, up = rng.integers(-radius, radius + 1, size=(2, n))
        allowed = temperature * rng.standard_exponential(n)  # accept an increase d with the probability exp(-d/T)
        change += _sweep(links, placed, columns, Moves(picked, right, up, allowed))
        if change < shortest:
            shortest = change
            best[:] = site
    return best


@njit(cache=True, error_model="numpy")
def _sweep(links, placed, columns, moves):  # type: ignore[no-untyped-def]
    """Try exchanges one after another; return the change of length. Changes the placement."""
    first, neighbour, weight = links
    x, y, site, occupant = placed
    picked, right, up, allowed = moves
    total = 0
    for k in range(len(picked)):
        a = picked[k]
        column = site[a] % columns + right[k]
        target = (site[a] // columns + up[k]) * columns + column
        if column < 0 or column >= columns or target < 0 or target >= len(site) or target == site[a]:
            continue
        b = occupant[target]
        change = _change(first, neighbour, weight, x, y, a, b) + _change(first, neighbour, weight, x, y, b, a)
        if change <= allowed[k]:
            total += change
            x[a], x[b] = x[b], x[a]
            y[a], y[b] = y[b], y[a]
            site[a], site[b] = site[b], site[a]
            occupant[site[a]], occupant[site[b]] = a, b
    return total


@njit(cache=True, error_model="numpy")
def _change(first, neighbour, weight, x, y, node, to):  # type: ignore[no-untyped-def]
    """Compute by how much the edges of a node lengthen at the place of another; those to that one stay the same."""
    change = 0
    for k in range(first[node], first[node + 1]):
        j = neighbour[k]
        if j != to:
            now = abs(x[node] - x[j]) + abs(y[node] - y[j])
            then = abs(x[to] - x[j]) + abs(y[to] - y[j])
            change += weight[k] * (then - now)
    return change
