"""Cells as the kernels see them: all populations as one vector of neurons, all terms as a list of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from soensim.dynamics.fused.elementary import FLAGS
from soensim.dynamics.fused.product import PAIR, add_dense, add_sparse, pack
from soensim.dynamics.fused.sparse import SparseWeights
from soensim.dynamics.fused.squid import SQUID, SQUID_FIT, coefficients
from soensim.dynamics.fused.virtual import RELU, STEEP_SIGMOID, TANH
from soensim.dynamics.unroll import Cell

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
    offset: Real
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


def recurrent(cells: Sequence[Cell]) -> list[tuple[int, int, Any]]:
    """Return (source, target, term) of every recurrent term, in the order of cells and terms."""
    return [(t.source, target, t) for target, cell in enumerate(cells) for t in cell.terms if t.source is not None]


def neurons_of(cells: Sequence[Cell], sizes: Sequence[int], dtype: Any) -> Neurons:
    """Lay the parameters of all populations end to end."""

    def joined(name: str) -> Real:
        parts = [_vector(getattr(c, name), n, dtype) for c, n in zip(cells, sizes, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    forms = [cell.source.fused for cell in cells]
    coefs = [coefficients(f.polynomials, f.width, dtype) for f in forms if f is not None]
    return Neurons(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array([KINDS[f.kind] for f in forms if f is not None], dtype=np.int64),
        joined("retention"),
        joined("gain"),
        joined("bias_current"),
        joined("flux_offset"),
        coefs[0][None] if len(coefs) == 1 else np.array(coefs),
    )


def products_of(entries: Sequence[Entry], weights: Sequence[Any], first: Int64, dtype: Any, back: bool) -> Products:
    """Lay out the products that end in targets, or those that lead back to sources.

    ``weights`` is one per recurrent term: a dense array (lags x sources, neurons) or `SparseWeights` of arrays.
    """
    table = np.zeros((len(entries), 10), dtype=np.int64)
    values: list[Real] = []
    starts, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for row, entry in zip(table, entries, strict=True):
        ends = (entry.target, entry.source) if back else (entry.source, entry.target)
        row[[LAG, OWNER, AT]] = entry.lag, ends[1], sum(v.size for v in values)
        row[FIRST_IN], row[COUNT_IN] = first[ends[0]], first[ends[0] + 1] - first[ends[0]]
        row[FIRST_OUT], row[COUNT_OUT] = first[ends[1]], first[ends[1] + 1] - first[ends[1]]
        own = weights[entry.term]
        if isinstance(own, SparseWeights):
            arranged = (own.edges.by_source if back else own.edges.by_target)[entry.part]
            row[[IS_SPARSE, STARTS, PLACES]] = 1, sum(s.size for s in starts), sum(p.size for p in places)
            starts.append(arranged.starts)
            places.append(arranged.places)
            values.append(own.values[arranged.order])
            continue
        height = int(first[entry.source + 1] - first[entry.source])
        packed = np.empty(row[COUNT_IN] * (row[COUNT_OUT] + row[COUNT_OUT] % PAIR), dtype)
        pack(own[entry.part * height : (entry.part + 1) * height], back, packed)
        values.append(packed)
    return Products(table, _joined(values, dtype), np.concatenate(starts), np.concatenate(places))


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


def _joined(parts: list[Real], dtype: Any) -> Real:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _vector(value: Any, size: int, dtype: Any) -> Real:
    found = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, dtype=dtype)
    return np.ascontiguousarray(found) if found.shape == (size,) else np.full(size, found)
