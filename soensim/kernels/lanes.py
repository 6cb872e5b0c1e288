"""Functions of numbers, written once, as instructions on vectors.

A function such as `soensim.kernels.squid_functions.smooth_slopes` is several chains of dependent operations. LLVM's
vectoriser takes one vector of rows through all of them and then the next, so that a processor waits for each result.
Here the function is called in Python, with `Lanes` in the place of numbers: every operation emits one instruction for
each of two vectors, whose chains lie side by side. The operations and their flags are those that numba gives, so that
results are the same.

What such a function takes from its module are other such functions, `pick`, the names of `_Numpy` and `_Math`, and
numbers; it has no branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

from soensim.kernels.emitter import WIDE, Emitter
from soensim.kernels.llvm_intrinsics import INTRINSICS
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import (
    FLAGS,
    exp_down,
    exp_down_float32,
    log1p_unit,
    log1p_unit_float32,
    pick,
    power_of_two,
    tanh,
    tanh_float32,
)

#: Whether vectors of 64 bytes are taken, and this is worth it: with fewer registers the two chains do not fit.
LANES: bool = WIDE and INTRINSICS
_BYTES = 64  # of a vector
_PARTS = 2  # vectors that go through a function side by side
_FLAGS = tuple(sorted(FLAGS))
_INT32 = ir.IntType(32)


class Lanes:
    """The numbers of some rows, as vectors; a result of an operation is emitted at once."""

    __array_ufunc__ = None  # numpy's numbers leave operations to this class

    def __init__(self, builder: Any, parts: Sequence[Any]) -> None:
        self.builder, self.parts = builder, parts

    def _each(self, operation: Callable[..., Any], *others: Any, flags: tuple[str, ...] = _FLAGS) -> Lanes:
        rows = zip(self.parts, *(self.like(other).parts for other in others), strict=True)
        return Lanes(self.builder, [operation(*row, flags=flags) for row in rows])

    def like(self, other: Any) -> Lanes:
        """Return a number in all lanes; lanes as they are."""
        if isinstance(other, Lanes):
            return other
        kind = self.parts[0].type
        return Lanes(self.builder, [ir.Constant(kind, [float(other)] * kind.count)] * len(self.parts))

    def call(self, name: str) -> Lanes:
        """Apply an intrinsic of LLVM."""
        kind = self.parts[0].type
        bits = 32 if isinstance(kind.element, ir.FloatType) else 64
        full = f"llvm.{name}.v{kind.count}f{bits}"
        function = cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(kind, [kind]), full)  # type: ignore[no-untyped-call]
        return Lanes(self.builder, [self.builder.call(function, [part]) for part in self.parts])

    def __add__(self, other: Any) -> Lanes:
        return self._each(self.builder.fadd, other)

    def __radd__(self, other: Any) -> Lanes:
        return self.like(other) + self

    def __sub__(self, other: Any) -> Lanes:
        return self._each(self.builder.fsub, other)

    def __rsub__(self, other: Any) -> Lanes:
        return self.like(other) - self

    def __mul__(self, other: Any) -> Lanes:
        return self._each(self.builder.fmul, other)

    def __rmul__(self, other: Any) -> Lanes:
        return self.like(other) * self

    def __truediv__(self, other: Any) -> Lanes:
        return self._each(self.builder.fdiv, other)

    def __neg__(self) -> Lanes:
        return Lanes(self.builder, [self.builder.fneg(part, flags=_FLAGS) for part in self.parts])

    def __abs__(self) -> Lanes:
        return self.call("fabs")

    def __lt__(self, other: Any) -> Lanes:
        return self._compared("<", other)

    def __le__(self, other: Any) -> Lanes:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> Lanes:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> Lanes:
        return self._compared(">=", other)

    def _compared(self, sign: str, other: Any) -> Lanes:
        rows = zip(self.parts, self.like(other).parts, strict=True)
        return Lanes(self.builder, [self.builder.fcmp_ordered(sign, a, b, flags=_FLAGS) for a, b in rows])

    def power_of_two(self) -> Lanes:
        """Compute 2^k of whole numbers k, in float32."""
        builder, kind = self.builder, self.parts[0].type
        whole = ir.VectorType(_INT32, kind.count)
        bias, shift = (ir.Constant(whole, [number] * kind.count) for number in (127, 23))
        bits = (builder.shl(builder.add(builder.fptosi(part, whole), bias), shift) for part in self.parts)
        return Lanes(builder, [builder.bitcast(own, kind) for own in bits])


def _pick(condition: Lanes, yes: Any, no: Any) -> Lanes:
    like = yes if isinstance(yes, Lanes) else no
    rows = zip(condition.parts, like.like(yes).parts, like.like(no).parts, strict=True)
    return Lanes(like.builder, [like.builder.select(*row) for row in rows])


class _Functions:
    """What modules of numpy's and Python's mathematics have, for lanes."""

    rint = staticmethod(lambda x: x.call("rint"))
    floor = staticmethod(lambda x: x.call("floor"))
    sqrt = staticmethod(lambda x: x.call("sqrt"))


def on_lanes(function: Any) -> Callable[..., Any]:
    """Return a function as it is, with what it calls replaced by the same on `Lanes`."""
    own = getattr(function, "py_func", function)
    names = {name: _on_lanes(own.__globals__[name]) for name in own.__code__.co_names if name in own.__globals__}
    return FunctionType(own.__code__, {**own.__globals__, **names}, own.__name__, own.__defaults__, own.__closure__)


def _on_lanes(value: Any) -> Any:
    if value is pick:
        return _pick
    if value is power_of_two:
        return Lanes.power_of_two
    for name, own in ((exp_down, exp_down_float32), (log1p_unit, log1p_unit_float32), (tanh, tanh_float32)):
        if value is name:
            return on_lanes(own)
    if value is np or getattr(value, "__name__", "") == "math":
        return _Functions
    return on_lanes(value) if isinstance(value, Dispatcher) else value


def on_rows(function: Callable[..., Any], read: int) -> Any:
    """Make an intrinsic ``rows(arrays, places, form, numbers)`` of a function of numbers.

    It calls function(*rows of the first ``read`` arrays, form, *numbers) for ROWS numbers of each array from its place
    on (one for all, or a tuple), and writes what it returns into the other arrays, at theirs; ``form`` and ``numbers``
    are the same for all rows. What is written must not be what another row reads.
    """
    traced = on_lanes(function)

    @intrinsic
    def rows(typingctx, arrays, places, form, numbers):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = arrays[0].dtype
            emit = Emitter(builder, context.get_data_type(kind), kind.bitwidth // 8)
            vector = emit.vector(_BYTES)
            fixed = [_spread(emit, args[k], signature.args[k], vector) for k in (2, 3)]
            count = range(len(arrays))
            members = [builder.extract_value(args[0], j) for j in count]
            at = [args[1] if common else builder.extract_value(args[1], j) for j in count]
            starts = [context.make_array(own)(context, builder, a).data for own, a in zip(arrays, members, strict=True)]
            for first in range(0, ROWS, _PARTS * vector.count):
                parts = [first + part * vector.count for part in range(_PARTS)]
                own = [[emit.shifted(place, part) for part in parts] for place in at]
                given = zip(starts[:read], own, strict=False)
                loaded = [Lanes(builder, [emit.load(start, place, vector) for place in lane]) for start, lane in given]
                found = traced(*loaded, fixed[0], *fixed[1])
                for start, lane, lanes in zip(starts[read:], own[read:], found, strict=True):
                    for part, place in zip(lanes.parts, lane, strict=True):
                        emit.store(part, start, place)
            return context.get_dummy_value()

        common = isinstance(places, types.Integer)
        of_each = types.intp if common else types.UniTuple(types.intp, len(arrays))  # type: ignore[no-untyped-call]
        return types.void(arrays, of_each, form, numbers), codegen

    return rows


def _spread(emit: Emitter, value: Any, kind: Any, vector: Any) -> Any:
    """Put a number, or each of a tuple's, into all lanes; tuples keep their names."""
    if not isinstance(kind, types.BaseTuple):
        return Lanes(emit.builder, [emit.filled(value, vector)] * _PARTS)
    members = (emit.builder.extract_value(value, k) for k in range(len(kind)))
    spread = [_spread(emit, member, own, vector) for member, own in zip(members, kind.types, strict=True)]  # type: ignore[attr-defined]
    named = getattr(kind, "instance_class", None)
    return tuple(spread) if named is None else named(*spread)
