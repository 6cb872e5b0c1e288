"""Writing files so that a reader, or an interrupted run, never sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

from soensim.errors import SoensimError


def write_atomic(path: str | Path, content: bytes | str) -> None:
    """Write ``content`` under a temporary name in the same folder, then rename.

    Raises
    ------
    SoensimError
        The folder does not exist or cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        raise SoensimError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
