"""A hash of the source texts that a kernel is compiled from."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from soensim import _runtime

_SOENSIM = Path(_runtime.__file__).parents[1]
# Import statements, at the top of a file or inside a function: `import A, B` or `from A import (b, c)`.
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.M)


@cache
def source_stamp(file: Path) -> str | None:
    """Hash all that `source_texts` finds; None where it finds a text that may not be what this process runs."""
    texts = source_texts(file)
    return None if texts is None else hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


def source_texts(file: Path) -> dict[str, str] | None:
    """Find the texts that a kernel is compiled from: its file, and what that imports from its package and soensim.

    A kernel contains what it takes from other files, functions and constants: so all modules count that its file
    imports, directly or not.

    Returns
    -------
    dict or None
        Hash of each text by its path, relative to the folder of the package: two installations of the same sources
        have the same. None where a text cannot be read, or has changed since this process began to import soensim:
        then the text may not be what this process runs.
    """
    roots = {package.name: package.parent for package in (_package_of(file), _SOENSIM)}
    texts: dict[str, str] = {}
    left = [(file.relative_to(_package_of(file).parent).as_posix(), file)]
    while left:
        name, path = left.pop()
        if name in texts:
            continue
        source = _read(path)
        if source is None:
            return None
        texts[name], modules = source
        left += [entry for module in modules for entry in _files(module, roots)]
    return texts


def _package_of(file: Path) -> Path:
    """Outermost package of a source file; the file itself where it is in no package."""
    package = file
    while (package.parent / "__init__.py").exists():
        package = package.parent
    return package


def _files(module: str, roots: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Relative and full path of a module inside a package of `roots`; the packages themselves import everything."""
    package, dot, _ = module.partition(".")
    if dot and package in roots:
        for end in (".py", "/__init__.py"):
            name = module.replace(".", "/") + end
            if (roots[package] / name).exists():
                yield name, roots[package] / name


@cache
def _read(path: Path) -> tuple[str, frozenset[str]] | None:
    """Hash of a text and the names that it imports; None where the text may not be what this process runs."""
    try:
        with path.open("rb") as file:
            text = file.read()
            status = os.fstat(file.fileno())
    except OSError:
        return None
    # The time of change, not of modification: a file that is replaced by an older one keeps the latter.
    if max(status.st_ctime, status.st_mtime) > _runtime.IMPORTED_AT:
        return None
    return hashlib.sha256(text).hexdigest(), imported_names(text.decode("utf-8", "replace"))


def imported_names(text: str) -> frozenset[str]:
    """Names that a source text imports, as `a.b`, whether b is a module or not; too many rather than too few."""
    names: set[str] = set()
    for origin, parts, plain in _IMPORT.findall(text.replace("\\\n", " ")):
        names.update(re.findall(r"[\w.]+", plain))
        if origin:
            names.update([origin, *(f"{origin}.{part}" for part in re.findall(r"\w+", parts))])
    return frozenset(names)
