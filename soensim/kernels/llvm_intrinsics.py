"""The vector instructions of the kernels: numba intrinsics that emit LLVM's instructions, each with a plain form.

LLVM's own vectoriser does not find these loops: it keeps too few sums in registers, and does not foresee accesses that
jump from page to page. The plain forms compute the same, more slowly. They take the place of the intrinsics
(`INTRINSICS` is False) where numba does not compile (NUMBA_DISABLE_JIT), and where the installed llvmlite does not
accept the instructions: they are emitted into an empty module first, which LLVM verifies.

Arrays are contiguous. Every place and every step between places counts elements from the start of an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import inlined

#: Rows of efficacies of one `add_pair_product`.
PAIR = 2
#: Bytes that it takes of every row of signals, at most: its sums fill half of the vector registers.
_FEATURES = llvm.get_host_cpu_features()
LINE = 256 if _FEATURES.get("avx512f") else 128
#: Pairs of efficacies' rows that one `add_pair_products` takes, in float32: their sums fill half of the registers.
PAIRS = 4 if _FEATURES.get("avx512f") else 1
#: Whether loops take the widest vectors. LLVM takes half of them on processors with AVX-512, since the first of these
#: lowered their clock for the others; those with VBMI2 (Ice Lake and later) hardly do.
WIDE = bool(_FEATURES.get("avx512vbmi2"))
#: Bytes of a vector register.
VECTOR = 32
#: Edges whose gradients one pass of `edge_gradients` sums up together.
TOGETHER = 8
#: Sums of one `twelve_dots`.
SUMS = 12
#: Tables that lie side by side, as many as a vector of float64 has numbers; the last is to fill it.
TABLES = 4

_INT32 = ir.IntType(32)


class Emitter:
    """Emits instructions on numbers of one type, and on vectors of them."""

    def __init__(self, builder: Any, number: Any, size: int) -> None:
        self.builder, self.number, self.size = builder, number, size

    def vector(self, size: int) -> Any:
        """Type of the vector of ``size`` bytes."""
        return ir.VectorType(self.number, size // self.size)

    def shifted(self, index: Any, by: int) -> Any:
        """Index ``by`` elements further on."""
        return self.builder.add(index, ir.Constant(index.type, by))

    def spread(self, base: Any, index: Any, vector: Any) -> Any:
        """Load a number into all places of a vector."""
        return self.filled(self.builder.load(self.builder.gep(base, [index])), vector)

    def filled(self, number: Any, vector: Any) -> Any:
        """Put a number into all places of a vector."""
        nothing = ir.Constant(vector, ir.Undefined)
        single = self.builder.insert_element(nothing, number, ir.Constant(_INT32, 0))
        everywhere = ir.Constant(ir.VectorType(_INT32, vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(single, nothing, everywhere)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Compute a b + c; one instruction, where the machine has it."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def transposed(self, tile: list[Any]) -> list[Any]:
        """Transpose as many vectors as each has numbers."""
        lanes = len(tile)
        mask = ir.VectorType(_INT32, lanes)
        # riffle the numbers of the upper half of the tile into those of the lower, log2(lanes) times
        low, high = (
            ir.Constant(mask, [k for i in range(first, first + lanes // 2) for k in (i, lanes + i)])
            for first in (0, lanes // 2)
        )
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(tile[: lanes // 2], tile[lanes // 2 :], strict=True)
            tile = [self.builder.shuffle_vector(a, b, half) for a, b in pairs for half in (low, high)]
        return tile

    def summed(self, vectors: list[Any]) -> Any:
        """Sum up the numbers of each of so many vectors, a power of two: one vector, with a sum of each."""
        wanted = len(vectors)
        while len(vectors) > 1 or vectors[0].type.count > wanted:
            single = len(vectors) == 1
            lanes = vectors[0].type.count // (2 if single else 1)
            even, odd = (ir.Constant(ir.VectorType(_INT32, lanes), list(range(k, 2 * lanes, 2))) for k in (0, 1))
            pairs = [vectors * 2] if single else zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [self.builder.fadd(*(self.builder.shuffle_vector(*pair, k) for k in (even, odd))) for pair in pairs]
        return vectors[0]

    def stepped(self, index: Any, count: Any, step: Any) -> Any:
        """Index ``count`` steps further on; one of the two may be an integer."""
        step = ir.Constant(index.type, step) if isinstance(step, int) else step
        return self.builder.add(index, self.builder.mul(count, step))

    def address(self, base: Any, index: Any, kind: Any) -> Any:
        """Address of element ``index`` of an array, where something of the type ``kind`` lies."""
        return self.builder.bitcast(self.builder.gep(base, [index]), kind.as_pointer())

    def load(self, base: Any, index: Any, vector: Any) -> Any:
        """Load a vector; it need not be aligned."""
        return self.builder.load(self.address(base, index, vector), align=self.size)

    def store(self, value: Any, base: Any, index: Any) -> None:
        """Store a vector; its place need not be aligned."""
        self.builder.store(value, self.address(base, index, value.type), align=self.size)

    def zeros(self, vector: Any) -> Any:
        """Vector of zeros."""
        return ir.Constant(vector, [0.0] * vector.count)

    def sums(self, vector: Any, count: int) -> list[Any]:
        """Return vectors on the stack; LLVM keeps them in registers."""
        return [cgutils.alloca_once(self.builder, vector) for _ in range(count)]  # type: ignore[no-untyped-call]

    def add_product(self, a: Any, b: Any, total: Any) -> None:
        """Add a b to a sum on the stack; one instruction, where the machine has it."""
        self.builder.store(self.fused(a, b, self.builder.load(total)), total)


def _emit_prefetch(emit: Emitter, line: Any, place: Any, *, write: bool) -> None:
    builder, byte = emit.builder, ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32])
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
    for first in range(0, ROWS, 64 // emit.size):  # a line of the cache has 64 bytes
        address = emit.address(line, emit.shifted(place, first), ir.IntType(8))
        builder.call(
            prefetch, [address, ir.Constant(_INT32, int(write)), ir.Constant(_INT32, 2), ir.Constant(_INT32, 1)]
        )


def _emit_pair_products(
    emit: Emitter, packed: Any, signals: Any, out: Any, places: Any, count: Any, pairs: int = 1
) -> None:
    at, first, row = places
    builder, vector = emit.builder, emit.vector(min(LINE, ROWS * emit.size))
    rows = [emit.shifted(row, a * ROWS) for a in range(PAIR * pairs)]
    totals = emit.sums(vector, PAIR * pairs)
    for place, total in zip(rows, totals, strict=True):
        builder.store(emit.load(out, place, vector), total)
    starts = [emit.stepped(at, count, PAIR * pair) for pair in range(pairs)]
    with cgutils.for_range(builder, count) as loop:
        signal = emit.load(signals, emit.stepped(first, loop.index, ROWS), vector)
        bases = [emit.stepped(start, loop.index, PAIR) for start in starts]
        for a, total in enumerate(totals):
            weight = emit.spread(packed, emit.shifted(bases[a // PAIR], a % PAIR), vector)
            emit.add_product(weight, signal, total)
    for place, total in zip(rows, totals, strict=True):
        emit.store(builder.load(total), out, place)


def _emit_twelve_dots(emit: Emitter, x: Any, z: Any, out: Any, at: Any, steps: Any, count: Any) -> None:
    builder, vector = emit.builder, emit.vector(VECTOR)
    totals = emit.sums(vector, SUMS)
    for total in totals:
        builder.store(ir.Constant(vector, [0.0] * vector.count), total)
    with cgutils.for_range(builder, count) as loop:
        x_row, z_row = (emit.stepped(a, loop.index, step) for a, step in zip(at, steps, strict=True))
        for r in range(0, ROWS, vector.count):
            own = [emit.load(x, emit.shifted(x_row, a * ROWS + r), vector) for a in range(3)]
            for b in range(4):
                other = emit.load(z, emit.shifted(z_row, b * ROWS + r), vector)
                for a in range(3):
                    emit.add_product(own[a], other, totals[4 * a + b])
    kind = ir.FunctionType(emit.number, [emit.number, vector])
    name = f"llvm.vector.reduce.fadd.v{vector.count}f{8 * emit.size}"
    add = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    for k, total in enumerate(totals):
        single = builder.call(add, [ir.Constant(emit.number, -0.0), builder.load(total)], fastmath=("reassoc",))
        builder.store(single, builder.gep(out, [ir.Constant(count.type, k)]))


def _emit_edges(emit: Emitter, values: Any, places: Any, signals: Any, out: Any, at: Any, count: Any) -> None:
    first, base, row = at
    builder, vector = emit.builder, emit.vector(ROWS * emit.size)
    totals = emit.sums(vector, 2)  # so that a sum need not wait for the one before it
    builder.store(emit.load(out, row, vector), totals[0])
    builder.store(emit.zeros(vector), totals[1])

    def add(edge: Any, total: Any) -> None:
        place = builder.add(base, builder.load(builder.gep(places, [edge])))
        emit.add_product(emit.spread(values, edge, vector), emit.load(signals, place, vector), total)

    two = ir.Constant(count.type, 2)
    with cgutils.for_range(builder, builder.sdiv(count, two)) as loop:
        edge = emit.stepped(first, loop.index, 2)
        for k, total in enumerate(totals):
            add(emit.shifted(edge, k), total)
    with builder.if_then(cgutils.is_not_null(builder, builder.srem(count, two))):  # type: ignore[no-untyped-call]
        add(builder.add(first, emit.shifted(count, -1)), totals[0])
    emit.store(builder.fadd(builder.load(totals[0]), builder.load(totals[1])), out, row)


def _emit_edge_gradients(
    emit: Emitter, arrays: Any, at: Any, count: Any, values: Any = None, adjoint: Any = None
) -> None:
    """Add to gradients of edges; with ``values`` (efficacies) and ``adjoint`` also what reaches the signal."""
    places, gradients, signals, out = arrays
    first, base, row, *own_row = at
    builder, vector = emit.builder, emit.vector(ROWS * emit.size)
    half = vector.count // 2
    halves = [ir.Constant(ir.VectorType(_INT32, half), list(range(k, k + half))) for k in (0, half)]
    own = [builder.shuffle_vector(whole, whole, part) for whole in [emit.load(signals, row, vector)] for part in halves]
    totals = emit.sums(vector, 2) if own_row else []
    for total, start in zip(totals, (emit.load(adjoint, own_row[0], vector), emit.zeros(vector)) if own_row else ()):
        builder.store(start, total)

    def products(edge: Any, which: int) -> Any:
        other = emit.load(gradients, builder.add(base, builder.load(builder.gep(places, [edge]))), vector)
        if own_row:
            emit.add_product(emit.spread(values, edge, vector), other, totals[which % 2])
        low, high = (builder.shuffle_vector(other, other, part) for part in halves)
        return emit.fused(own[1], high, builder.fmul(own[0], low))

    def add_to_out(edge: Any, sums: Any) -> None:
        emit.store(builder.fadd(emit.load(out, edge, sums.type), sums), out, edge)

    many = ir.Constant(count.type, TOGETHER)
    with cgutils.for_range(builder, builder.sdiv(count, many)) as loop:
        edge = emit.stepped(first, loop.index, TOGETHER)
        add_to_out(edge, emit.summed([products(emit.shifted(edge, k), k) for k in range(TOGETHER)]))
    done = builder.mul(builder.sdiv(count, many), many)
    with cgutils.for_range(builder, builder.sub(count, done)) as loop:
        edge = builder.add(builder.add(first, done), loop.index)
        add_to_out(edge, emit.summed([products(edge, 0)]))
    if own_row:
        emit.store(builder.fadd(*(builder.load(total) for total in totals)), adjoint, own_row[0])


def _emit_transposed_tile(emit: Emitter, signals: Any, out: Any, at: Any, step: Any, out_at: Any) -> None:
    vector = emit.vector(VECTOR)
    tile = emit.transposed([emit.load(signals, emit.stepped(at, step, i), vector) for i in range(vector.count)])
    for j, row in enumerate(tile):
        emit.store(row, out, emit.shifted(out_at, j * ROWS))


def _emit_three(emit: Emitter, places: Any, numbers: Any, to: Any, value_of: Callable[[Any, Any], Any]) -> None:
    """Store ``value_of(place, row)`` of every row, a vector over the tables, table by table."""
    builder = emit.builder
    with cgutils.for_range(builder, ir.Constant(to.type, ROWS // TABLES)) as loop:
        first = builder.mul(loop.index, ir.Constant(to.type, TABLES))
        rows = [emit.shifted(first, j) for j in range(TABLES)]
        tile = [value_of(builder.sext(builder.load(builder.gep(places, [row])), to.type), row) for row in rows]
        for k, values in enumerate(emit.transposed(tile)[:3]):
            emit.store(values, numbers, builder.add(emit.shifted(to, k * ROWS), first))


def _emit_three_cubics(emit: Emitter, table: Any, places: Any, numbers: Any, r: Any, to: Any) -> None:
    builder, vector = emit.builder, ir.VectorType(emit.number, TABLES)

    def value_of(place: Any, row: Any) -> Any:
        at = builder.mul(place, ir.Constant(to.type, 4 * TABLES))
        own = emit.spread(numbers, builder.add(r, row), vector)
        *low, value = (emit.load(table, emit.shifted(at, power * TABLES), vector) for power in range(4))
        for coefficient in reversed(low):
            value = emit.fused(own, value, coefficient)
        return value

    _emit_three(emit, places, numbers, to, value_of)


def _emit_three_surfaces(emit: Emitter, table: Any, places: Any, numbers: Any, at: Any, to: Any) -> None:
    builder, vector = emit.builder, ir.VectorType(emit.number, TABLES)

    def value_of(place: Any, row: Any) -> Any:
        q, r = (emit.spread(numbers, builder.add(own, row), vector) for own in at[:2])

        def line(node: Any) -> Any:
            own = builder.mul(node, ir.Constant(to.type, TABLES))
            start, end = emit.load(table, own, vector), emit.load(table, emit.shifted(own, TABLES), vector)
            return emit.fused(q, builder.fsub(end, start), start)

        low, high = line(place), line(builder.add(place, at[2]))
        return emit.fused(r, builder.fsub(high, low), low)

    _emit_three(emit, places, numbers, to, value_of)


def _accepted() -> bool:
    """Whether LLVM accepts all instructions, for both precisions."""
    try:
        for number, size in ((ir.FloatType(), 4), (ir.DoubleType(), 8)):
            module = ir.Module()
            array, index = number.as_pointer(), ir.IntType(64)
            kinds = [array, array, array, _INT32.as_pointer(), index.as_pointer(), *[index] * 5]
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "probe")
            builder = ir.IRBuilder(function.append_basic_block())
            emit, (x, y, z, places, wide, *k) = Emitter(builder, number, size), function.args
            _emit_prefetch(emit, x, k[0], write=True)
            _emit_pair_products(emit, x, y, z, k[:3], k[3], PAIRS)
            _emit_twelve_dots(emit, x, y, z, k[:2], k[2:4], k[4])
            _emit_edges(emit, x, wide, y, z, k[:3], k[3])
            _emit_edge_gradients(emit, (wide, x, y, z), k[:4], k[4], x, y)
            _emit_transposed_tile(emit, x, y, *k[:3])
            _emit_three_cubics(emit, x, places, y, *k[:2])
            _emit_three_surfaces(emit, x, places, y, k[:3], k[3])
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
    """As `_opened`, where the first array has whole numbers and the second those to compute with; one tuple of arrays."""
    emit, *starts = _opened(context, builder, signature, args)
    kind = signature.args[1].dtype
    return Emitter(builder, context.get_data_type(kind), kind.bitwidth // 8), starts


def _members(builder: Any, values: Any, count: int) -> list[Any]:
    return [builder.extract_value(values, k) for k in range(count)]


@intrinsic
def _prefetch(typingctx, line, place, write):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, own = _opened(context, builder, signature, args)
        _emit_prefetch(emit, own, args[1], write=write.literal_value)
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
        _emit_pair_products(emit, weights, inputs, sums, _members(builder, args[3], 3), args[4], pairs)
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
def _twelve_dots(typingctx, x, z, out, places, steps, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, steps = (_members(builder, args[k], 2) for k in (3, 4))
        emit, left, right, sums = _opened(context, builder, signature, args)
        _emit_twelve_dots(emit, left, right, sums, at, steps, args[5])
        return context.get_dummy_value()

    two = types.UniTuple(types.intp, 2)  # type: ignore[no-untyped-call]
    return types.void(x, z, out, two, two, types.intp), codegen


@inlined
def plain_twelve_dots(x, z, out, places, steps, count):  # type: ignore[no-untyped-def]
    """out[4 a + b] = sum_k,r x[x_at + k x_step + a ROWS + r] z[z_at + k z_step + b ROWS + r], a < 3, b < 4, k < count.

    ``places`` are x_at and z_at, ``steps`` x_step and z_step.
    """
    own, other = x.reshape(-1), z.reshape(-1)
    for a in range(3):
        for b in range(4):
            total = out.dtype.type(0)
            for k in range(count):
                at, to = places[0] + k * steps[0] + a * ROWS, places[1] + k * steps[1] + b * ROWS
                for r in range(ROWS):
                    total += own[at + r] * other[to + r]
            out[4 * a + b] = total


@intrinsic
def _add_edges(typingctx, values, places, signals, out, at, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, *arrays = _opened(context, builder, signature, args)
        _emit_edges(emit, *arrays, _members(builder, args[4], 3), args[5])
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
        _emit_edge_gradients(emit, arrays, _members(builder, args[4], 3), args[5])
        return context.get_dummy_value()

    three = types.UniTuple(types.intp, 3)  # type: ignore[no-untyped-call]
    return types.void(places, gradients, signals, out, three, types.intp), codegen


@intrinsic
def _edges_back(typingctx, places, gradients, signals, out, values, adjoint, at, count):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit, arrays = _opened_for(context, builder, signature, args)
        _emit_edge_gradients(emit, arrays[:4], _members(builder, args[6], 4), args[7], *arrays[4:])
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
        _emit_transposed_tile(emit, rows, columns, *args[2:])
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
        _emit_three_cubics(emit, table, places, numbers, args[3], args[4])
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
        _emit_three_surfaces(emit, table, places, numbers, _members(builder, args[3], 3), args[4])
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
wide_vectors = _wide_vectors if INTRINSICS else plain_wide_vectors
twelve_dots = _twelve_dots if INTRINSICS else plain_twelve_dots
add_edges = _add_edges if INTRINSICS else plain_add_edges
edges_back = _edges_back if INTRINSICS else plain_edges_back
edge_gradients = _edge_gradients if INTRINSICS else plain_edge_gradients
transpose_tile = _transpose_tile if INTRINSICS else plain_transpose_tile
three_cubics = _three_cubics if INTRINSICS else plain_three_cubics
three_surfaces = _three_surfaces if INTRINSICS else plain_three_surfaces
