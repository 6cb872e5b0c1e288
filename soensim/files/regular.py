"""Bytes and text of a regular file: never of a device or a FIFO, which may have no end, and never more than a limit."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from soensim._runtime.words import shown_path

ErrorMaker = Callable[[str], Exception]
"""Makes the error to raise from its message: a subclass of SoensimError, or a function."""


@contextmanager
def open_regular(
    path: str | Path,
    *,
    limit_bytes: int,
    error: ErrorMaker,
    advice: str = "",
    what: str = "file",
    too_long: str = "",
) -> Iterator[BinaryIO]:
    """Open a regular file for reading; an `OSError` while it is open becomes a message too.

    Parameters
    ----------
    path
        The file.
    limit_bytes
        The longest file that is read.
    error
        Makes the error to raise from its message.
    advice
        Where to find or how to make a right file; said of a missing one.
    what
        What the file should be.
    too_long
        What to do about a file that is too long.

    Raises
    ------
    Exception
        What `error` makes: there is no such file; it is a directory, a device or a FIFO; it may not be read; it is too
        long.
    """
    name = shown_path(path)
    if "\0" in str(path):
        raise error(f"{name}: cannot be read: embedded null byte")
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise error(f"{name}: is a directory; give the path of one {what} in it")
        if not stat.S_ISREG(mode):  # before it is opened: a FIFO waits for its writer, /dev/zero has no end
            raise error(f"{name}: is a device or a pipe; write its content to a file, and give that")
        with Path(path).open("rb") as file:
            check_length(path, file.seek(0, 2), limit_bytes=limit_bytes, error=error, too_long=too_long)
            file.seek(0)
            yield file
    except FileNotFoundError as cause:
        raise error(f"{name}: no such file" + (f"; {advice}" if advice else "")) from cause
    except NotADirectoryError as cause:
        why = "a part of its path is a file and not a folder" + (f"; {advice}" if advice else "")
        raise error(f"{name}: cannot be read: {why}") from cause
    except OSError as cause:
        raise error(f"{name}: cannot be read: {cause.strerror or cause}") from cause


def check_length(path: str | Path, length: int, *, limit_bytes: int, error: ErrorMaker, too_long: str = "") -> None:
    """Raise the error of a file that is longer than its limit."""
    if length > limit_bytes:
        more = f"; {too_long}" if too_long else ""
        raise error(f"{shown_path(path)}: is longer than the limit of {limit_bytes} bytes{more}")


def read_bytes(
    path: str | Path,
    *,
    limit_bytes: int,
    error: ErrorMaker,
    advice: str = "",
    what: str = "file",
    too_long: str = "",
) -> bytes:
    """Read a regular file; parameters and errors are those of `open_regular`."""
    with open_regular(path, limit_bytes=limit_bytes, error=error, advice=advice, what=what, too_long=too_long) as file:
        length = os.fstat(file.fileno()).st_size
        content = file.read(min(length, limit_bytes) + 1)  # `read` takes the memory for all that it is asked for
    check_length(path, len(content), limit_bytes=limit_bytes, error=error, too_long=too_long)  # it may have grown
    return content


def read_text(
    path: str | Path,
    *,
    limit_bytes: int,
    error: ErrorMaker,
    advice: str = "",
    what: str = "file",
    too_long: str = "",
) -> str:
    """Read a regular file of UTF-8 text, with or without a byte order mark.

    Parameters and errors are those of `open_regular`; text of another encoding is an error that names the place.
    """
    content = read_bytes(
        path, limit_bytes=limit_bytes, error=error, advice=advice, what=what, too_long=too_long
    ).removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as cause:
        before = content[: cause.start]
        line, first = before.count(b"\n") + 1, before.rfind(b"\n") + 1
        column = len(before[first:].decode("utf-8")) + 1
        raise error(
            f"{shown_path(path)}:{line}:{column}: byte 0x{content[cause.start]:02x} is not UTF-8; "
            "save the file as UTF-8 text"
        ) from cause
