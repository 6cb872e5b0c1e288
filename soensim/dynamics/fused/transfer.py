"""Moving a block between its place among all steps and the cache.

A step touches two or three lines of memory per neuron and array, each on another page, so that the processor does not
foresee them: waiting for them took as long as the step itself. Each move therefore asks for the lines of the next step.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from soensim.dynamics.fused.block import ROWS
from soensim.dynamics.fused.elementary import FLAGS

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
            builder.call(prefetch, [address, intent, ir.Constant(integer, 3), ir.Constant(integer, 1)])
        return context.get_dummy_value()

    if not isinstance(write, types.BooleanLiteral):
        return None
    return types.void(line, types.intp, write), codegen


@njit(cache=True, error_model="numpy")
def load(source, at, low, rows, ahead, block):  # type: ignore[no-untyped-def]
    """block[n, :rows] = source[n, at, low : low + rows]; the next step will read ``ahead`` steps further."""
    away = ahead * source.shape[2] + low
    for n in range(source.shape[0]):
        line = source[n, at]
        _fetch(line, away, False)  # type: ignore[call-arg]
        for r in range(rows):
            block[n, r] = line[low + r]


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def load_drive(drive, at, low, rows, offset, block):  # type: ignore[no-untyped-def]
    """block[n, :rows] = drive[n, at, low : low + rows] + offset[n]; the next step will read one further."""
    away = drive.shape[2] + low
    for n in range(drive.shape[0]):
        line, fixed = drive[n, at], offset[n]
        _fetch(line, away, False)  # type: ignore[call-arg]
        for r in range(rows):
            block[n, r] = line[low + r] + fixed


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def add_load(source, at, low, rows, ahead, block):  # type: ignore[no-untyped-def]
    """As `load`, but block[n, :rows] += source[n, at, low : low + rows]."""
    away = ahead * source.shape[2] + low
    for n in range(source.shape[0]):
        line = source[n, at]
        _fetch(line, away, False)  # type: ignore[call-arg]
        for r in range(rows):
            block[n, r] += line[low + r]


@njit(cache=True, error_model="numpy")
def store(block, rows, target, at, low, ahead):  # type: ignore[no-untyped-def]
    """target[n, at, low : low + rows] = block[n, :rows]; the next step will write ``ahead`` steps further."""
    away = ahead * target.shape[2] + low
    for n in range(target.shape[0]):
        line = target[n, at]
        for r in range(rows):
            line[low + r] = block[n, r]
        _fetch(line, away, True)  # type: ignore[call-arg]


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def add_store(block, rows, target, at, low):  # type: ignore[no-untyped-def]
    """target[n, at, low : low + rows] += block[n, :rows]."""
    for n in range(target.shape[0]):
        line = target[n, at]
        for r in range(rows):
            line[low + r] += block[n, r]


@njit(cache=True, error_model="numpy")
def copy(block, count, target):  # type: ignore[no-untyped-def]
    """target[:count] = block[:count]."""
    for n in range(count):
        for r in range(ROWS):
            target[n, r] = block[n, r]
