"""How much memory there is, asked before a large piece of it is taken."""

from __future__ import annotations

import os
from pathlib import Path

from soensim.errors import SoensimError

#: A control group without a limit says so with a number near 2^63, or with the word "max".
_NO_LIMIT = 2**60
#: Below this nothing is asked: it is there, and to look takes longer than to take it.
_SMALL_BYTES = 64 * 2**20

_GROUPS = (
    # version 2, then version 1: limit, use, and the cache that is given back when it is needed
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def available_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> tuple[int, int] | None:
    """Return (free, all) memory in bytes, of the machine or of its control group; None where nobody says."""
    found = [limit for limit in (_machine(proc), _group(cgroup)) if limit is not None]
    if not found:
        return _physical()
    return min(free for free, _ in found), min(whole for _, whole in found)


def require_memory(needed_bytes: float, what: str, *, advice: str, error: type[SoensimError]) -> None:
    """Refuse work that needs more memory than is free.

    Parameters
    ----------
    needed_bytes
        The estimate; what is not finite is too much.
    what
        What needs it and why, as in "simulate: 100 samples x 1000 frames x 28 neurons".
    advice
        What to change.
    error
        Kind of the error.

    Raises
    ------
    SoensimError
        The given kind; the message has the need and what there is.
    """
    if needed_bytes <= _SMALL_BYTES:
        return
    known = available_bytes()
    if known is None:
        return
    free, whole = known
    if not needed_bytes <= free:
        raise error(
            f"{what} needs {bytes_in_words(needed_bytes)} of memory; this machine has {bytes_in_words(whole)}, "
            f"{bytes_in_words(free)} of it free; {advice}"
        )


def bytes_in_words(count: float) -> str:
    """Write a number of bytes, as in "1.4 TB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def _machine(proc: Path) -> tuple[int, int] | None:
    """Free and whole memory of the machine."""
    table = _numbers(proc / "meminfo")
    if "MemTotal" not in table:
        return None
    total = 1024 * table["MemTotal"]
    return 1024 * table["MemAvailable"] if "MemAvailable" in table else total, total


def _group(cgroup: Path) -> tuple[int, int] | None:
    """Free and whole memory of the control group of this process, if it has a limit."""
    for limit_file, use_file, table_file, cache_key in _GROUPS:
        limit, use = _number(cgroup / limit_file), _number(cgroup / use_file)
        if limit is not None and use is not None and limit < _NO_LIMIT:
            cache = _numbers(cgroup / table_file).get(cache_key, 0)
            return max(0, limit - use + cache), limit
    return None


def _physical() -> tuple[int, int] | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such question on this system
        return None
    return (total, total) if total > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _numbers(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.replace(":", " ").split() for line in lines]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) >= 2 and pair[1].isdigit()}
