"""Writing files so that a reader, or an interrupted run, never sees half of one.

A file is written under a temporary name in its folder, then renamed. The writer holds a lock on the temporary file
until then, and the operating system lifts the lock when the process ends, however it ends. So the next write into the
folder can tell what a killed process left behind, and removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soensim._runtime.words import shown_path
from soensim._runtime.working_folder import NO_WORKING_FOLDER, working_folder_exists
from soensim.errors import SoensimError

_PREFIX, _SUFFIX = ".soensim-", ".tmp"
_ATTEMPTS = 5


def write_atomic(path: str | Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write ``content`` under a temporary name in the same folder, then rename.

    The target of a link is replaced and not the link, and a file that is replaced keeps its mode. A character device,
    such as /dev/null, and a pipe are written into; sockets and disks are refused.

    Parameters
    ----------
    path
        Where to.
    content
        Bytes, or text, which is written as UTF-8.
    durable
        Wait until the content is on the disk before the old file is given up: for what a loss of power must not take.

    Raises
    ------
    SoensimError
        The file cannot be written: the message says why. What was there before is still there.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with _one_error(path):
        target = _file_to_replace(path)
        if target is None:
            with open(os.open(path, os.O_WRONLY), "wb") as file:  # noqa: PTH123 - nothing is made or truncated
                file.write(data)
        else:
            _replace(target, data, durable)


def check_target(path: str | Path) -> None:
    """Refuse what `write_atomic` could not write; nothing is changed.

    Raises
    ------
    SoensimError
        As `write_atomic` would, as far as that can be known before.
    """
    with _one_error(path):
        target = _file_to_replace(path)
        if target is not None:
            _probe(target.parent)
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def check_folder(path: str | Path) -> None:
    """Refuse a folder that can neither be written to nor, where it does not exist, be made.

    Raises
    ------
    SoensimError
        It, or the nearest folder above it that exists, cannot be written to, or is no folder.
    """
    with _one_error(path):
        folder = Path(path)
        while not folder.exists() and folder != folder.parent:
            if folder.is_symlink():
                raise FileExistsError(errno.EEXIST, f"{shown_path(folder)} is a link that leads to nothing")
            folder = folder.parent
        _probe(folder)


def _file_to_replace(path: str | Path) -> Path | None:
    """Path of the regular file behind all links, whether it exists or not; None for what is written into."""
    if str(path) in ("", ".") or str(path).endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # or a link to what does not exist
        return path.resolve()
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    if not stat.S_ISREG(mode):
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected")
    return path.resolve()


def _replace(target: Path, data: bytes, durable: bool) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    _remove_abandoned(target.parent)
    for attempt in range(_ATTEMPTS):
        temporary = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
        try:
            with temporary.open("xb") as file:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.write(data)
                file.flush()
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                if durable:
                    os.fsync(file.fileno())
                try:
                    temporary.replace(target)  # before the lock is lifted
                except FileNotFoundError:  # another process saw the file before its lock, and removed it
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return
        finally:
            with suppress(OSError):  # it was renamed
                temporary.unlink()


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary files whose writers are dead: nobody holds their locks."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):  # in use, or another user's
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _probe(folder: Path) -> None:
    """Write a file without a name: it leaves no trace, whatever happens."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")


@contextmanager
def _one_error(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SoensimError(f"{shown_path(path)}: cannot be written: {_reason(Path(path), error)}") from error
    except ValueError as error:  # a null character, or one that no file system can hold
        raise SoensimError(f"{str(path)!r}: cannot be written: {error}; give another name") from error


def _reason(path: Path, error: OSError) -> str:
    """Say what is wrong, and what to do where that is known."""
    if error.errno == errno.ENOENT:
        if not path.is_absolute() and not working_folder_exists():
            return NO_WORKING_FOLDER
        folder = path.resolve().parent if path.is_symlink() else path.parent
        if folder.is_dir():  # such as /proc
            return f"no file can be made in {shown_path(folder)}; choose another folder"
        return f"the folder {shown_path(folder)} does not exist; make it first"
    if error.errno == errno.EISDIR:
        return "is a folder; give the name of a file"
    if error.errno == errno.ENOTDIR:
        return "a part of its path is a file and not a folder"
    if error.errno == errno.ENAMETOOLONG:
        return f"the name is too long ({len(os.fsencode(path.name))} bytes; most file systems take 255)"
    if error.errno == errno.ELOOP:
        return "the link leads to itself"
    if error.errno == errno.ENXIO:
        return "is a socket or a disk; give the name of a file"
    return error.strerror or type(error).__name__
