"""Moving a block between its place among all steps and the cache.

A step touches two or three lines of memory per neuron and array, each on another page, so that the processor does not
foresee them. Each move thus asks for the lines of the next step. In single runs on a busy machine (24 neurons) that
took the way forward from 5.3 to 4.6 ns per neuron and step at 128 rows and from 9.0 to 8.1 at 2048, where other runs
of the same code differed by as much.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_rows import ROWS
from soensim.kernels.vector_math import FLAGS

_LINE = 64  # bytes


@intrinsic
def _fetch(typingctx, line, place, write):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Ask for the ROWS numbers from line[place] on; the place may lie outside, since nothing is read."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        base = context.make_array(signature.args[0])(context, builder, args[0]).data
        integer, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, integer, integer, integer])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        size = signature.args[0].dtype.bitwidth // 8
        intent = ir.Constant(integer, int(write.literal_value))
        for first in range(0, ROWS, _LINE // size):
            element = builder.gep(base, [builder.add(args[1], ir.Constant(args[1].type, first))])
            address = builder.bitcast(element, byte)
            builder.call(prefetch, [address, intent, ir.Constant(integer, 2), ir.Constant(integer, 1)])
        return context.get_dummy_value()

    if not isinstance(write, types.BooleanLiteral):
        return None
    return types.void(line, types.intp, write), codegen


@njit(cache=True, error_model="numpy")
def load(source, at, width, ahead, group):  # type: ignore[no-untyped-def]
    """Read source[n, at : at + width] into group[b, n, r]; the next step will read ``ahead`` further."""
    for n in range(source.shape[0]):
        line = source[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                _fetch(line, low + ahead, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] = line[low + r]
            else:
                for r in range(rows):
                    group[b, n, r] = line[low + r]


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def load_drive(drive, at, first, width, rows, fixed, group):  # type: ignore[no-untyped-def]
    """As `load` from row ``first`` of the batch on, which repeats the rows drive[n, at : at + rows]; plus ``fixed``."""
    for n in range(drive.shape[0]):
        line = drive[n]
        for b in range(group.shape[0]):
            low, count = (first + b * ROWS) % rows, min(ROWS, width - b * ROWS)
            if low + ROWS <= rows and count == ROWS:
                _fetch(line, at + rows + low, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] = line[at + low + r] + fixed[b, n, r]
            else:
                for r in range(count):
                    group[b, n, r] = line[at + (low + r) % rows] + fixed[b, n, r]


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def add_load(source, at, width, ahead, group):  # type: ignore[no-untyped-def]
    """As `load`, but add to what is there."""
    for n in range(source.shape[0]):
        line = source[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                _fetch(line, low + ahead, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] += line[low + r]
            else:
                for r in range(rows):
                    group[b, n, r] += line[low + r]


@njit(cache=True, error_model="numpy")
def store(group, width, target, at, ahead):  # type: ignore[no-untyped-def]
    """Write group[b, n, r] to target[n, at : at + width]; the next step will write ``ahead`` further."""
    for n in range(target.shape[0]):
        line = target[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                for r in range(ROWS):
                    line[low + r] = group[b, n, r]
                _fetch(line, low + ahead, True)  # type: ignore[call-arg]
            else:
                for r in range(rows):
                    line[low + r] = group[b, n, r]


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def add_store(group, width, target, at):  # type: ignore[no-untyped-def]
    """Add group[b, n, r] to target[n, at : at + width]."""
    for n in range(target.shape[0]):
        line = target[n]
        for b in range(group.shape[0]):
            low = at + b * ROWS
            for r in range(min(ROWS, width - b * ROWS)):
                line[low + r] += group[b, n, r]
