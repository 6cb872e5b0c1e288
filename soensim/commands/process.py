"""The process of a command: what ends it early, and standard streams that are closed or break.

Nothing here happens when soensim is imported, only when it is started as a command. Few imports: a Ctrl-C before
`take_over` is answered by Python, with a traceback.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any
from weakref import WeakSet

from soensim._runtime.standard_streams import open_standard_streams

# New objects after which Python looks for garbage among them.
_NEW_OBJECTS = 50_000


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C, but not from the keyboard."""


class _State:
    """What the handler needs to know."""

    own = False
    stdout_closed = False
    begun = False
    told = False
    received: int | None = None


_state = _State()


def take_over() -> None:
    """Let Ctrl-C and SIGTERM end this process with one line, and let no closed stream receive or break a file."""
    _state.own = True
    # Loading makes a million objects, none of them garbage: the default, 700, spends a fifth of it on looking for some.
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`, or a job in the background
            signal.signal(number, _end)
    _state.stdout_closed = sys.stdout is None
    open_standard_streams()
    sys.stderr = _BestEffort(sys.stderr)


def standard_output_is_closed() -> bool:
    """Whether there was no standard output when the command was started."""
    return _state.stdout_closed


def begin() -> None:
    """Note that all is imported: from now on a signal is an exception, so that files are closed and removed."""
    _state.begun = True


def finish() -> None:
    """Note that all is done: from now on a signal ends the process without a word."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if _state.own and signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)


def received() -> int | None:
    """Return the signal that ends this process; None where there was none."""
    return _state.received


def tell_once() -> bool:
    """Whether the user has not yet been told that this process ends; from now on the user has."""
    told, _state.told = _state.told, _state.own
    return not told


def _end(number: int, _frame: FrameType | None) -> None:
    first, _state.received = _state.received is None, number
    if first and _state.begun:
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
    # Nothing is under way yet, or the user asks again. No file is ever half written, so this loses nothing.
    if tell_once():
        with suppress(OSError):
            os.write(2, b"soensim: terminated\n" if number == signal.SIGTERM else b"soensim: interrupted\n")
    os._exit(128 + number)


_silenced: WeakSet[Any] = WeakSet()


def silence(stream: Any) -> None:
    """Send what a stream has not yet written nowhere, after a write to it has failed."""
    _silenced.add(stream)
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError, AttributeError):  # it has no number
        pass


def is_silenced(stream: Any) -> bool:
    """Whether a write to a stream has failed before."""
    return stream in _silenced


class _BestEffort:
    """Standard error: when nobody can read it, the work goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            silence(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
