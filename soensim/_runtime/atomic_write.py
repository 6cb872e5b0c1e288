"""Writing files so that a reader, or an interrupted run, never sees half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from soensim.errors import SoensimError


def write_atomic(path: str | Path, content: bytes | str) -> None:
    """Write ``content`` under a temporary name in the same folder, then rename.

    A device or a pipe, such as /dev/null, is written to directly.

    Raises
    ------
    SoensimError
        The folder does not exist or cannot be written to.
    """
    path = Path(path)
    special = path.exists() and not path.is_file()
    temporary = path if special else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        if not special:
            temporary.replace(path)
    except OSError as error:
        raise SoensimError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if not special:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
