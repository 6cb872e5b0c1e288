"""How many threads or processes may work at a time."""

from __future__ import annotations

import os

from soensim.errors import SoensimError

THREADS = "SOENSIM_THREADS"


def usable_cores() -> int:
    """Cores that the system gives this process; fewer where the environment variable `SOENSIM_THREADS` says so.

    Raises
    ------
    SoensimError
        `SOENSIM_THREADS` is no whole number of 1 or more.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get(THREADS)
    if given is None:
        return cores
    if not (given.isascii() and given.isdigit() and int(given) >= 1):
        raise SoensimError(
            f"{THREADS}={given[:60]} in the environment: must be a whole number of 1 or more; set it so, or unset it"
        )
    return min(cores, int(given))
