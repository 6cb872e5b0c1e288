"""Edges from CSV and npz files."""

from __future__ import annotations

import csv
import zipfile
import zlib
from array import array
from pathlib import Path

import numpy as np

from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, IndexArray

COLUMNS = ("source", "target")


def read_edges(path: Path) -> tuple[IndexArray, IndexArray]:
    """Read the sources and targets of a CSV (columns source, target) or npz edge file.

    Returns
    -------
    tuple of arrays
        Shape (edges,) each, as in the file; ranges and repeats are not checked.

    Raises
    ------
    EdgeError
        The file is missing, damaged, of another kind, too long, or its columns are not whole numbers.
    """
    if path.suffix not in (".csv", ".npz"):
        raise EdgeError(f"{path}: an edge file ends in .csv or .npz", "path")
    try:
        if path.is_dir():
            raise EdgeError(f"{path}: is a directory; give one edge file", "path")
        return _read_csv(path) if path.suffix == ".csv" else _read_npz(path)
    except FileNotFoundError as error:
        raise EdgeError(f"{path}: no such edge file; a path is relative to the netlist", "path") from error
    except OSError as error:
        raise EdgeError(f"{path}: cannot be read: {error.strerror or error}", "path") from error


def _read_npz(path: Path) -> tuple[IndexArray, IndexArray]:
    try:
        with zipfile.ZipFile(path) as archive:
            held = [name.removesuffix(".npy") for name in archive.namelist()]
            for name in COLUMNS:
                if name not in held:
                    raise EdgeError(f"{path}: lacks the array {name!r}; it must hold source and target", "path")
            sources, targets = (_npz_column(archive, path, name) for name in COLUMNS)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise EdgeError(f"{path}: is not an npz file, or a damaged one", "path") from error
    if len(sources) != len(targets):
        raise EdgeError(
            f"{path}: source has {len(sources)} entries, target {len(targets)}; they must have the same length",
            "path",
        )
    return sources, targets


def _npz_column(archive: zipfile.ZipFile, path: Path, name: str) -> IndexArray:
    if archive.getinfo(f"{name}.npy").file_size > 8 * MAX_EDGES + 4096:  # before a bomb unpacks
        raise EdgeError(f"{path}: array {name!r} is longer than the limit of {MAX_EDGES} edges", "path")
    try:
        with archive.open(f"{name}.npy") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, zlib.error, MemoryError, OverflowError, RuntimeError) as error:
        raise EdgeError(
            f"{path}: array {name!r} is damaged, or holds Python objects; it must hold whole numbers", "path"
        ) from error
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise EdgeError(
            f"{path}: array {name!r} has type {values.dtype} and shape {values.shape}; "
            "it must be a one-dimensional array of whole numbers",
            "path",
        )
    if values.dtype.kind == "u":  # a large unsigned number must not wrap to a legal one
        values = np.minimum(values, np.uint64(2**63 - 1))
    return values.astype(np.int64)


def _read_csv(path: Path) -> tuple[IndexArray, IndexArray]:
    columns = array("q"), array("q")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip() for name in next(rows, [])]
            for name in COLUMNS:
                if header.count(name) != 1:
                    raise EdgeError(f"{path}:1: the first line must name the columns source and target", "path")
            places = [header.index(name) for name in COLUMNS]
            for row in rows:
                if not row:
                    continue
                try:
                    for column, place in zip(columns, places, strict=True):
                        column.append(int(row[place]))
                except (IndexError, ValueError, OverflowError) as error:
                    raise EdgeError(
                        f"{path}:{rows.line_num}: source and target must be whole numbers", "path"
                    ) from error
                if len(columns[0]) > MAX_EDGES:
                    raise EdgeError(f"{path}: is longer than the limit of {MAX_EDGES} edges", "path")
    except UnicodeDecodeError as error:
        raise EdgeError(f"{path}: is not UTF-8 text", "path") from error
    except csv.Error as error:
        raise EdgeError(f"{path}: is not a CSV file: {error}", "path") from error
    sources, targets = (np.array(column, dtype=np.int64) for column in columns)
    return sources, targets
