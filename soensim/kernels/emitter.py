"""Emits the vector instructions of the kernels' intrinsics (`soensim.kernels.llvm_intrinsics`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils

from soensim.kernels.memory_layout import ROWS

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
#: Rows of x and of z in a tile of `tile_of_dots`, and its sums: half of the vector registers, or more.
TILE = (4, 8) if _FEATURES.get("avx512f") else (3, 4)
SUMS = TILE[0] * TILE[1]
#: Tables that lie side by side, as many as a vector of float64 has numbers; the last is to fill it.
TABLES = 4

INT32 = ir.IntType(32)


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
        single = self.builder.insert_element(nothing, number, ir.Constant(INT32, 0))
        everywhere = ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(single, nothing, everywhere)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Compute a b + c; one instruction, where the machine has it."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def transposed(self, tile: list[Any]) -> list[Any]:
        """Transpose as many vectors as each has numbers."""
        lanes = len(tile)
        mask = ir.VectorType(INT32, lanes)
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
            even, odd = (ir.Constant(ir.VectorType(INT32, lanes), list(range(k, 2 * lanes, 2))) for k in (0, 1))
            pairs = [vectors * 2] if single else zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [
                self.builder.fadd(*(self.builder.shuffle_vector(*pair, k) for k in (even, odd))) for pair in pairs
            ]
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

    def halves(self, value: Any) -> list[Any]:
        """Return the first and the last half of a vector's numbers."""
        half = value.type.count // 2
        masks = (ir.Constant(ir.VectorType(INT32, half), list(range(k, k + half))) for k in (0, half))
        return [self.builder.shuffle_vector(value, value, mask) for mask in masks]

    def zeros(self, vector: Any) -> Any:
        """Vector of zeros."""
        return ir.Constant(vector, [0.0] * vector.count)

    def sums(self, vector: Any, count: int) -> list[Any]:
        """Return vectors on the stack; LLVM keeps them in registers."""
        return [cgutils.alloca_once(self.builder, vector) for _ in range(count)]  # type: ignore[no-untyped-call]

    def add_product(self, a: Any, b: Any, total: Any) -> None:
        """Add a b to a sum on the stack; one instruction, where the machine has it."""
        self.builder.store(self.fused(a, b, self.builder.load(total)), total)


def emit_prefetch(emit: Emitter, line: Any, place: Any, *, write: bool) -> None:
    """Ask for the lines of ROWS numbers."""
    builder, byte = emit.builder, ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
    for first in range(0, ROWS, 64 // emit.size):  # a line of the cache has 64 bytes
        address = emit.address(line, emit.shifted(place, first), ir.IntType(8))
        builder.call(prefetch, [address, ir.Constant(INT32, int(write)), ir.Constant(INT32, 2), ir.Constant(INT32, 1)])


def emit_pair_products(
    emit: Emitter, packed: Any, signals: Any, out: Any, places: Any, count: Any, pairs: int = 1
) -> None:
    """Add products of ``pairs`` pairs of rows of efficacies with signals."""
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


def emit_tile_of_dots(emit: Emitter, x: Any, z: Any, out: Any, at: Any, steps: Any, count: Any) -> None:
    """Compute the products of some rows of x with some of z, over all steps.

    Each is summed up in the places of a vector of VECTOR bytes. Where registers are wider, one holds those of two rows
    of x.
    """
    builder, vector = emit.builder, emit.vector(VECTOR)
    together = TILE[0] // 2 if TILE[0] % 2 == 0 else TILE[0]  # registers of x
    wide = ir.VectorType(emit.number, vector.count * (TILE[0] // together))
    both = ir.Constant(ir.VectorType(INT32, wide.count), list(range(wide.count)))
    twice = ir.Constant(ir.VectorType(INT32, wide.count), [k % vector.count for k in range(wide.count)])
    totals = emit.sums(wide, together * TILE[1])
    for total in totals:
        builder.store(emit.zeros(wide), total)
    with cgutils.for_range(builder, count) as loop:
        x_row, z_row = (emit.stepped(a, loop.index, step) for a, step in zip(at, steps, strict=True))
        for r in range(0, ROWS, vector.count):
            rows = [emit.load(x, emit.shifted(x_row, a * ROWS + r), vector) for a in range(TILE[0])]
            if together < TILE[0]:
                rows = [builder.shuffle_vector(a, b, both) for a, b in zip(rows[::2], rows[1::2], strict=True)]
            for b in range(TILE[1]):
                other = emit.load(z, emit.shifted(z_row, b * ROWS + r), vector)
                other = builder.shuffle_vector(other, other, twice) if together < TILE[0] else other
                for a, own in enumerate(rows):
                    emit.add_product(own, other, totals[together * b + a])
    kind = ir.FunctionType(emit.number, [emit.number, vector])
    name = f"llvm.vector.reduce.fadd.v{vector.count}f{8 * emit.size}"
    add = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    for k, total in enumerate(totals):
        found = builder.load(total)
        for part, single in enumerate(emit.halves(found) if together < TILE[0] else [found]):
            a, b = (k % together) * (TILE[0] // together) + part, k // together
            number = builder.call(add, [ir.Constant(emit.number, -0.0), single], fastmath=("reassoc",))
            builder.store(number, builder.gep(out, [ir.Constant(count.type, TILE[0] * b + a)]))


def emit_edges(emit: Emitter, values: Any, places: Any, signals: Any, out: Any, at: Any, count: Any) -> None:
    """Add what edges bring to a neuron."""
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


def emit_edge_gradients(
    emit: Emitter, arrays: Any, at: Any, count: Any, values: Any = None, adjoint: Any = None
) -> None:
    """Add to gradients of edges; with ``values`` (efficacies) and ``adjoint`` also what reaches the signal."""
    places, gradients, signals, out = arrays
    first, base, row, *own_row = at
    builder, vector = emit.builder, emit.vector(ROWS * emit.size)
    own = emit.halves(emit.load(signals, row, vector))
    totals = emit.sums(vector, 2) if own_row else []
    if own_row:
        builder.store(emit.load(adjoint, own_row[0], vector), totals[0])
        builder.store(emit.zeros(vector), totals[1])

    def products(edge: Any, which: int) -> Any:
        other = emit.load(gradients, builder.add(base, builder.load(builder.gep(places, [edge]))), vector)
        if own_row:
            emit.add_product(emit.spread(values, edge, vector), other, totals[which % 2])
        low, high = emit.halves(other)
        return emit.fused(own[1], high, builder.fmul(own[0], low))

    def add_sums(edge: Any, together: int) -> None:
        sums = emit.summed([products(emit.shifted(edge, k), k) for k in range(together)])
        emit.store(builder.fadd(emit.load(out, edge, sums.type), sums), out, edge)

    many = ir.Constant(count.type, TOGETHER)
    with cgutils.for_range(builder, builder.sdiv(count, many)) as loop:
        add_sums(emit.stepped(first, loop.index, TOGETHER), TOGETHER)
    done = builder.mul(builder.sdiv(count, many), many)
    with cgutils.for_range(builder, builder.sub(count, done)) as loop:
        add_sums(builder.add(builder.add(first, done), loop.index), 1)
    if own_row:
        emit.store(builder.fadd(*(builder.load(total) for total in totals)), adjoint, own_row[0])


def emit_transposed_tile(emit: Emitter, signals: Any, out: Any, at: Any, step: Any, out_at: Any) -> None:
    """Transpose a tile of as many rows as a vector has numbers."""
    vector = emit.vector(VECTOR)
    tile = emit.transposed([emit.load(signals, emit.stepped(at, step, i), vector) for i in range(vector.count)])
    for j, row in enumerate(tile):
        emit.store(row, out, emit.shifted(out_at, j * ROWS))


def emit_three(emit: Emitter, places: Any, numbers: Any, to: Any, value_of: Callable[[Any, Any], Any]) -> None:
    """Store ``value_of(place, row)`` of every row, a vector over the tables, table by table."""
    builder = emit.builder
    with cgutils.for_range(builder, ir.Constant(to.type, ROWS // TABLES)) as loop:
        first = builder.mul(loop.index, ir.Constant(to.type, TABLES))
        rows = [emit.shifted(first, j) for j in range(TABLES)]
        tile = [value_of(builder.sext(builder.load(builder.gep(places, [row])), to.type), row) for row in rows]
        for k, values in enumerate(emit.transposed(tile)[:3]):
            emit.store(values, numbers, builder.add(emit.shifted(to, k * ROWS), first))


def emit_three_cubics(emit: Emitter, table: Any, places: Any, numbers: Any, r: Any, to: Any) -> None:
    """Evaluate the cubics of three tables, row by row."""
    builder, vector = emit.builder, ir.VectorType(emit.number, TABLES)

    def value_of(place: Any, row: Any) -> Any:
        at = builder.mul(place, ir.Constant(to.type, 4 * TABLES))
        own = emit.spread(numbers, builder.add(r, row), vector)
        *low, value = (emit.load(table, emit.shifted(at, power * TABLES), vector) for power in range(4))
        for coefficient in reversed(low):
            value = emit.fused(own, value, coefficient)
        return value

    emit_three(emit, places, numbers, to, value_of)


def emit_three_surfaces(emit: Emitter, table: Any, places: Any, numbers: Any, at: Any, to: Any) -> None:
    """Interpolate in three tables, row by row."""
    builder, vector = emit.builder, ir.VectorType(emit.number, TABLES)

    def value_of(place: Any, row: Any) -> Any:
        q, r = (emit.spread(numbers, builder.add(own, row), vector) for own in at[:2])

        def line(node: Any) -> Any:
            own = builder.mul(node, ir.Constant(to.type, TABLES))
            start, end = emit.load(table, own, vector), emit.load(table, emit.shifted(own, TABLES), vector)
            return emit.fused(q, builder.fsub(end, start), start)

        low, high = line(place), line(builder.add(place, at[2]))
        return emit.fused(r, builder.fsub(high, low), low)

    emit_three(emit, places, numbers, to, value_of)
