"""A hash of the source texts that a kernel is compiled from."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path

from soensim import _runtime

# Import statements, at the top of a file or inside a function: `import A, B` or `from A import (b, c)`.
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.M)


@cache
def source_stamp(file: Path) -> str | None:
    """Hash the texts of a file and of all modules of its package that it imports, directly or not.

    A kernel contains what it takes from other files: functions and constants. Names in the hash are relative to the
    package, so two installations of the same sources have the same stamp.

    Returns
    -------
    str or None
        None where a text cannot be read, or has changed since this process began to import soensim: then the text
        may not be what this process runs.
    """
    package = _package_of(file)
    texts: dict[str, str] = {}
    left = [file]
    while left:
        path = left.pop()
        name = path.relative_to(package.parent).as_posix()
        if name in texts:
            continue
        source = _source(path, package)
        if source is None:
            return None
        texts[name], imported = source
        left += imported
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


def _package_of(file: Path) -> Path:
    """Outermost package of a source file; the file itself where it is in no package."""
    package = file
    while (package.parent / "__init__.py").exists():
        package = package.parent
    return package


@cache
def _source(path: Path, package: Path) -> tuple[str, list[Path]] | None:
    """Hash of a text and the files of the package that it imports; None where it may not be what this process runs."""
    try:
        with path.open("rb") as file:
            text = file.read()
            status = os.fstat(file.fileno())
    except OSError:
        return None
    # The time of change, not of modification: a file that is replaced by an older one keeps the latter.
    if max(status.st_ctime, status.st_mtime) > _runtime.IMPORTED_AT:
        return None
    return hashlib.sha256(text).hexdigest(), _imported(text.decode("utf-8", "replace"), package)


def _imported(text: str, package: Path) -> list[Path]:
    """Files of the package that a text imports; too many rather than too few."""
    modules: set[str] = set()
    for origin, names, plain in _IMPORT.findall(text.replace("\\\n", " ")):
        modules.update(re.findall(r"[\w.]+", plain))
        if origin:
            modules.update([origin, *(f"{origin}.{name}" for name in re.findall(r"\w+", names))])
    stems = [package.parent.joinpath(*name.split(".")) for name in modules if name.startswith(f"{package.name}.")]
    files = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [file for file in files if file.exists()]
