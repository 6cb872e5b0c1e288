"""A step of SQUIDs that look their tables up, in float64: forward alone, for scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from soensim._runtime.table_access import own_load, own_store, table_load
from soensim.circuit.source import SourceArrays, cell_of, edge_at, source_value
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import inlined

if TYPE_CHECKING:
    from soensim.circuit import SourceTable

# Of a neuron's rows: place in the cell, x, |i|, root of the excess over the threshold, place between the nodes of u.
_R, _X, _CURRENT, _ROOT, _Q = (ROWS * k for k in range(5))
_NUMBERS = 5 * ROWS
_LEAST = 1e-300  # above 0


class TableSources(NamedTuple):
    """The table of a SQUID in all populations: fields of `SourceArrays`, with an axis of populations in front."""

    edge: Any
    shape: Any
    beyond: Any
    single: Any
    """skew, scale, current_max, corner, tangent."""


def stacked(tables: Sequence[SourceTable | None]) -> TableSources:
    """Stack the tables of all populations; one without a table takes another's."""
    return _stacked(tuple(tables))


@lru_cache(maxsize=16)
def _stacked(tables: tuple[SourceTable | None, ...]) -> TableSources:
    own = [None if table is None else table.arrays for table in tables]
    some = next(arrays for arrays in own if arrays is not None)
    full = [arrays or some for arrays in own]
    return TableSources(
        np.stack([arrays.edge for arrays in full]),
        np.stack([arrays.shape for arrays in full]),
        np.stack([arrays.beyond for arrays in full]),
        np.array([arrays[3:] for arrays in full]),
    )


@inlined
def table_of(tables, k):  # type: ignore[no-untyped-def]
    """`SourceArrays` number k."""
    one = tables.single[k]
    return SourceArrays(tables.edge[k], tables.shape[k], tables.beyond[k], one[0], one[1], one[2], one[3], one[4])


@inlined
def look_up(network, tables, p, flux, state, new):  # type: ignore[no-untyped-def]
    """Take a step of population p; see `soensim.kernels.source_steps.forward_sources`."""
    arrays = table_of(tables, p)
    numbers, places = np.empty(_NUMBERS), np.empty(ROWS, np.int32)
    for n in range(network.first[p], network.first[p + 1]):
        bias_current = network.bias_current[n]
        step = bias_current, network.retention[n], network.gain[n]
        _fold(n, flux, state, bias_current, arrays, numbers, places)
        _find_node(arrays, numbers, places)
        beyond = _take(n, state, new, step, arrays, numbers, places)
        if beyond > 0:  # the main table does not serve
            for r in range(ROWS):
                g = source_value(flux[n, r], bias_current - state[n, r], arrays)
                new[n, r] = step[1] * state[n, r] + step[2] * g


@inlined
def _fold(n, flux, state, bias_current, arrays, numbers, places):  # type: ignore[no-untyped-def]
    """Write |i|, x, its cell and the place in the cell."""
    for r in range(ROWS):
        i = bias_current - own_load(state, n * ROWS + r)
        x, cell, at = cell_of(own_load(flux, n * ROWS + r), i, arrays)
        own_store(numbers, _CURRENT + r, abs(i))  # type: ignore[call-arg]
        own_store(numbers, _X + r, x)  # type: ignore[call-arg]
        own_store(numbers, _R + r, at)  # type: ignore[call-arg]
        own_store(places, r, cell)  # type: ignore[call-arg]


@inlined
def _find_node(arrays, numbers, places):  # type: ignore[no-untyped-def]
    """Write the root of the excess over the threshold, and the place in the table of H."""
    nodes = arrays.shape.shape[1]
    reach, last = arrays.scale * (nodes - 1), nodes - 2.0
    for r in range(ROWS):
        cell = own_load(places, r)
        above = own_load(numbers, _CURRENT + r) - edge_at(cell, own_load(numbers, _R + r), arrays)
        root = math.sqrt(0.0 if above <= 0.0 else above)  # nan stays nan
        at = root * reach
        node = np.int32(at if at < last else last)
        own_store(numbers, _ROOT + r, root)  # type: ignore[call-arg]
        own_store(numbers, _Q + r, at - node)  # type: ignore[call-arg]
        own_store(places, r, np.int32(cell * np.int32(nodes) + node))  # type: ignore[call-arg]


@inlined
def _take(n, state, new, step, arrays, numbers, places):  # type: ignore[no-untyped-def]
    """Write the new states; return the number of rows that are beyond the main table."""
    bias_current, retention, gain = step
    shape, nodes = arrays.shape, arrays.shape.shape[1]
    beyond = 0
    for r in range(ROWS):
        current, root, at = own_load(numbers, _CURRENT + r), own_load(numbers, _ROOT + r), np.intp(own_load(places, r))
        gap = current - arrays.corner - arrays.tangent * (0.5 - own_load(numbers, _X + r))
        root_b = math.sqrt(gap if gap > _LEAST else _LEAST)  # negative only below the threshold, where root is 0
        t00, t01 = table_load(shape, at), table_load(shape, at + 1)
        t10, t11 = table_load(shape, at + nodes), table_load(shape, at + nodes + 1)
        q = own_load(numbers, _Q + r)
        low, high = t00 + q * (t01 - t00), t10 + q * (t11 - t10)
        g = (low + own_load(numbers, _R + r) * (high - low)) * root * root_b / (root + root_b)
        old = own_load(state, n * ROWS + r)
        own_store(new, n * ROWS + r, retention * old + gain * (g if bias_current >= old else -g))  # type: ignore[call-arg]
        beyond += current > arrays.current_max
    return beyond
