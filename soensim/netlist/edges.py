"""Edge lists: which source drives which target, and the generators that make them."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_EDGES = 50_000_000  # 600 MB of indices and codes; a wafer-scale chip is cut into dies before that


@dataclass(frozen=True)
class Edges:
    """Synapses of one projection, sorted by target, then source, each pair once.

    Attributes
    ----------
    sources, targets
        Read-only int64 arrays, shape (edges,): index within the source and the target population.
    """

    sources: NDArray[np.int64]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sources)


def sorted_edges(sources: NDArray[np.int64], targets: NDArray[np.int64]) -> Edges:
    """Sort by (target, source) and make read-only."""
    order = np.lexsort((sources, targets))
    sources, targets = sources[order].astype(np.int64), targets[order].astype(np.int64)
    sources.setflags(write=False)
    targets.setflags(write=False)
    return Edges(sources, targets)


def all_to_all(n_sources: int, n_targets: int, self_connections: bool) -> Edges:
    """Every source to every target; ``self_connections`` keeps the diagonal."""
    targets, sources = np.divmod(np.arange(n_sources * n_targets, dtype=np.int64), n_sources)
    keep = slice(None) if self_connections else sources != targets
    return sorted_edges(sources[keep], targets[keep])


def one_to_one(n: int) -> Edges:
    """Source k to target k."""
    index = np.arange(n, dtype=np.int64)
    return sorted_edges(index, index)


def random_edges(
    n_sources: int, n_targets: int, density: float, seed: int, min_fan_in: int, self_connections: bool
) -> Edges:
    """Draw ``round(density x possible)`` edges without replacement, after ``min_fan_in`` for every target.

    The possible edges leave out the diagonal when ``self_connections`` is false.
    """
    rng = np.random.default_rng(seed)
    possible = n_sources * n_targets
    allowed = np.ones((n_targets, n_sources), dtype=bool)
    if not self_connections:
        np.fill_diagonal(allowed, False)
        possible -= min(n_sources, n_targets)
    chosen = np.zeros_like(allowed)
    if min_fan_in:
        order = rng.random((n_targets, n_sources))
        order[~allowed] = 2.0  # sorts behind every allowed source
        first = np.argpartition(order, min_fan_in - 1, axis=1)[:, :min_fan_in]
        np.put_along_axis(chosen, first, True, axis=1)
    missing = round(density * possible) - int(chosen.sum())
    if missing > 0:
        free = np.flatnonzero(allowed & ~chosen)
        chosen.flat[rng.choice(free, size=missing, replace=False)] = True
    targets, sources = np.nonzero(chosen)
    return sorted_edges(sources, targets)


def read_edges(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Read (sources, targets) and the SHA-256 of a CSV (columns source, target) or npz edge file.

    Raises
    ------
    ValueError
        The file is missing, of another kind, or its columns are not whole numbers.
    """
    if not path.is_file():
        raise ValueError(f"no such edge file: {path}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as arrays:
                missing = {"source", "target"} - set(arrays.files)
                if missing:
                    raise ValueError(
                        f"{path} lacks the array {sorted(missing)[0]!r}; it must hold source and target"
                    )
                columns = [np.asarray(arrays[name]) for name in ("source", "target")]
        except (OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not an npz file") from error
        if any(c.ndim != 1 or c.dtype.kind not in "iu" for c in columns) or len(columns[0]) != len(
            columns[1]
        ):
            raise ValueError(f"{path}: source and target must be whole-number arrays of one length")
        return columns[0].astype(np.int64), columns[1].astype(np.int64), digest
    if path.suffix == ".csv":
        return (*_read_csv(path), digest)
    raise ValueError(f"{path}: an edge file ends in .csv or .npz")


def _read_csv(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if rows.fieldnames is None or not {"source", "target"} <= set(rows.fieldnames):
                raise ValueError(f"{path}: the first line must name the columns source and target")
            pairs = []
            for row in rows:
                try:
                    pairs.append((int(row["source"]), int(row["target"])))
                except (TypeError, ValueError) as error:
                    raise ValueError(
                        f"{path}:{rows.line_num}: source and target must be whole numbers"
                    ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text") from error
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def checked_edges(
    sources: NDArray[np.int64], targets: NDArray[np.int64], n_sources: int, n_targets: int
) -> Edges:
    """Check ranges and repeats of a given edge list.

    Raises
    ------
    ValueError
        An index is outside its population, or an edge stands there twice.
    """
    for name, values, size in (("source", sources, n_sources), ("target", targets, n_targets)):
        outside = np.flatnonzero((values < 0) | (values >= size))
        if len(outside):
            k = int(outside[0])
            raise ValueError(f"edge {k} has {name} {values[k]}; legal is 0 to {size - 1}")
    edges = sorted_edges(sources, targets)
    repeated = np.flatnonzero((np.diff(edges.sources) == 0) & (np.diff(edges.targets) == 0))
    if len(repeated):
        k = int(repeated[0])
        raise ValueError(f"edge {edges.sources[k]} -> {edges.targets[k]} is given twice")
    return edges
