"""What a command expects of the process and the machine, and how it says so where that is not there."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from soensim._runtime.standard_streams import open_standard_streams
from soensim.errors import SoensimError


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
