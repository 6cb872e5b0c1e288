"""Products of efficacies with the signals of a block, and of signals with gradients over all steps.

Signals of a block stand as (neurons, ROWS). A dense product takes two rows of efficacies at a time and keeps their
ROWS sums in eight vector registers; efficacies are packed in the order in which they are read. A library product would
pack them again at every step, and its sums depend on the number of threads.

Measured alone, one core with AVX2, 24 to 1024 neurons in float32: 69 to 79 GFlop/s at 32 rows; torch's product of 64 or
128 rows 24 to 73.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_rows import ROWS
from soensim.kernels.vector_math import FLAGS

#: Rows of efficacies per pass; bytes of signals per row, and of a vector register.
PAIR, _LINE, VECTOR = 2, 128, 32
#: Numbers that `block_gradient` needs room for.
SUMS = 12
# Rows of gradient and of signals that one pass of `dots` takes, and so many products at a time that all stay in cache.
_CHUNK, _TILE = 512, 8


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


@intrinsic
def _pair_product(typingctx, packed, at, signals, first, count, out, row):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """out[row + a, :] += sum_j packed[at + 2 j + a] signals[first + j, :], a = 0 and 1, over 128 bytes of each row.

    ``first`` and ``row`` count elements from the start of the arrays, ``at`` places in ``packed``.
    """
    signature = types.void(packed, types.intp, signals, types.intp, types.intp, out, types.intp)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(k: int) -> Any:
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        def vector_at(base: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())

        number = context.get_data_type(signature.args[0].dtype)
        size = signature.args[0].dtype.bitwidth // 8
        vector = ir.VectorType(number, _LINE // size)
        spread = ir.Constant(ir.VectorType(ir.IntType(32), _LINE // size), [0] * (_LINE // size))
        weights, inputs, sums = data(0), data(2), data(5)
        at, first, count, row = args[1], args[3], args[4], args[6]

        def word(k: int) -> Any:
            return ir.Constant(at.type, k)

        places = [vector_at(sums, builder.add(row, word(a * ROWS))) for a in range(PAIR)]
        totals = [cgutils.alloca_once(builder, vector) for _ in range(PAIR)]  # type: ignore[no-untyped-call]
        for place, total in zip(places, totals, strict=True):
            builder.store(builder.load(place, align=size), total)
        with cgutils.for_range(builder, count) as loop:
            signal = builder.load(
                vector_at(inputs, builder.add(first, builder.mul(loop.index, word(ROWS)))), align=size
            )
            base = builder.add(at, builder.mul(loop.index, word(PAIR)))
            for a, total in enumerate(totals):
                weight = builder.load(builder.gep(weights, [builder.add(base, word(a))]))
                lone = builder.insert_element(ir.Constant(vector, ir.Undefined), weight, ir.Constant(ir.IntType(32), 0))
                everywhere = builder.shuffle_vector(lone, ir.Constant(vector, ir.Undefined), spread)
                share = builder.fmul(everywhere, signal, flags=("contract",))
                builder.store(builder.fadd(share, builder.load(total), flags=("contract",)), total)
        for place, total in zip(places, totals, strict=True):
            builder.store(builder.load(total), place, align=size)
        return context.get_dummy_value()

    return signature, codegen


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def add_dense(packed, at, signals, first_in, n_in, out, first_out, n_out):  # type: ignore[no-untyped-def]
    """out[first_out + i, :] += sum_j W[j, i] signals[first_in + j, :]; ``out`` has a spare row at its end."""
    lanes = _LINE // packed.itemsize
    for pair in range((n_out + 1) // PAIR):
        for r in range(0, ROWS, lanes):
            _pair_product(  # type: ignore[call-arg]
                packed,
                at + pair * n_in * PAIR,
                signals,
                first_in * ROWS + r,
                n_in,
                out,
                (first_out + pair * PAIR) * ROWS + r,
            )


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def add_sparse(values, at, starts, places, signals, first_in, out, first_out):  # type: ignore[no-untyped-def]
    """out[first_out + i, :] += sum_e values[at + e] signals[first_in + places[e], :] over the edges e that end in i."""
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


@intrinsic
def _twelve_dots(typingctx, x, x_at, z, z_at, x_step, z_step, count, out):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """out[4 a + b] = sum_k,r x[x_at + k x_step + a ROWS + r] z[z_at + k z_step + b ROWS + r], a < 3, b < 4, k < count.

    Places and steps count elements.
    """
    signature = types.void(x, types.intp, z, types.intp, types.intp, types.intp, types.intp, out)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(k: int) -> Any:
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        number = context.get_data_type(signature.args[0].dtype)
        size = signature.args[0].dtype.bitwidth // 8
        lanes = VECTOR // size
        vector = ir.VectorType(number, lanes)
        x, z, out = data(0), data(2), data(7)
        x_at, z_at, x_step, z_step, count = args[1], args[3], args[4], args[5], args[6]

        def place(base: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())

        def word(k: int) -> Any:
            return ir.Constant(x_at.type, k)

        totals = [cgutils.alloca_once(builder, vector) for _ in range(12)]  # type: ignore[no-untyped-call]
        for total in totals:
            builder.store(ir.Constant(vector, [0.0] * lanes), total)
        with cgutils.for_range(builder, count) as loop:
            x_row = builder.add(x_at, builder.mul(loop.index, x_step))
            z_row = builder.add(z_at, builder.mul(loop.index, z_step))
            for r in range(0, ROWS, lanes):
                own = [builder.load(place(x, builder.add(x_row, word(a * ROWS + r))), align=size) for a in range(3)]
                for b in range(4):
                    other = builder.load(place(z, builder.add(z_row, word(b * ROWS + r))), align=size)
                    for a in range(3):
                        total = totals[4 * a + b]
                        share = builder.fmul(own[a], other, flags=("contract",))
                        builder.store(builder.fadd(share, builder.load(total), flags=("contract",)), total)
        kind = ir.FunctionType(number, [number, vector])
        name = f"llvm.vector.reduce.fadd.v{lanes}f{8 * size}"
        add = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        for k, total in enumerate(totals):
            lone = builder.call(add, [ir.Constant(number, -0.0), builder.load(total)], fastmath=("reassoc",))
            builder.store(lone, builder.gep(out, [word(k)]))
        return context.get_dummy_value()

    return signature, codegen


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def block_gradient(x, x_at, x_step, n_x, z, z_at, z_step, n_z, count, sums, out):  # type: ignore[no-untyped-def]
    """out[j n_z + i] = sum_k,r x[x_at + k x_step + j ROWS + r] z[z_at + k z_step + i ROWS + r], k < count: dL/dW.

    Signals ``x`` and gradients ``z`` of a block, step by step; both have three rows or more after the last. ``sums``
    has room for SUMS numbers.
    """
    for i in range(0, n_z, 4):  # four rows of z stay in the first-level cache
        for j in range(0, n_x, 3):
            _twelve_dots(x, x_at + j * ROWS, z, z_at + i * ROWS, x_step, z_step, count, sums)  # type: ignore[call-arg]
            for a in range(min(3, n_x - j)):
                for b in range(min(4, n_z - i)):
                    out[(j + a) * n_z + i + b] = sums[4 * a + b]


@njit(cache=True, fastmath=FLAGS, error_model="numpy", nogil=True)
def dense_gradient(signals, start, by_flux, length, out, first, last):  # type: ignore[no-untyped-def]
    """out[j, i] = sum_k signals[j, start + k] by_flux[i, k], k < length, for rows ``first`` to ``last``: dL/dW."""
    n = by_flux.shape[0]
    out[first:last] = 0
    for low in range(0, length, _CHUNK):
        high = min(low + _CHUNK, length)
        for tile in range(0, n, _TILE):
            for j in range(first, last, 2):
                k = min(j + 1, last - 1)
                for i in range(tile, min(tile + _TILE, n), 4):
                    i1, i2, i3 = min(i + 1, n - 1), min(i + 2, n - 1), min(i + 3, n - 1)
                    x, y = signals[j, start + low : start + high], signals[k, start + low : start + high]
                    z0, z1 = by_flux[i, low:high], by_flux[i1, low:high]
                    z2, z3 = by_flux[i2, low:high], by_flux[i3, low:high]
                    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = by_flux.dtype.type(0)
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
def sparse_gradient(signals, start, by_flux, length, rows, columns, out, first, last):  # type: ignore[no-untyped-def]
    """out[e] = sum_k signals[rows[e], start + k] by_flux[columns[e], k] for edges ``first`` to ``last``."""
    for e in range(first, last):
        x, z = signals[rows[e], start : start + length], by_flux[columns[e], :length]
        total = by_flux.dtype.type(0)
        for m in range(length):
            total += x[m] * z[m]
        out[e] = total
