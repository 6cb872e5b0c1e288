"""Edges from CSV and npz files: lists of edges, and masks."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np

from soensim._runtime.words import shown, shown_path, whole_number
from soensim.files import load_npz, npz_names, read_csv
from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, IndexArray

COLUMNS = ("source", "target")

#: What `scipy.sparse.save_npz` writes of each kind of matrix, beside format, shape and data.
SPARSE_PARTS = {"coo": ("row", "col"), "csr": ("indptr", "indices"), "csc": ("indptr", "indices")}

_ADVICE = (
    "an edge file holds source and target, whole numbers, or a mask (targets, sources), dense or as scipy saves it; "
    "its path is relative to the netlist"
)
_HEADER_BYTES = 4096


def read_edges(path: Path, shape: tuple[int, int] | None = None) -> tuple[IndexArray, IndexArray]:
    """Read the sources and targets of a CSV (columns source, target) or npz edge file.

    An npz file holds arrays source and target; or a mask of shape (targets, sources), where every value but 0 is an
    edge: dense, as the array `mask`, or sparse, as `scipy.sparse.save_npz` writes it (coo, csr or csc).

    Parameters
    ----------
    path
        The file.
    shape
        Targets and sources of the projection, which a mask must have; None: it is not compared.

    Returns
    -------
    tuple of arrays
        Shape (edges,) each, in the order of the file; ranges and repeats are not checked.

    Raises
    ------
    EdgeError
        The file is missing, damaged, of another kind, too long, its columns are not whole numbers, or its mask has
        another shape.
    """
    if path.suffix not in (".csv", ".npz"):
        raise _error(f"{shown_path(path)}: an edge file ends in .csv or .npz")
    return _read_csv(path) if path.suffix == ".csv" else _read_npz(path, shape)


def _error(message: str) -> EdgeError:
    return EdgeError(message, "path")


def _read_npz(path: Path, shape: tuple[int, int] | None) -> tuple[IndexArray, IndexArray]:
    held = npz_names(path, error=_error, advice=_ADVICE)
    if "source" not in held and "mask" in held:
        return _dense(path, shape)
    if "source" not in held and "format" in held:
        return _sparse(path, shape)
    return _listed(path)


def _dense(path: Path, shape: tuple[int, int] | None) -> tuple[IndexArray, IndexArray]:
    limit = len(COLUMNS) * 8 * MAX_EDGES + _HEADER_BYTES
    mask = load_npz(path, error=_error, names=("mask",), advice=_ADVICE, limit_bytes=limit)["mask"]
    _check_shape(path, mask.shape, shape)
    if np.count_nonzero(mask) > MAX_EDGES:
        raise _error(f"{shown_path(path)}: its mask has more edges than the limit of {MAX_EDGES}")
    targets, sources = np.nonzero(mask)
    return sources.astype(np.int64), targets.astype(np.int64)


def _sparse(path: Path, shape: tuple[int, int] | None) -> tuple[IndexArray, IndexArray]:
    head = load_npz(path, error=_error, names=("format", "shape"), words=("format",), advice=_ADVICE)
    kind = bytes(head["format"].item()).decode("latin-1")
    if kind not in SPARSE_PARTS:
        raise _error(
            f"{shown_path(path)}: holds a sparse matrix of the kind {shown(kind)}; "
            f"legal are {', '.join(SPARSE_PARTS)}: save matrix.tocsr()"
        )
    rows, columns = _check_shape(path, tuple(int(length) for length in head["shape"].ravel()), shape)
    names = ("data", *SPARSE_PARTS[kind])
    limit = 3 * 8 * (MAX_EDGES + rows + columns) + _HEADER_BYTES
    data, first, second = load_npz(path, error=_error, names=names, advice=_ADVICE, limit_bytes=limit).values()
    if any(part.ndim != 1 or part.dtype.kind not in "iu" for part in (first, second)) or data.ndim != 1:
        raise _error(f"{shown_path(path)}: its {kind} matrix is damaged; {_ADVICE}")
    if kind != "coo":
        lines = rows if kind == "csr" else columns
        ends = first.astype(np.int64)
        counts = ends[1:] - ends[:-1]
        if len(ends) != lines + 1 or ends[0] != 0 or (counts < 0).any():
            raise _error(f"{shown_path(path)}: its {kind} matrix is damaged: indptr does not ascend from 0; {_ADVICE}")
        # the last end first: a damaged file may ask for more rows than memory holds
        first = np.repeat(np.arange(lines), counts) if ends[-1] == len(data) else first[:0]
    if not len(first) == len(second) == len(data):
        raise _error(f"{shown_path(path)}: its {kind} matrix is damaged: its parts differ in length; {_ADVICE}")
    if len(data) > MAX_EDGES:
        raise _error(f"{shown_path(path)}: its matrix has more edges than the limit of {MAX_EDGES}")
    there = data != 0
    down, across = (part[there].astype(np.int64) for part in (first, second))
    return (down, across) if kind == "csc" else (across, down)


def _check_shape(path: Path, held: tuple[int, ...], wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Refuse a mask that is not (targets, sources) of the projection."""
    if len(held) == 2 and (wanted is None or held == wanted):
        return held[0], held[1]
    need = "(targets, sources)" if wanted is None else f"(targets, sources), here {wanted}"
    hint = "; transpose it" if wanted is not None and held == wanted[::-1] else ""
    raise _error(f"{shown_path(path)}: its mask has the shape {held}; it must be {need}{hint}")


def _listed(path: Path) -> tuple[IndexArray, IndexArray]:
    limit_bytes = len(COLUMNS) * (8 * MAX_EDGES + _HEADER_BYTES)
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
