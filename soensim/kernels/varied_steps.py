"""A step of SQUIDs that differ from neuron to neuron (`soensim.fabrication.varied_squid`), in float64: for scores.

The three tables of a population have the same cells, and a neuron is at the same place in all of them: the same cell of
the flux, and the same u, since u^2 is the excess over the neuron's height C - edge(1/2). So one root, one index and one
set of weights serve all three, which lie side by side, number by number.

Here as in `soensim.kernels.table_steps`, the rows of a neuron go through the formula part by part: a processor works on
several rows at a time then, where the whole formula would keep it waiting for the roots and the quotient of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.table_access import own_load, own_store
from soensim.circuit.source import cell_of, edge_at, source_value
from soensim.kernels.emitter import TABLES
from soensim.kernels.llvm_intrinsics import three_cubics, three_surfaces
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.squid_functions import take3
from soensim.kernels.table_steps import TableSources, stacked, table_of
from soensim.kernels.vector_math import inlined, inlined_exact

if TYPE_CHECKING:
    from soensim.circuit import SourceTable
    from soensim.dynamics.source_functions import VariedTables

# Of a neuron's rows: place in the cell, x, |i|, excess over the threshold, its root, place between the nodes of u, the
# thresholds and the values of the three tables.
_R, _X, _CURRENT, _OVER, _ROOT, _Q, _EDGES, _VALUES = (ROWS * k for k in (0, 1, 2, 3, 4, 5, 6, 9))
_NUMBERS = 12 * ROWS
_LEAST = 1e-200  # above 0, as is a product of three roots of it


class VariedSources(NamedTuple):
    """The tables of `VariedTables` in all populations, and what each neuron has of them."""

    tables: TableSources
    """One after the other."""
    edges: Any
    """Their thresholds side by side, (populations, cells, powers of r, TABLES)."""
    shapes: Any
    """Their H, (populations, nodes of phi, nodes of u, TABLES)."""
    critical_current: Any
    skew: Any
    shares: Any
    """(3, neurons), as the ratios and their roots."""
    ratios: Any
    roots: Any
    reach: Any
    """Number of the node of u that an excess of 1 I_c reaches."""


def varied_sources(own: Sequence[VariedTables]) -> VariedSources:
    """Lay out the source functions of all populations."""
    tables = tuple(table for one in own for table in one.tables)
    edges, shapes = _side_by_side(tables)
    ratios = np.concatenate([np.stack(one.ratios) for one in own], 1)
    nodes = shapes.shape[2]
    # the same for each of a neuron's tables
    reach = [one.tables[0].arrays.scale * np.sqrt(one.ratios[0]) * (nodes - 1) for one in own]
    return VariedSources(
        stacked(tables),
        edges,
        shapes,
        np.concatenate([one.critical_current for one in own]),
        np.concatenate([one.skew for one in own]),
        np.concatenate([np.stack(one.shares) for one in own], 1),
        ratios,
        np.sqrt(ratios),
        np.concatenate(reach),
    )


@lru_cache(maxsize=16)
def _side_by_side(tables: tuple[SourceTable, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    arrays = stacked(tables)
    return tuple(
        np.stack([_padded(values[first : first + 3]) for first in range(0, len(tables), 3)])
        for values in (arrays.edge, arrays.shape)
    )  # type: ignore[return-value]


def _padded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move the axis of three tables to the end, and fill it up to TABLES."""
    room = np.zeros((*values.shape[1:], TABLES))
    room[..., :3] = np.moveaxis(values, 0, -1)
    return room


@inlined
def varied_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    """Take a step of population p; see `soensim.kernels.source_steps.forward_sources`."""
    s = network.sources
    tables = table_of(s.tables, 3 * p), table_of(s.tables, 3 * p + 1), table_of(s.tables, 3 * p + 2)
    numbers, places = np.empty(_NUMBERS), np.empty(ROWS, np.int32)
    for n in range(network.first[p], network.first[p + 1]):
        bias_current, c = network.bias_current[n], s.critical_current[n]
        step = network.retention[n], network.gain[n] * c
        own = s.skew[n], take3(s.shares[:, n], 0), take3(s.ratios[:, n], 0)
        _fold(n, flux, state, (bias_current, c, own[0]), tables[0], numbers, places)
        three_cubics(s.edges[p], places, numbers, _R, _EDGES)  # type: ignore[call-arg]
        _find_node(own[1], s.reach[n], s.shapes.shape[2], numbers, places)
        three_surfaces(s.shapes[p], places, numbers, (_Q, _R, s.shapes.shape[2]), _VALUES)  # type: ignore[call-arg]
        beyond = _take(n, state, new, (bias_current, *step), own, take3(s.roots[:, n], 0), tables, numbers)
        if beyond > 0:
            for r in range(ROWS):
                g = _varied_beyond(flux[n, r], (bias_current - state[n, r]) / c, own, tables)
                new[n, r] = step[0] * state[n, r] + step[1] * g


@inlined
def _fold(n, flux, state, neuron, table, numbers, places):  # type: ignore[no-untyped-def]
    """Write |i|, x, its cell and the place in the cell."""
    bias_current, c, skew = neuron
    for r in range(ROWS):
        i = (bias_current - own_load(state, n * ROWS + r)) / c
        x, cell, at = cell_of(own_load(flux, n * ROWS + r) - skew * i, 0.0, table)  # its own skew is 0: equal arms
        own_store(numbers, _CURRENT + r, abs(i))  # type: ignore[call-arg]
        own_store(numbers, _X + r, x)  # type: ignore[call-arg]
        own_store(numbers, _R + r, at)  # type: ignore[call-arg]
        own_store(places, r, cell)  # type: ignore[call-arg]


@inlined
def _find_node(shares, reach, nodes, numbers, places):  # type: ignore[no-untyped-def]
    """Write the excess over the neuron's threshold, its root, and the place in the tables of H."""
    last = nodes - 2.0
    for r in range(ROWS):
        edge = shares[0] * own_load(numbers, _EDGES + r) + shares[1] * own_load(numbers, _EDGES + ROWS + r)
        over = own_load(numbers, _CURRENT + r) - (edge + shares[2] * own_load(numbers, _EDGES + 2 * ROWS + r))
        over = 0.0 if over <= 0.0 else over  # nan stays nan
        root = math.sqrt(over)
        at = root * reach
        node = np.int32(at if at < last else last)
        own_store(numbers, _OVER + r, over)  # type: ignore[call-arg]
        own_store(numbers, _ROOT + r, root)  # type: ignore[call-arg]
        own_store(numbers, _Q + r, at - node)  # type: ignore[call-arg]
        own_store(places, r, np.int32(own_load(places, r) * np.int32(nodes) + node))  # type: ignore[call-arg]


@inlined
def _take(n, state, new, step, own, roots, tables, numbers):  # type: ignore[no-untyped-def]
    """Write the new states; return the number of rows that are beyond the main tables.

    g = sum of share H w_a w_b / (w_a + w_b) over the tables (`soensim.circuit.source`), over one denominator.
    """
    bias_current, retention, gain = step
    _, shares, ratios = own
    one, two, three = tables
    f0, f1, f2 = shares[0] * roots[0], shares[1] * roots[1], shares[2] * roots[2]
    beyond = 0
    for r in range(ROWS):
        over, root, y = own_load(numbers, _OVER + r), own_load(numbers, _ROOT + r), 0.5 - own_load(numbers, _X + r)
        i0 = own_load(numbers, _EDGES + r) + over * ratios[0]
        i1 = own_load(numbers, _EDGES + ROWS + r) + over * ratios[1]
        i2 = own_load(numbers, _EDGES + 2 * ROWS + r) + over * ratios[2]
        b0, b1, b2 = _root_b(i0, y, one), _root_b(i1, y, two), _root_b(i2, y, three)
        d0, d1, d2 = root * roots[0] + b0, root * roots[1] + b1, root * roots[2] + b2
        n0 = f0 * b0 * own_load(numbers, _VALUES + r)
        n1 = f1 * b1 * own_load(numbers, _VALUES + ROWS + r)
        n2 = f2 * b2 * own_load(numbers, _VALUES + 2 * ROWS + r)
        d01 = d0 * d1
        g = root * ((n0 * d1 + n1 * d0) * d2 + n2 * d01) / (d01 * d2)
        g = 0.0 if g <= 0.0 else g
        old = own_load(state, n * ROWS + r)
        own_store(new, n * ROWS + r, retention * old + gain * (g if bias_current >= old else -g))  # type: ignore[call-arg]
        beyond += (i0 > one.current_max) | (i1 > two.current_max) | (i2 > three.current_max)
    return beyond


@inlined
def _root_b(i, y, table):  # type: ignore[no-untyped-def]
    """Root of the distance from the neighbouring lobe; negative ones are below the threshold, where g is 0."""
    gap = i - table.corner - table.tangent * y
    return math.sqrt(gap if gap > _LEAST else _LEAST)


@inlined_exact
def _varied_beyond(flux, current, own, tables):  # type: ignore[no-untyped-def]
    """g(phi, i) without the factor of the critical current, at any current, with branches."""
    skew, shares, ratios = own
    one, two, three = tables
    x, cell, r = cell_of(flux - skew * current, 0.0, one)
    e1, e2, e3 = edge_at(cell, r, one), edge_at(cell, r, two), edge_at(cell, r, three)
    over = abs(current) - (shares[0] * e1 + shares[1] * e2 + shares[2] * e3)
    g = shares[0] * source_value(x, e1 + over * ratios[0], one)
    g = g + shares[1] * source_value(x, e2 + over * ratios[1], two)
    g = g + shares[2] * source_value(x, e3 + over * ratios[2], three)
    g = 0.0 if g <= 0.0 else g
    return g if current >= 0.0 else -g
