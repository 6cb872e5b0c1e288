"""One training per run folder: the folder is held from before its first file until after its last.

The folder has a lock (flock) on `lock.json`, which names the process for people. The operating system lifts it when
the process ends, however it ends, so that a killed training never blocks `--resume`. On a file system without locks
`lock.json` is made exclusively, and one that names a dead process of this host is taken over; after one that was killed
on another host, the message says what to delete.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from soensim._runtime.file_lock import try_lock
from soensim.errors import RecipeError

LOCK = "lock.json"
_ATTEMPTS = 100  # each ends because another process took or left the folder meanwhile
_MAX_BYTES = 4096


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder that exists; the lock file is gone afterwards.

    Raises
    ------
    RecipeError
        Another training holds it, or no file can be made in it.
    """
    path = folder / LOCK
    try:
        handle = _acquire(path)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_this_process()).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # before the lock is lifted: nobody else has it yet
        os.close(handle)


def _acquire(path: Path) -> int:
    """Open and lock the file of this name; return its descriptor."""
    for _ in range(_ATTEMPTS):
        handle, made = _open(path)
        if handle is None:
            continue
        held = try_lock(handle)
        if (held and _is_at(path, handle)) or (held is None and made):
            return handle
        owner = _owner(handle)
        os.close(handle)
        if held is None and _is_dead(owner):
            path.unlink(missing_ok=True)
        elif not held:
            raise RecipeError(_in_use(path, owner, locks=held is not None))
    raise RecipeError(f"{path}: cannot be locked; delete it if no training runs in {path.parent}")


def _open(path: Path) -> tuple[int | None, bool]:
    """Return a descriptor, and whether the file was made; None where another process has just removed it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        try:
            return os.open(path, os.O_RDWR), False
        except FileNotFoundError:
            return None, False


def _is_at(path: Path, handle: int) -> bool:
    """Whether the open file still has this name: its last holder may have removed it while this process waited."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": platform.node(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}


def _owner(handle: int) -> dict[str, Any]:
    """Read who holds the folder; empty where that is not, or not yet, written."""
    try:
        content = json.loads(os.pread(handle, _MAX_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_dead(owner: dict[str, Any]) -> bool:
    """Whether the process is known to have ended: only one of this host can be."""
    pid = owner.get("pid")
    if owner.get("host") != platform.node() or type(pid) is not int or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        return False
    return False


def _in_use(path: Path, owner: dict[str, Any], *, locks: bool) -> str:
    who = ", ".join(
        f"{word} {owner[key]!s:.60}"
        for word, key in (("process", "pid"), ("on", "host"), ("since", "started"))
        if key in owner
    )
    unless = "" if locks else f"; if that process no longer exists, delete {path}"
    return (
        f"{path.parent}: another training is running in it{f' ({who})' if who else ''}; "
        f"wait until it has ended, or choose another --run-dir{unless}"
    )
