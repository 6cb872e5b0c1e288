"""Whether an error is about the machine, and not about what was asked of it."""

from __future__ import annotations

import errno

from soensim._runtime.working_folder import NO_WORKING_FOLDER, working_folder_exists

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


def exhausted(error: BaseException) -> str | None:
    """Say which limit of the process or the machine, or which lack, an error is about; None: about none.

    A library that finds no file, memory or thread left may raise ImportError or RuntimeError instead of OSError.
    """
    if isinstance(error, FileNotFoundError) and not working_folder_exists():  # a package that asks for it when imported
        return NO_WORKING_FOLDER
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, ImportError | RuntimeError | OSError):
        number = next((number for text, number in _TEXTS.items() if text in str(error)), None)
    limit = None if number is None else _LIMITS.get(number)
    if limit is None and _out_of_memory(error):
        limit = f"there is not enough memory: {' '.join(str(error).split()) or 'an array is too large'}"
    return limit


def _out_of_memory(error: BaseException) -> bool:
    """Python and NumPy have a class for it; torch has one for a GPU, and only a text for the CPU."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
