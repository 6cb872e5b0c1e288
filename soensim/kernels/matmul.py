"""Products of efficacies with the signals of a block, and of signals with gradients over all steps.

Signals of a block are (neurons, ROWS). A dense product takes two rows of efficacies at a time and keeps their
ROWS sums in eight vector registers; efficacies are packed in the order in which they are read. A library product would
pack them again at every step, and its sums depend on the number of threads.

Measured alone, one core with AVX2, 24 to 1024 neurons in float32: 69 to 79 GFlop/s at 32 rows; torch's product of 64 or
128 rows 24 to 73.
"""

from typing import Any, NamedTuple

from soensim._runtime.kernel_cache import njit
from soensim.kernels.emitter import LINE, PAIR, PAIRS, TILE
from soensim.kernels.llvm_intrinsics import add_pair_product, add_pair_products, tile_of_dots, wide_vectors
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import FLAGS, inlined

#: Columns of `Products.table`.
COLUMNS = 10
IS_SPARSE, LAG, OWNER, FIRST_IN, COUNT_IN, FIRST_OUT, COUNT_OUT, AT, STARTS, PLACES = range(COLUMNS)
# Columns of gradient and of signals that one pass of `dense_gradient` takes, and rows: all of them stay in the cache.
_CHUNK, _TILE = 512, 8


class Products(NamedTuple):
    """Products of efficacies with signals, one per term and lag, in one direction: to the targets, or back."""

    table: Any
    """One row per product, int64; its columns are `IS_SPARSE` to `PLACES`."""
    values: Any
    """Efficacies, packed; product k has those from table[k, AT] on."""
    starts: Any
    """Of all sparse products: where the synapses of each output start, int64."""
    places: Any
    """Of all sparse products: the input of each synapse, int64."""


class Operand(NamedTuple):
    """Signals or gradients of a block, step by step: number r of row j in step k is at + k step + j ROWS + r."""

    array: Any
    at: Any
    step: Any
    rows: Any


class Factors(NamedTuple):
    """Signals and gradients over all steps: products are sums over k < length of signals[:, start + k] gradient[:, k].

    Both arrays have whole rows: numba's loops are slow over an array with gaps.
    """

    signals: Any
    start: Any
    gradient: Any
    length: Any


@njit(cache=True)
def pack(weights, transposed, packed):  # type: ignore[no-untyped-def]
    """Lay out W (sources, targets) for products that end in targets, or, transposed, in sources; odd ends get zeros."""
    n_in, n_out = weights.shape if not transposed else weights.shape[::-1]
    for row in range(n_out + n_out % PAIR):
        at = (row // PAIR) * n_in * PAIR + row % PAIR
        for column in range(n_in):
            if row == n_out:
                packed[at + PAIR * column] = 0
            elif transposed:
                packed[at + PAIR * column] = weights[row, column]
            else:
                packed[at + PAIR * column] = weights[column, row]


@inlined
def add_product(products, k, signals, out):  # type: ignore[no-untyped-def]
    """Add product ``k`` of the signals (neurons + 1, ROWS) to ``out``, of the same shape."""
    t = products.table[k]
    if t[IS_SPARSE] == 1:
        _add_sparse(products, t, signals, out)
    else:
        _add_dense(products.values, t, signals, out)


@inlined
def _add_dense(packed, t, signals, out):  # type: ignore[no-untyped-def]
    """out[first_out + i, :] += sum_j W[j, i] signals[first_in + j, :]; ``out`` has a spare row at its end."""
    at, first_in, n_in, first_out, n_out = t[AT], t[FIRST_IN], t[COUNT_IN], t[FIRST_OUT], t[COUNT_OUT]
    pairs, pair = (n_out + 1) // PAIR, 0
    while packed.itemsize == 4 and pair + PAIRS <= pairs:
        places = at + pair * n_in * PAIR, first_in * ROWS, (first_out + pair * PAIR) * ROWS
        add_pair_products(packed, signals, out, places, n_in)  # type: ignore[call-arg]
        pair += PAIRS
    for single in range(pair, pairs):
        for r in range(0, ROWS, min(ROWS, LINE // packed.itemsize)):
            places = at + single * n_in * PAIR, first_in * ROWS + r, (first_out + single * PAIR) * ROWS + r
            add_pair_product(packed, signals, out, places, n_in)  # type: ignore[call-arg]


@inlined
def _add_sparse(products, t, signals, out):  # type: ignore[no-untyped-def]
    """out[first_out + i, :] += sum_e values[at + e] signals[first_in + places[e], :] over synapses e that end in i."""
    starts = products.starts[t[STARTS] : t[STARTS] + t[COUNT_OUT] + 1]
    places = products.places[t[PLACES] : t[PLACES] + starts[-1]]
    values, at, first_in, first_out = products.values, t[AT], t[FIRST_IN], t[FIRST_OUT]
    for i in range(starts.size - 1):
        row, last = first_out + i, starts[i + 1]
        e = starts[i]
        while e + 4 <= last:
            w0, w1, w2, w3 = values[at + e], values[at + e + 1], values[at + e + 2], values[at + e + 3]
            j0, j1 = first_in + places[e], first_in + places[e + 1]
            j2, j3 = first_in + places[e + 2], first_in + places[e + 3]
            for r in range(ROWS):
                pairs = (w0 * signals[j0, r] + w1 * signals[j1, r]) + (w2 * signals[j2, r] + w3 * signals[j3, r])
                out[row, r] += pairs
            e += 4
        while e < last:
            w0, j0 = values[at + e], first_in + places[e]
            for r in range(ROWS):
                out[row, r] += w0 * signals[j0, r]
            e += 1


@inlined
def block_gradient(x, z, count, sums, out):  # type: ignore[no-untyped-def]
    """out[j z.rows + i] = sum over r and count steps of number r of row j of x times that of row i of z: dL/dW.

    Both `Operand` arrays have TILE[1] - 1 rows or more after the last. ``sums`` has room for SUMS numbers.
    """
    for i in range(0, z.rows, TILE[1]):  # few rows of z stay in the first-level cache
        for j in range(0, x.rows, TILE[0]):
            places = x.at + j * ROWS, z.at + i * ROWS
            tile_of_dots(x.array, z.array, sums, places, (x.step, z.step), count)  # type: ignore[call-arg]
            for a in range(min(TILE[0], x.rows - j)):
                for b in range(min(TILE[1], z.rows - i)):
                    out[(j + a) * z.rows + i + b] = sums[TILE[0] * b + a]


@njit(cache=True, fastmath=FLAGS, error_model="numpy", nogil=True)
def dense_gradient(first_pair, last_pair, factors, out):  # type: ignore[no-untyped-def]
    """Compute out[j, i] for pairs of rows j of the signals, so that they are paired alike for any number of threads."""
    wide_vectors()
    signals, start, gradient, length = factors
    n, first, last = gradient.shape[0], 2 * first_pair, min(2 * last_pair, out.shape[0])
    out[first:last] = 0
    for low in range(0, length, _CHUNK):
        high = min(low + _CHUNK, length)
        for tile in range(0, n, _TILE):
            for j in range(first, last, 2):
                k = min(j + 1, last - 1)
                for i in range(tile, min(tile + _TILE, n), 4):
                    i1, i2, i3 = min(i + 1, n - 1), min(i + 2, n - 1), min(i + 3, n - 1)
                    x, y = signals[j, start + low : start + high], signals[k, start + low : start + high]
                    z0, z1 = gradient[i, low:high], gradient[i1, low:high]
                    z2, z3 = gradient[i2, low:high], gradient[i3, low:high]
                    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = gradient.dtype.type(0)
                    for m in range(high - low):
                        a0 += x[m] * z0[m]
                        a1 += x[m] * z1[m]
                        a2 += x[m] * z2[m]
                        a3 += x[m] * z3[m]
                        b0 += y[m] * z0[m]
                        b1 += y[m] * z1[m]
                        b2 += y[m] * z2[m]
                        b3 += y[m] * z3[m]
                    for place, a, b in ((i, a0, b0), (i + 1, a1, b1), (i + 2, a2, b2), (i + 3, a3, b3)):
                        if place < n:
                            out[j, place] += a
                            if k > j:
                                out[k, place] += b


@njit(cache=True, fastmath=FLAGS, error_model="numpy", nogil=True)
def sparse_gradient(first, last, factors, rows, columns, out):  # type: ignore[no-untyped-def]
    """Compute out[e], of row rows[e] of the signals and row columns[e] of the gradient, for synapses e."""
    signals, start, gradient, length = factors
    for e in range(first, last):
        x, z = signals[rows[e], start : start + length], gradient[columns[e], :length]
        total = gradient.dtype.type(0)
        for m in range(length):
            total += x[m] * z[m]
        out[e] = total
