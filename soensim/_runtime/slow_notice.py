"""Tell the user of a command what is under way, where it takes long and nothing else is seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str], None]


class _Listener:
    """Who is told; nobody where soensim is used from Python."""

    tell: Tell | None = None


@contextmanager
def slow_notices(tell: Tell) -> Iterator[None]:
    """Let `notice` tell its lines, without their ends, to a function such as `soensim.commands.cli.tell`."""
    before, _Listener.tell = _Listener.tell, tell
    try:
        yield
    finally:
        _Listener.tell = before


def notice(text: str) -> None:
    """Tell what begins now and about how long it takes."""
    if _Listener.tell is not None:
        _Listener.tell(text)
