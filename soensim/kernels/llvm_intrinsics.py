"""The vector instructions of the kernels: numba intrinsics that emit LLVM's instructions, each with a plain form.

LLVM's own vectoriser does not find these loops: it keeps too few sums in registers, and does not foresee accesses that
jump from page to page. The plain forms compute the same, more slowly. They take the place of the intrinsics
(`INTRINSICS` is False) where numba does not compile (NUMBA_DISABLE_JIT), and where the installed llvmlite does not
accept the instructions: they are emitted into an empty module first, which LLVM verifies.

Arrays are contiguous. Every place and every step between places counts elements from the start of an array.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from soensim.kernels.emitter import (
    INT32,
    LINE,
    PAIR,
    PAIRS,
    TILE,
    VECTOR,
    WIDE,
    Emitter,
    emit_edge_gradients,
    emit_edges,
    emit_pair_products,
    emit_prefetch,
    emit_three_cubics,
    emit_three_surfaces,
    emit_tile_of_dots,
    emit_transposed_tile,
)
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import inlined


def _accepted() -> bool:
    """Whether LLVM accepts all instructions, for both precisions."""
    try:
        for number, size in ((ir.FloatType(), 4), (ir.DoubleType(), 8)):
            module = ir.Module()
            array, index = number.as_pointer(), ir.IntType(64)
            kinds = [array, array, array, INT32.as_pointer(), index.as_pointer(), *[index] * 5]
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "probe")
            builder = ir.IRBuilder(function.append_basic_block())
            emit, (x, y, z, places, wide, *k) = Emitter(builder, number, size), function.args
            emit_prefetch(emit, x, k[0], write=True)
            emit_pair_products(emit, x, y, z, k[:3], k[3], PAIRS)
            emit_tile_of_dots(emit, x, y, z, k[:2], k[2:4], k[4])
            emit_edges(emit, x, wide, y, z, k[:3], k[3])
            emit_edge_gradients(emit, (wide, x, y, z), k[:4], k[4], x, y)
            emit_transposed_tile(emit, x, y, *k[:3])
            emit_three_cubics(emit, x, places, y, *k[:2])
            emit_three_surfaces(emit, x, places, y, k[:3], k[3])
            builder.ret_void()
            llvm.parse_assembly(str(module)).verify()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return True


#: Whether the intrinsics are used, and not their plain forms.
INTRINSICS: bool = not config.DISABLE_JIT and _accepted()  # type: ignore[attr-defined]


def _opened(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Return an emitter for numbers of the first array, and where the numbers of every array start."""
    arrays = [(kind, value) for kind, value in zip(signature.args, args, strict=True) if isinstance(kind, types.Array)]
    starts = [context.make_array(kind)(context, builder, value).data for kind, value in arrays]
    number = arrays[0][0].dtype
    return Emitter(builder, context.get_data_type(number), number.bitwidth // 8), *starts


def _opened_for(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """As `_opened` for numbers of the second array, where the first has whole ones."""
    _, *starts = _opened(context, builder, signature, args)
    kind = signature.args[1].dtype
    return Emitter(builder, context.get_data_type(kind), kind.bitwidth // 8), starts


def _members(builder: Any, values: Any, count: int) -> list[Any]:
    return [builder.extract_value(values, k) for k in range(count)]


@intrinsic
def _prefetch(typingctx, line, place, write):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, own = _opened(context, builder, signature, args)
        emit_prefetch(emit, own, args[1], write=write.literal_value)
        return context.get_dummy_value()

    return (types.void(line, types.intp, write), codegen) if isinstance(write, types.BooleanLiteral) else None


@inlined
def plain_prefetch(line, place, write):  # type: ignore[no-untyped-def]
    """Ask for the ROWS numbers from line[place] on, to read or write them; the place may lie outside the array."""


@intrinsic
def _add_pair_product(typingctx, packed, signals, out, places, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _pair_products(packed, signals, out, 1)


@intrinsic
def _add_pair_products(typingctx, packed, signals, out, places, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _pair_products(packed, signals, out, PAIRS)


def _pair_products(packed: Any, signals: Any, out: Any, pairs: int) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, weights, inputs, sums = _opened(context, builder, signature, args)
        emit_pair_products(emit, weights, inputs, sums, _members(builder, args[3], 3), args[4], pairs)
        return context.get_dummy_value()

    three = types.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]
    return types.void(packed, signals, out, three, types.intp), codegen


@inlined
def plain_add_pair_product(packed, signals, out, places, count):  # type: ignore[no-untyped-def]
    """out[row + a ROWS + r] += sum_j packed[at + 2 j + a] signals[first + j ROWS + r], j < count, a = 0 and 1.

    ``places`` are at, first and row; r goes over LINE bytes, or over ROWS.
    """
    at, first, row = places
    own, to = signals.reshape(-1), out.reshape(-1)
    for j in range(count):
        for a in range(PAIR):
            weight = packed[at + PAIR * j + a]
            for r in range(min(ROWS, LINE // packed.itemsize)):
                to[row + a * ROWS + r] += weight * own[first + j * ROWS + r]


@inlined
def plain_add_pair_products(packed, signals, out, places, count):  # type: ignore[no-untyped-def]
    """`add_pair_product` of PAIRS pairs, which follow each other in ``packed`` and in ``out``."""
    at, first, row = places
    for pair in range(PAIRS):
        own = at + pair * count * PAIR, first, row + pair * PAIR * ROWS
        plain_add_pair_product(packed, signals, out, own, count)


@intrinsic
def _wide_vectors(typingctx):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        if WIDE:  # no attribute that llvmlite knows, so that its own `add` refuses it
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), codegen


@inlined
def plain_wide_vectors():  # type: ignore[no-untyped-def]
    """Let LLVM take the widest vectors for the loops of the function that calls this; results are the same.

    Of that function alone: numba optimises each before it becomes part of its callers.
    """


@intrinsic
def _tile_of_dots(typingctx, x, z, out, places, steps, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, steps = (_members(builder, args[k], 2) for k in (3, 4))
        emit, left, right, sums = _opened(context, builder, signature, args)
        emit_tile_of_dots(emit, left, right, sums, at, steps, args[5])
        return context.get_dummy_value()

    two = types.UniTuple(types.intp, 2)  # type: ignore[no-untyped-call]
    return types.void(x, z, out, two, two, types.intp), codegen


@inlined
def plain_tile_of_dots(x, z, out, places, steps, count):  # type: ignore[no-untyped-def]
    """out[A b + a] = sum_k,r x[x_at + k x_step + a ROWS + r] z[z_at + k z_step + b ROWS + r]; k < count.

    A, B = TILE; a < A, b < B. ``places`` are x_at and z_at, ``steps`` x_step and z_step.
    """
    own, other = x.reshape(-1), z.reshape(-1)
    for a in range(TILE[0]):
        for b in range(TILE[1]):
            total = out.dtype.type(0)
            for k in range(count):
                at, to = places[0] + k * steps[0] + a * ROWS, places[1] + k * steps[1] + b * ROWS
                for r in range(ROWS):
                    total += own[at + r] * other[to + r]
            out[TILE[0] * b + a] = total


@intrinsic
def _add_edges(typingctx, values, places, signals, out, at, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, *arrays = _opened(context, builder, signature, args)
        values, places, signals, out = arrays
        emit_edges(emit, values, places, signals, out, _members(builder, args[4], 3), args[5])
        return context.get_dummy_value()

    three = types.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]
    return types.void(values, places, signals, out, three, types.intp), codegen


@inlined
def plain_add_edges(values, places, signals, out, at, count):  # type: ignore[no-untyped-def]
    """out[row + r] += sum_e values[e] signals[base + places[e] + r], first <= e < first + count, r < ROWS.

    ``at`` are first, base and row.
    """
    first, base, row = at
    own, to = signals.reshape(-1), out.reshape(-1)
    for e in range(first, first + count):
        for r in range(ROWS):
            to[row + r] += values[e] * own[base + places[e] + r]


@intrinsic
def _edge_gradients(typingctx, places, gradients, signals, out, at, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, arrays = _opened_for(context, builder, signature, args)
        emit_edge_gradients(emit, arrays, _members(builder, args[4], 3), args[5])
        return context.get_dummy_value()

    three = types.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]
    return types.void(places, gradients, signals, out, three, types.intp), codegen


@intrinsic
def _edges_back(typingctx, places, gradients, signals, out, values, adjoint, at, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, arrays = _opened_for(context, builder, signature, args)
        emit_edge_gradients(emit, arrays[:4], _members(builder, args[6], 4), args[7], *arrays[4:])
        return context.get_dummy_value()

    four = types.UniTuple(types.intp, 4)  # type: ignore[no-untyped-call]
    return types.void(places, gradients, signals, out, values, adjoint, four, types.intp), codegen


@inlined
def plain_edges_back(places, gradients, signals, out, values, adjoint, at, count):  # type: ignore[no-untyped-def]
    """`edge_gradients`; and adjoint[own + r] += sum_e values[e] gradients[base + places[e] + r].

    ``at`` are first, base, row and own.
    """
    plain_add_edges(values, places, gradients, adjoint, (at[0], at[1], at[3]), count)
    plain_edge_gradients(places, gradients, signals, out, (at[0], at[1], at[2]), count)


@inlined
def plain_edge_gradients(places, gradients, signals, out, at, count):  # type: ignore[no-untyped-def]
    """out[e] += sum_r gradients[base + places[e] + r] signals[row + r], first <= e < first + count, r < ROWS.

    ``at`` are first, base and row.
    """
    first, base, row = at
    own, other = signals.reshape(-1), gradients.reshape(-1)
    for e in range(first, first + count):
        total = out.dtype.type(0)
        for r in range(ROWS):
            total += other[base + places[e] + r] * own[row + r]
        out[e] += total


@intrinsic
def _transpose_tile(typingctx, signals, out, at, step, out_at):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, rows, columns = _opened(context, builder, signature, args)
        emit_transposed_tile(emit, rows, columns, *args[2:])
        return context.get_dummy_value()

    return types.void(signals, out, types.intp, types.intp, types.intp), codegen


@inlined
def plain_transpose_tile(signals, out, at, step, out_at):  # type: ignore[no-untyped-def]
    """out[out_at + j ROWS + i] = signals[at + i step + j], i and j < numbers in VECTOR bytes."""
    own, to = signals.reshape(-1), out.reshape(-1)
    lanes = VECTOR // signals.itemsize
    for j in range(lanes):
        for i in range(lanes):
            to[out_at + j * ROWS + i] = own[at + i * step + j]


@intrinsic
def _three_cubics(typingctx, table, places, numbers, r, to):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, table, places, numbers = _opened(context, builder, signature, args)
        emit_three_cubics(emit, table, places, numbers, args[3], args[4])
        return context.get_dummy_value()

    return types.void(table, places, numbers, types.intp, types.intp), codegen


@inlined
def plain_three_cubics(table, places, numbers, r, to):  # type: ignore[no-untyped-def]
    """numbers[to + k ROWS + j] = sum_m table[places[j], m, k] numbers[r + j]^m, j < ROWS, k < 3, m < 4."""
    for j in range(ROWS):
        own, at = table[places[j]], numbers[r + j]
        for k in range(3):
            numbers[to + k * ROWS + j] = own[0, k] + at * (own[1, k] + at * (own[2, k] + at * own[3, k]))


@intrinsic
def _three_surfaces(typingctx, table, places, numbers, at, to):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, table, places, numbers = _opened(context, builder, signature, args)
        emit_three_surfaces(emit, table, places, numbers, _members(builder, args[3], 3), args[4])
        return context.get_dummy_value()

    three = types.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]
    return types.void(table, places, numbers, three, types.intp), codegen


@inlined
def plain_three_surfaces(table, places, numbers, at, to):  # type: ignore[no-untyped-def]
    """numbers[to + k ROWS + j] = table[., ., k] at node places[j], and numbers[q + j], numbers[r + j] beyond it; k < 3.

    Bilinear; ``at`` are q, r and the nodes of a row.
    """
    for j in range(ROWS):
        a, b = divmod(places[j], at[2])
        q, r = numbers[at[0] + j], numbers[at[1] + j]
        for k in range(3):
            low = table[a, b, k] + q * (table[a, b + 1, k] - table[a, b, k])
            high = table[a + 1, b, k] + q * (table[a + 1, b + 1, k] - table[a + 1, b, k])
            numbers[to + k * ROWS + j] = low + r * (high - low)


prefetch = _prefetch if INTRINSICS else plain_prefetch
add_pair_product = _add_pair_product if INTRINSICS else plain_add_pair_product
add_pair_products = _add_pair_products if INTRINSICS else plain_add_pair_products
wide_vectors: Any = _wide_vectors if INTRINSICS else plain_wide_vectors
tile_of_dots = _tile_of_dots if INTRINSICS else plain_tile_of_dots
add_edges: Any = _add_edges if INTRINSICS else plain_add_edges
edges_back: Any = _edges_back if INTRINSICS else plain_edges_back
edge_gradients: Any = _edge_gradients if INTRINSICS else plain_edge_gradients
transpose_tile = _transpose_tile if INTRINSICS else plain_transpose_tile
three_cubics = _three_cubics if INTRINSICS else plain_three_cubics
three_surfaces = _three_surfaces if INTRINSICS else plain_three_surfaces
