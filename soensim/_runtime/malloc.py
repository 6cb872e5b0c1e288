"""How the process gets its memory."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc, malloc.h


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, for what is needed next; for programs, not for libraries.

    Training makes and frees arrays of megabytes in every step. glibc gives each back to the kernel, and the next one
    costs a page fault per 4 KiB: measured, a third of a step of 1024 samples. Other C libraries are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc, or no library of this process (Windows)
        return
    mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # the most that glibc accepts
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
