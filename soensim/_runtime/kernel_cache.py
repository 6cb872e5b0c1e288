"""Compiled kernels, kept in the user's cache directory.

`njit` takes the place of `numba.njit`. With `cache=True` machine code goes into `kernels/` in the directory of
`cache_directory`, one file per kernel and argument types. numba's own cache writes beside the sources, keeps the code
of an old version when a constant of another file has changed, and cannot be shared by two installations.

The name of a file has a hash of all that the code depends on: the source texts (`source_stamp`), the argument types,
the processor, Python, numba, llvmlite and NumPy. So a file is never out of date: it is either right or not looked for.
A file begins with a hash of the rest; one that is truncated or damaged is compiled and written again. Files appear
under their name complete, so that any number of processes may share the directory.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config, types
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.cache_directory import cache_directory
from soensim._runtime.compile_notice import compilation_ends, compilation_starts
from soensim._runtime.source_stamp import source_stamp
from soensim.errors import SoensimError

_SUFFIX = ".kernel"
#: A file that no process has used for this long is removed, and the least recently used ones beyond this size.
UNUSED_DAYS, MAX_BYTES = 90, 512 * 2**20
_DAY_S = 86400.0
# Settings of numba (NUMBA_OPT, …) that change the code of a kernel whose source is the same.
_SETTINGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "USING_SVML")
# A function that does not state these takes them from the caller that it is first compiled for (inherit_if_not_set in
# numba/core/cpu.py): its bits would depend on which kernel a machine compiled first.
_STATED = {"fastmath": False, "error_model": "python", "forceinline": False}


def njit(function: Callable[..., Any] | None = None, *, cache: bool = False, **options: Any) -> Any:
    """Compile a function as `numba.njit` does; `cache=True` keeps the code in soensim's cache directory.

    Parameters
    ----------
    function
        What to compile; without it a decorator is returned.
    cache
        Whether to keep the code. The function must take nothing from an enclosing function.
    options
        Options of `numba.njit`, such as `error_model`; those of `_STATED` never come from a caller.

    Raises
    ------
    TypeError
        `cache=True` for a function that takes values from an enclosing function: they are in no source text.
    """
    if function is None:
        return partial(njit, cache=cache, **options)
    dispatcher = numba.njit(function, **{**_STATED, **options})
    if cache and isinstance(dispatcher, Dispatcher):  # with NUMBA_DISABLE_JIT it is the function
        if function.__closure__:
            outer = ", ".join(function.__code__.co_freevars)
            raise TypeError(
                f"{function.__qualname__}: takes {outer} from an enclosing function, so its code cannot be kept; "
                "pass it as an argument, or leave out cache=True"
            )
        dispatcher._cache = KernelCache(function)  # type: ignore[attr-defined]
    return dispatcher


class KernelCache:
    """Stored code of one function, by argument types: what `numba.core.caching.FunctionCache` is to numba's own cache.

    Parameters
    ----------
    function
        The Python function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._file = Path(function.__code__.co_filename).absolute()
        self._flushed = False

    @property
    def cache_path(self) -> str | None:
        """Directory of the files."""
        directory = cache_directory()
        return None if directory is None else str(directory / "kernels")

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the stored code for these argument types; None where it must be compiled."""
        target.refresh()
        path = self._path(signature, target.codegen())
        stored = None if path is None else _read(path, signature)
        if stored is None:
            compilation_starts()
            return None
        return CompileResult._rebuild(target, *stored)  # type: ignore[no-untyped-call]

    def save_overload(self, signature: Any, result: Any) -> None:
        """Store code that was just compiled."""
        compilation_ends()
        path = self._path(signature, result.codegen)
        if path is None or result.library.has_dynamic_globals:  # addresses of this process
            return
        content = dumps((signature, result._reduce()))  # type: ignore[no-untyped-call]
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # machine code: nobody else may put some there
            write_atomic(path, hashlib.sha256(content).digest() + content)
        except (OSError, SoensimError) as error:
            _warn_once(f"{path.parent}: {error.__cause__ or error}")
        else:
            _prune_once(path.parent)

    def flush(self) -> None:
        """Keep nothing from now on: `recompile` is for a function whose globals were changed in this process."""
        self._flushed = True

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        """Path of the file for these argument types; None where code cannot be kept."""
        directory = cache_directory()
        code = self._function.__code__
        stamp = source_stamp(self._file)
        if directory is None:
            _warn_once("there is no home directory")
        if directory is None or stamp is None or self._flushed:
            return None
        parts = [
            stamp,
            self._function.__module__,
            code.co_firstlineno,
            code.co_code,
            str(signature),
            list(_fields(signature)),
            codegen.magic_tuple(),  # target, processor and its features
            sys.version_info[:2],
            [module.__version__ for module in (numba, llvmlite, np)],
            [getattr(config, name, None) for name in _SETTINGS],
            _STATED,
        ]
        key = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
        name = f"{self._function.__module__}.{self._function.__qualname__}".replace("<", "").replace(">", "")
        return directory / "kernels" / f"{name}-{key}{_SUFFIX}"


def _fields(kind: Any) -> Iterator[tuple[str, ...]]:
    """Field names of the named tuples among argument types, which a type's own text does not have."""
    if isinstance(kind, types.NamedTuple | types.NamedUniTuple):
        yield (kind.instance_class.__qualname__, *kind.fields)
    for part in kind if isinstance(kind, tuple) else getattr(kind, "types", ()):
        yield from _fields(part)


def _read(path: Path, signature: Any) -> Any:
    """Content of a file; None where there is none, or it is damaged or for other argument types."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    try:
        stored, code = pickle.loads(content[32:])  # noqa: S301 - the user's own cache directory
    except (ImportError, AttributeError):  # an argument's class has moved
        return None
    if stored != signature:
        return None
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _DAY_S:
            os.utime(path)  # used: see `prune`
    return code


def prune(directory: Path, now: float) -> None:
    """Remove files that were not used for `UNUSED_DAYS`, and the least recently used ones beyond `MAX_BYTES`.

    Parameters
    ----------
    directory
        With the files of all kernels.
    now
        Time in seconds since 1970.
    """
    files = []
    for path in directory.iterdir():
        with suppress(OSError):  # another process has removed it
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = 0
    for used, size, path in sorted(files, reverse=True):
        total += size
        if total > MAX_BYTES or now - used > UNUSED_DAYS * _DAY_S:
            with suppress(OSError):
                path.unlink()


_done: set[str] = set()


def _prune_once(directory: Path) -> None:
    if "prune" not in _done:
        _done.add("prune")
        prune(directory, time.time())


def _warn_once(reason: str) -> None:
    if "warn" not in _done:
        _done.add("warn")
        warnings.warn(
            f"compiled kernels cannot be kept ({reason}): every process compiles them again; "
            "set SOENSIM_CACHE to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
