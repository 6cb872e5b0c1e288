"""Slots: where runs are done, one at a time in each. The engine knows no more of them than this."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from soensim._runtime.exhausted import exhausted
from soensim.errors import SoensimError
from soensim.study.run import Measured

Work = Callable[[Mapping[str, Any]], Mapping[str, Measured]]
"""What is done for a run: its job in, what it measured out. A function of a module, so that it can be sent."""

_LENGTH = 400  # characters of an error in a table


class Reply(NamedTuple):
    """What a slot answers.

    Attributes
    ----------
    measures
        What was measured; empty after an error.
    error
        One line; None where there was none.
    traceback
        Of a fault of soensim, which nobody expected; else None.
    lost
        Whether the machine gave out (memory, disk, processes) or the process died, so that it may work another time.
    seconds
        Wall time.
    """

    measures: dict[str, Measured]
    error: str | None = None
    traceback: str | None = None
    lost: bool = False
    seconds: float = 0.0


class Ended(NamedTuple):
    """A run that a slot has ended.

    Attributes
    ----------
    key
        Of the run.
    reply
        What came out of it; None where its process did not even begin with it.
    attempts
        Number of attempts that this was: a cluster makes several on its own.
    """

    key: str
    reply: Reply | None
    attempts: int = 1


class Pool(Protocol):
    """Slots at work."""

    @property
    def count(self) -> int:
        """Number of runs that may be under way at a time; it may change."""
        ...

    def submit(self, key: str, job: Mapping[str, Any]) -> None:
        """Begin a run; the engine never has more than `count` under way when it calls this."""
        ...

    def wait(self, longest_s: float) -> Sequence[Ended]:
        """Return what has ended since the last call; where nothing has, wait for it, this long at most."""
        ...


class Slots(Protocol):
    """A number of slots that can be started."""

    def start(self, work: Work) -> AbstractContextManager[Pool]:
        """Make them ready to work; they end with the context, and break off what is under way."""
        ...


def perform(work: Work, job: Mapping[str, Any]) -> Reply:
    """Do a run in this process; whatever it raises becomes a reply, save what ends the process from outside."""
    started = time.perf_counter()
    try:
        reply = Reply({name: _finite(name, value) for name, value in work(job).items()})
    except (Exception, SystemExit) as error:  # one run must not end the study
        limit = _limit_behind(error)
        if limit is not None:
            reply = Reply({}, limit, lost=True)
        elif isinstance(error, SoensimError):
            reply = Reply({}, one_line(error.in_one_line))
        else:
            what = one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
            reply = Reply({}, what, "".join(traceback.format_exception(error)))
    return reply._replace(seconds=round(time.perf_counter() - started, 6))


def one_line(text: str) -> str:
    """Write a message as one line that is not too long for a table."""
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else f"{line[:_LENGTH]} …"


def _finite(name: str, value: Measured) -> Measured:
    """Return a measure as a plain number, which JSON can hold."""
    if value is None:
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise TypeError(f"measure {name!r} is {value!r} and no finite number")


def _limit_behind(error: BaseException) -> str | None:
    """Say which limit of the machine an error is about, or what it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        limit = exhausted(seen)
        if limit is not None:
            return limit
        seen = seen.__cause__
    return None
