"""Tell the user of a command that it waits for the compiler, and how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Notice:
    """What is told, to whom, and the time of the compilations of one command."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] | None = None
        self.expected = ""
        self.reset()

    def reset(self) -> None:
        self.depth = 0  # a kernel compiles the kernels that it calls
        self.started = 0.0
        self.seconds = 0.0
        self.told = self.reported = False


_notice = _Notice()


@contextmanager
def compile_notice(tell: Callable[[str], None], expected: str) -> Iterator[None]:
    """Tell when the first kernel must be compiled, and the time that all took; nothing where all are in the cache.

    Parameters
    ----------
    tell
        Takes a line without its end, such as `soensim.commands.cli.tell`.
    expected
        How long it takes, such as "30 s".
    """
    _notice.reset()
    _notice.tell, _notice.expected = tell, expected
    try:
        yield
    finally:
        report_compile_time()
        _notice.tell = None


def report_compile_time() -> None:
    """Tell the time that the kernels took, once; for where a command knows that all of them are compiled."""
    if _notice.tell is not None and _notice.told and not _notice.reported and not _notice.depth:
        _notice.reported = True
        _notice.tell(f"kernels compiled in {_notice.seconds:.0f} s")


def compilation_starts() -> None:
    """Note that a kernel is not in the cache; only the kernel cache calls this, under numba's compiler lock."""
    if _notice.tell is not None and not _notice.told:
        _notice.told = True
        _notice.tell(f"compiling kernels, about {_notice.expected}, once per machine …")
    if not _notice.depth:
        _notice.started = time.perf_counter()
    _notice.depth += 1


def compilation_ends() -> None:
    """Note that a kernel is compiled."""
    _notice.depth = max(_notice.depth - 1, 0)
    if not _notice.depth:
        _notice.seconds += time.perf_counter() - _notice.started
