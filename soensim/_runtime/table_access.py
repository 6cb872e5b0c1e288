"""Loads from read-only tables that LLVM may gather: its vectoriser has to know that no store of a loop reaches a table.

numba tells LLVM nothing about which arrays overlap. A loop that looks up a table and stores its results then runs
element by element, since the table's bounds are not among the loop's addresses. `table_load` marks a load as one from a
table, and `own_load` and `own_store` mark what is none (metadata `alias.scope` and `noalias` of LLVM).

Arrays are contiguous. Places count elements from their start, and are not checked.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from soensim._runtime.kernel_cache import njit


def _address(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


def _tables(module: Any) -> Any:
    """Return the scope of all tables; one that is named is the same in every function."""
    domain = module.add_metadata([ir.MetaDataString(module, "soensim")])
    return module.add_metadata([module.add_metadata([ir.MetaDataString(module, "soensim tables"), domain])])


def _load(mark: str) -> Any:
    @intrinsic
    def load(typingctx, array, place):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = builder.load(_address(context, builder, signature.args[0], *args))
            value.set_metadata(mark, _tables(builder.module))
            return value

        return array.dtype(array, types.intp), codegen

    return load


@intrinsic
def _own_store(typingctx, array, place, value):  # type: ignore[no-untyped-def]  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store = builder.store(args[2], _address(context, builder, signature.args[0], args[0], args[1]))
        store.set_metadata("noalias", _tables(builder.module))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@njit(forceinline=True)
def plain_load(array, place):  # type: ignore[no-untyped-def]
    """array.reshape(-1)[place]."""
    return array.reshape(-1)[place]


@njit(forceinline=True)
def plain_store(array, place, value):  # type: ignore[no-untyped-def]
    """array.reshape(-1)[place] = value."""
    array.reshape(-1)[place] = value


_COMPILED: bool = not config.DISABLE_JIT  # type: ignore[attr-defined]

#: From an array that nothing is stored to while the kernel runs.
table_load = _load("alias.scope") if _COMPILED else plain_load
#: From and to an array that is none of the tables.
own_load = _load("noalias") if _COMPILED else plain_load
own_store = _own_store if _COMPILED else plain_store
