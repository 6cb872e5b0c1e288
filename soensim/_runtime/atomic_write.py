"""Writing files so that a reader, or an interrupted run, never sees half of one."""

from __future__ import annotations

import secrets
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
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path, data)
    except OSError as error:
        raise SoensimError(f"{path}: cannot be written: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    # A random name: two processes in containers that share the folder may have the same number.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        with suppress(OSError):  # it was renamed
            temporary.unlink()
