"""Compiled kernels that their sources have left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# With a dot: the package itself imports all of its rooms, and no kernel takes anything from there.
_IMPORT = re.compile(r"^\s*(?:from|import) (\w+\.[\w.]+)", re.MULTILINE)


def forget_stale_kernels(package: Path) -> None:
    """Remove what numba keeps in the `__pycache__` folders of a package and is older than a source that it came from.

    numba compiles a kernel again when its own file has changed, but not when a function or a constant of another file
    has that it has compiled in: after an update it would go on computing what the old version did. What a kernel came
    from is its own file and all modules of the package that this imports, directly or not. Caches elsewhere
    (NUMBA_CACHE_DIR) are left alone.
    """
    files = [Path(folder, name) for folder, _, names in os.walk(package) for name in names]
    kept = {path: path.stat().st_mtime for path in files if path.suffix == ".nbi"}
    oldest = min(kept.values(), default=float("inf"))
    sources = [path for path in files if path.suffix == ".py"]
    changed = {path: when for path in sources if (when := path.stat().st_mtime) > oldest}
    if not changed:
        return
    imports = {path: _imported(path, package) for path in sources}
    for path, when in kept.items():
        own = path.parent.parent / f"{path.name.partition('.')[0]}.py"
        if any(changed.get(source, when) > when for source in _reached(own, imports)):
            with suppress(PermissionError):
                path.unlink(missing_ok=True)  # another process may have been faster


def _imported(source: Path, package: Path) -> list[Path]:
    """Files of the package that a file imports, wherever in its text."""
    modules = [package.parent.joinpath(*name.split(".")) for name in _IMPORT.findall(source.read_text("utf-8"))]
    return [file for module in modules for file in (module.with_suffix(".py"), module / "__init__.py")]


def _reached(source: Path, imports: Mapping[Path, list[Path]]) -> set[Path]:
    """Return a file and all that it imports, directly or not."""
    found: set[Path] = set()
    left = [source]
    while left:
        path = left.pop()
        if path in imports and path not in found:
            found.add(path)
            left += imports[path]
    return found
