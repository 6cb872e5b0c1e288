"""What a command expects of the process and the machine, and how it says so where that is not there."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from soensim._runtime.standard_streams import open_standard_streams
from soensim._runtime.working_folder import NO_WORKING_FOLDER, working_folder_exists
from soensim.errors import SoensimError

# What a limit of the process or the machine looks like, and what the user can do about it.
_LIMITS = {
    errno.EMFILE: "too many files are open; raise the limit: ulimit -n 1024",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is not enough memory; raise the limit (ulimit -v), or use a machine with more",
    errno.EAGAIN: "no more processes or threads can be started; raise the limit (ulimit -u), or use fewer threads",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
}
_TEXTS = {
    "Too many open files": errno.EMFILE,
    "failed to map segment": errno.ENOMEM,
    "cannot allocate memory": errno.ENOMEM,
    "can't start new thread": errno.EAGAIN,
}


@contextmanager
def own_environment(tell: Callable[[str], None]) -> Iterator[None]:
    """Run a command with all standard streams open, and with warnings as one line each.

    Warnings stay warnings whatever PYTHONWARNINGS says: an error of some package's import would end the command.

    Parameters
    ----------
    tell
        Shows a line.

    Raises
    ------
    SoensimError
        `NUMBA_NUM_THREADS` is a number below 1, with which numba fails.
    """

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        lines = str(message).splitlines()
        tell(f"warning: {lines[0] if lines else type(message).__name__}")

    open_standard_streams()
    with warnings.catch_warnings():
        if sys.warnoptions:
            warnings.resetwarnings()
            warnings.simplefilter("default")
            for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", kind)
        warnings.showwarning = show
        _check_threads()
        yield


def _check_threads() -> None:
    text = os.environ.get("NUMBA_NUM_THREADS")
    try:
        count = 1 if text is None else int(text)
    except ValueError:  # numba warns, and takes its default
        return
    if count < 1:
        raise SoensimError(f"NUMBA_NUM_THREADS={text} in the environment: must be 1 or more; set it so, or unset it")


def exhausted(error: BaseException) -> str | None:
    """Say which limit of the process or the machine, or which lack, an error is about; None: about none.

    A library that finds no file, memory or thread left may raise ImportError or RuntimeError instead of OSError.
    """
    if isinstance(error, FileNotFoundError) and not working_folder_exists():  # a package that asks for it when imported
        return NO_WORKING_FOLDER
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, ImportError | RuntimeError | OSError):
        number = next((number for text, number in _TEXTS.items() if text in str(error)), None)
    return None if number is None else _LIMITS.get(number)
