"""A copy of a chip that holds without its original: the netlist, and beside it the files that it names."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import realpath
from pathlib import Path
from typing import Any

from soensim.errors import RecipeError
from soensim.files import read_bytes
from soensim.files.yaml_source import PathParts
from soensim.netlist.yaml.load import netlist_source
from soensim.technology import technology_source

MAX_NETLIST_BYTES = 2**24
_MAX_FILE_BYTES = 2**34  # of edges; reading the chip has a narrower limit


def netlist_copy(path: Path, folder: str) -> tuple[bytes, dict[str, bytes]]:
    """Copy a netlist that has been loaded.

    Parameters
    ----------
    path
        The netlist.
    folder
        Where the files that it names will be, relative to the copy.

    Returns
    -------
    netlist
        The same bytes where it names no files; else its text with other paths of these.
    files
        Content of the files by name within the folder.

    Raises
    ------
    SoensimError
        A file can no longer be read.
    """
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}  # one file has one copy
    source = netlist_source(path)
    changes: dict[PathParts, str] = {}
    for place, name in named_files(source.value):
        file = path.parent / name
        copied = _technology(file, files, names) if place == ("technology",) else _file(file, files, names)
        changes[place] = f"{folder}/{copied}"
    if not changes:
        return read_bytes(path, limit_bytes=MAX_NETLIST_BYTES, error=RecipeError), {}
    return source.with_words(changes).encode(), files


def named_files(netlist: Any) -> Iterator[tuple[PathParts, str]]:
    """Yield the place of every path in a netlist, and the path."""
    name = str(netlist["technology"])
    if name.endswith((".yaml", ".yml")) or "/" in name:
        yield ("technology",), name
    for index, projection in enumerate(netlist["projections"]):
        topology = projection["topology"]
        if isinstance(topology, dict) and topology["kind"] == "file":
            yield ("projections", index, "topology", "path"), topology["path"]
    placement = (netlist.get("floorplan") or {}).get("placement")
    if isinstance(placement, dict) and placement.get("path") is not None:
        yield ("floorplan", "placement", "path"), placement["path"]


def _technology(path: Path, files: dict[str, bytes], names: dict[str, str]) -> str:
    """Copy a technology and the files that it extends; return its name."""
    source = technology_source(path)
    parent = source.value.get("extends")
    text = source.text
    if parent is not None and parent.endswith((".yaml", ".yml")):
        text = source.with_words({("extends",): _technology(path.parent / parent, files, names)})
    return _entered(path, text.encode(), files, names)


def _file(path: Path, files: dict[str, bytes], names: dict[str, str]) -> str:
    if (known := names.get(realpath(path))) is not None:
        return known
    return _entered(path, read_bytes(path, limit_bytes=_MAX_FILE_BYTES, error=RecipeError), files, names)


def _entered(path: Path, content: bytes, files: dict[str, bytes], names: dict[str, str]) -> str:
    """Enter the content of a file under a name that no other has."""
    name = path.name if path.name not in files else f"{len(files)}-{path.name}"
    files[name] = content
    names[realpath(path)] = name
    return name
