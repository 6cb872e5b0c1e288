"""A fault of soensim: one line for the user, and the traceback in a file for those who mend it."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("soensim", "numpy", "numba", "torch")
_LENGTH = 200


def report_fault(error: BaseException, arguments: Sequence[str]) -> str:
    """Write the traceback into a temporary file of the user alone, and say in one line what happened and where it is.

    Parameters
    ----------
    error
        What nobody expected.
    arguments
        Of the command.
    """
    try:
        where = f"the traceback is in {_write(error, arguments)}; please report it with that file"
    except OSError as reason:
        where = f"the traceback could not be written ({reason.strerror}); please report it with this line"
    return (
        f"fault: {_in_a_few_words(error)}; this is a fault of soensim {_version('soensim')}, not of your input: "
        f"{where}, the command and its inputs to those from whom you have soensim"
    )


def _in_a_few_words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if len(text) > _LENGTH:
        text = f"{text[:_LENGTH]} …"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "soensim" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{f' ({text})' if text else ''}{place}"


def _write(error: BaseException, arguments: Sequence[str]) -> str:
    descriptor, name = tempfile.mkstemp(prefix="soensim-fault-", suffix=".txt")  # mode 600
    lines = [
        f"command: {shlex.join([sys.argv[0], *arguments])}",
        f"python {platform.python_version()}, {platform.platform()}",
        *(f"{package} {_version(package)}" for package in _PACKAGES),
        "",
        *traceback.format_exception(error),
    ]
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines))
    return name


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
