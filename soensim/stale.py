"""Compiled kernels that their sources have left behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def forget_stale_kernels(package: Path) -> None:
    """Remove what numba keeps in the `__pycache__` folders of a package and is older than a source of kernels.

    numba compiles a kernel again when its own file has changed, but not when a function of another file has that it has
    inlined: after an update it would go on computing what the old version did. Sources of kernels are those that
    mention numba. Caches elsewhere (NUMBA_CACHE_DIR) are left alone.
    """
    files = [Path(folder, name) for folder, _, names in os.walk(package) for name in names]
    kept = {path: path.stat().st_mtime for path in files if path.suffix == ".nbi"}
    oldest = min(kept.values(), default=float("inf"))
    changed = [
        when
        for path in files
        if path.suffix == ".py" and (when := path.stat().st_mtime) > oldest and b"numba" in path.read_bytes()
    ]
    for path, when in kept.items():
        if changed and when < max(changed):
            with suppress(PermissionError):
                path.unlink(missing_ok=True)  # another process may have been faster
