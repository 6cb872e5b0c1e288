"""Edges from CSV and npz files."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np

from soensim._runtime.words import shown, shown_path, whole_number
from soensim.files import load_npz, read_csv
from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, IndexArray

COLUMNS = ("source", "target")

_ADVICE = "an edge file holds source and target, whole numbers; its path is relative to the netlist"


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
        raise _error(f"{shown_path(path)}: an edge file ends in .csv or .npz")
    return _read_csv(path) if path.suffix == ".csv" else _read_npz(path)


def _error(message: str) -> EdgeError:
    return EdgeError(message, "path")


def _read_npz(path: Path) -> tuple[IndexArray, IndexArray]:
    limit_bytes = len(COLUMNS) * (8 * MAX_EDGES + 4096)
    arrays = load_npz(path, error=_error, names=COLUMNS, advice=_ADVICE, limit_bytes=limit_bytes)
    for name, values in arrays.items():
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise _error(
                f"{shown_path(path)}: array {name!r} has type {values.dtype} and shape {values.shape}; "
                "it must be a one-dimensional array of whole numbers"
            )
        if len(values) > MAX_EDGES:
            raise _error(f"{shown_path(path)}: array {name!r} is longer than the limit of {MAX_EDGES} edges")
        if values.dtype.kind == "u":  # a large unsigned number must not wrap to a legal one
            arrays[name] = np.minimum(values, np.uint64(2**63 - 1))
    sources, targets = (arrays[name].astype(np.int64) for name in COLUMNS)
    if len(sources) != len(targets):
        raise _error(
            f"{shown_path(path)}: source has {len(sources)} entries, target {len(targets)}; "
            "they must have the same length"
        )
    return sources, targets


def _read_csv(path: Path) -> tuple[IndexArray, IndexArray]:
    columns = array("q"), array("q")
    for line, words in read_csv(path, columns=COLUMNS, error=_error, advice=_ADVICE, what="edge file"):
        try:
            for column, word in zip(columns, words, strict=True):
                column.append(whole_number(word))
        except (ValueError, OverflowError) as error:
            raise _error(
                f"{shown_path(path)}:{line}: source is {shown(words[0])} and target {shown(words[1])}; "
                "legal are whole numbers"
            ) from error
        if len(columns[0]) > MAX_EDGES:
            raise _error(f"{shown_path(path)}: is longer than the limit of {MAX_EDGES} edges")
    sources, targets = (np.array(column, dtype=np.int64) for column in columns)
    return sources, targets
