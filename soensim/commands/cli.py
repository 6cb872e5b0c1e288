"""What all commands share: exit status, and how an error reaches the user."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.exhausted import exhausted
from soensim._runtime.slow_notice import slow_notices
from soensim._runtime.standard_streams import printable, reader_has_left
from soensim.commands import process
from soensim.commands.environment import own_environment
from soensim.commands.fault import report_fault
from soensim.commands.outputs import STANDARD_OUTPUT
from soensim.errors import SoensimError

Main = Callable[[Sequence[str]], int]

DONE, ANSWER_IS_NO, BAD_INPUT, FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def run(main: Main, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; no exception leaves it.

    Returns
    -------
    int
        0 done, 1 the answer is no, 2 bad input with one message, 3 a fault of soensim, 130 interrupted, 143 terminated.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if process.standard_output_is_closed():
        tell("error: standard output is closed, where the answer goes; send it to a file or to /dev/null")
        return BAD_INPUT
    status = _attempt(main, given)
    try:
        _to_standard_output(sys.stdout.flush)
    except SoensimError as error:
        tell(f"error: {error}")
        return BAD_INPUT
    return status


def _attempt(main: Main, arguments: Sequence[str]) -> int:
    try:
        with own_environment(tell), slow_notices(tell):
            return main(arguments)
    except SystemExit as error:  # --help
        return error.code if isinstance(error.code, int) else DONE
    except SoensimError as error:
        tell(f"error: {error}")
        return BAD_INPUT
    except KeyboardInterrupt as error:
        return _ended(isinstance(error, process.Terminated), *getattr(error, "__notes__", ()))
    except Exception as error:  # the one place that may: whatever it is, the user gets a line and no traceback
        if process.received() is not None:  # raised by what a signal broke off
            return _ended(process.received() == signal.SIGTERM)
        limit = exhausted(error)
        if limit is not None:
            tell(f"error: {limit}")
            return BAD_INPUT
        tell(report_fault(error, arguments))
        return FAULT


def _ended(terminated: bool, *notes: str) -> int:
    if process.tell_once():
        tell("; ".join(["terminated" if terminated else "interrupted", *notes]))
    return TERMINATED if terminated else INTERRUPTED


def say(text: str) -> None:
    """Print a line of the answer on standard output; nothing where the reader of a pipe has seen enough.

    Raises
    ------
    SoensimError
        It cannot be written to.
    """
    _to_standard_output(lambda: print(printable(text, sys.stdout)))  # noqa: T201


def _to_standard_output(write: Callable[[], None]) -> bool:
    """Write, and return whether somebody reads it."""
    try:
        write()
    except BrokenPipeError:
        process.silence(sys.stdout)
        return False
    except OSError as error:
        process.silence(sys.stdout)
        raise SoensimError(f"standard output cannot be written: {error.strerror}") from error
    return True


def show() -> bool:
    """Send what was said to its reader now; return whether there is one.

    Raises
    ------
    SoensimError
        It cannot be written to.
    """
    written = _to_standard_output(sys.stdout.flush)
    return written and not process.is_silenced(sys.stdout) and not reader_has_left(sys.stdout)


def tell(text: str) -> None:
    """Print a line beside the answer, on standard error; on a terminal in place of a progress bar."""
    clear = "\r\x1b[2K" if sys.stderr.isatty() else ""
    with suppress(OSError):  # nobody can read it
        print(printable(f"{clear}soensim: {_escaped(text)}", sys.stderr), file=sys.stderr)  # noqa: T201


def _escaped(text: str) -> str:
    """Spell out control characters, which names of files may have."""
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_json(target: str | None, content: Any, *, ensure_ascii: bool = True) -> None:
    """Write JSON to a file, or to standard output if the target is ``-``; None: nowhere."""
    if target is None:
        return
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=ensure_ascii)
    if target == STANDARD_OUTPUT:
        say(text)
    else:
        write_atomic(target, text + "\n")


def command_line(verb: str, arguments: Sequence[str]) -> str:
    """Write the command as one would type it."""
    return shlex.join(["python", "-m", f"soensim.{verb}", *arguments])
