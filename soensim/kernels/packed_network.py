"""Cells as the kernels see them: all populations as one vector of neurons, all terms as a list of products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.source_functions import FusedForm
from soensim.dynamics.time_loop import Cell
from soensim.kernels.matmul import PAIR, add_dense, add_sparse, pack
from soensim.kernels.sparse import Edges
from soensim.kernels.squid import SQUID, SQUID_FIT, coefficients
from soensim.kernels.vector_math import FLAGS
from soensim.kernels.virtual_sources import RELU, STEEP_SIGMOID, TANH

Int64 = NDArray[np.int64]
Real = NDArray[Any]  # float32 or float64

KINDS = {"tanh": TANH, "relu": RELU, "steep-sigmoid": STEEP_SIGMOID, "squid-fit": SQUID_FIT, "squid": SQUID}

#: Columns of `Products.table`.
IS_SPARSE, LAG, OWNER, FIRST_IN, COUNT_IN, FIRST_OUT, COUNT_OUT, AT, STARTS, PLACES = range(10)


class Neurons(NamedTuple):
    """All neurons in one vector; the per-neuron arrays have shape (neurons,)."""

    first: Int64
    """Where each population starts, and the end: (populations + 1,)."""
    kind: Int64
    retention: Real
    gain: Real
    bias: Real
    coefs: Real
    """Coefficients of each population's SQUID, (populations, 98)."""


class Products(NamedTuple):
    """Products of efficacies with signals, one per term and lag, in one direction: to the targets, or back."""

    table: Int64
    values: Real
    starts: Int64
    places: Int64


class Entry(NamedTuple):
    """One lag of one recurrent term."""

    term: int
    """Which of the recurrent terms, in the order of cells and terms."""
    part: int
    """Which of its lags."""
    lag: int
    source: int
    target: int


class Inputs(NamedTuple):
    """Inputs and their efficacies, in the place of a drive. The signals have no gradient.

    Parameters
    ----------
    signals
        (rows, frames, channels), the same tensor for all populations; the batch repeats the rows. One that stands
        channel by channel in memory, as `soensim.kernels.by_channel` makes it, needs no copy.
    weights
        (channels, neurons), or None: they do not reach the population.
    held
        Flux that stays the same in all frames, (batch, neurons), or None.
    """

    signals: Any
    weights: Any
    held: Any = None


def recurrent(cells: Sequence[Cell]) -> list[tuple[int, int, Any]]:
    """Return (source, target, term) of every recurrent term, in the order of cells and terms."""
    return [(t.source, target, t) for target, cell in enumerate(cells) for t in cell.terms if t.source is not None]


@lru_cache(maxsize=64)
def _structure(sizes: tuple[int, ...], forms: tuple[FusedForm, ...], dtype: Any) -> tuple[Int64, Int64, Real]:
    """Return the fields first, kind and coefs of `Neurons`."""
    kinds = [KINDS[form.kind] for form in forms]
    coefs = [coefficients(form.polynomials, form.width, dtype) for form in forms]
    return np.array([0, *accumulate(sizes)], dtype=np.int64), np.array(kinds, dtype=np.int64), np.array(coefs)


def neurons_of(cells: Sequence[Cell], sizes: tuple[int, ...], dtype: Any) -> Neurons:
    """Lay the parameters of all populations end to end."""

    def joined(name: str) -> Real:
        values = [_array(getattr(cell, name)) for cell in cells]
        if len(cells) == 1:
            return np.full(sizes[0], values[0], dtype)  # a copy: the way back must find what the way forth had
        return np.concatenate([np.full(n, v, dtype) for n, v in zip(sizes, values, strict=True)])

    forms = tuple(cell.source.fused for cell in cells if cell.source.fused is not None)
    first, kind, coefs = _structure(sizes, forms, dtype)
    return Neurons(first, kind, joined("retention"), joined("gain"), joined("bias_current"), coefs)


class _Layout(NamedTuple):
    table: Int64
    starts: Int64
    places: Int64
    orders: tuple[Int64 | None, ...]
    """Per entry, the order of the edges of a sparse block."""
    size: int
    """Numbers in all packed efficacies."""


@lru_cache(maxsize=64)
def _layout(entries: tuple[Entry, ...], edges: tuple[Edges | None, ...], first: tuple[int, ...], back: bool) -> _Layout:
    rows: list[list[int]] = []
    orders: list[Int64 | None] = []
    at = 0
    starts, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for entry in entries:
        begin, end = (entry.target, entry.source) if back else (entry.source, entry.target)
        n_in, n_out = first[begin + 1] - first[begin], first[end + 1] - first[end]
        sparse = edges[entry.term]
        row = [int(sparse is not None), entry.lag, end, first[begin], n_in, first[end], n_out, at]
        if sparse is None:
            rows.append([*row, 0, 0])
            orders.append(None)
            at += n_in * (n_out + n_out % PAIR)
        else:
            order, own_starts, own_places = (sparse.by_source if back else sparse.by_target)[entry.part]
            rows.append([*row, sum(s.size for s in starts), sum(p.size for p in places)])
            orders.append(order)
            starts.append(own_starts)
            places.append(own_places)
            at += order.size
    table = np.array(rows, dtype=np.int64).reshape(-1, 10)
    return _Layout(table, np.concatenate(starts), np.concatenate(places), tuple(orders), at)


def products_of(
    entries: tuple[Entry, ...],
    edges: tuple[Edges | None, ...],
    weights: Sequence[Real],
    first: tuple[int, ...],
    dtype: Any,
    back: bool,
) -> Products:
    """Lay out the products that end in targets, or those that lead back to sources.

    ``edges`` and ``weights`` are one per recurrent term: None and a dense array (lags x sources, neurons), or its edges
    and their values.
    """
    layout = _layout(entries, edges, first, back)
    values = np.empty(layout.size, dtype)
    for entry, order, row in zip(entries, layout.orders, layout.table, strict=True):
        at, own = row[AT], weights[entry.term]
        if order is not None:
            values[at : at + order.size] = own[order]
        else:
            height = first[entry.source + 1] - first[entry.source]
            pack(own[entry.part * height : (entry.part + 1) * height], back, values[at:])
    return Products(layout.table, values, layout.starts, layout.places)


def input_products(weights: Sequence[Real], driven: Sequence[int], first: tuple[int, ...], dtype: Any) -> Products:
    """Lay out the products of inputs with their efficacies (channels, neurons), one per population that is driven."""
    rows: list[list[int]] = []
    values = [np.zeros(0, dtype)]
    for own, p in zip(weights, driven, strict=True):
        n_in, n_out = own.shape
        rows.append([0, 0, p, 0, n_in, first[p], n_out, sum(v.size for v in values), 0, 0])
        values.append(np.empty(n_in * (n_out + n_out % PAIR), dtype))
        pack(own, False, values[-1])
    table, none = np.array(rows, dtype=np.int64).reshape(-1, 10), np.zeros(0, np.int64)
    return Products(table, np.concatenate(values), none, none)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def add_product(products, k, signals, out):  # type: ignore[no-untyped-def]
    """Add product ``k`` of the signals (neurons + 1, ROWS) to ``out``, of the same shape."""
    t = products.table[k]
    if t[IS_SPARSE] == 1:
        starts = products.starts[t[STARTS] : t[STARTS] + t[COUNT_OUT] + 1]
        places = products.places[t[PLACES] : t[PLACES] + starts[-1]]
        add_sparse(products.values, t[AT], starts, places, signals, t[FIRST_IN], out, t[FIRST_OUT])
    else:
        add_dense(products.values, t[AT], signals, t[FIRST_IN], t[COUNT_IN], out, t[FIRST_OUT], t[COUNT_OUT])


def _array(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value
