"""Edge lists: which source drives which target."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.errors import NetlistError

MAX_EDGES = 50_000_000  # 800 MB of indices; a wafer-scale chip is cut into dies before that

IndexArray = NDArray[np.int64]


class EdgeError(NetlistError):
    """Edges that cannot be made; ``at`` is the path to the cause, from the topology on."""

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, eq=False)
class Edges:
    """Synapses of one projection, sorted by target, then source, each pair once.

    Attributes
    ----------
    sources, targets
        Read-only int64 arrays, shape (edges,): index within the source and the target population.
    """

    sources: IndexArray
    targets: IndexArray

    def __post_init__(self) -> None:
        for array in (self.sources, self.targets):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.sources)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edges):
            return NotImplemented
        return np.array_equal(self.sources, other.sources) and np.array_equal(self.targets, other.targets)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of the edges, the same on every machine."""
        content = hashlib.sha256()
        for array in (self.sources, self.targets):
            content.update(np.ascontiguousarray(array, dtype="<i8").data)
        return content.hexdigest()


def checked_edges(
    sources: IndexArray, targets: IndexArray, n_sources: int, n_targets: int, *at: str, file: str = ""
) -> Edges:
    """Check ranges and repeats of a given edge list, and sort it by target, then source.

    Parameters
    ----------
    sources, targets
        Shape (edges,): index within the source and the target population.
    n_sources, n_targets
        Sizes of the populations.
    at
        Path to the list, from the topology on.
    file
        Name of the file that it comes from, for messages.

    Raises
    ------
    EdgeError
        An index is outside its population, or an edge is listed twice.
    """
    where = f"{file}: " if file else ""
    for name, values, size in (("source", sources, n_sources), ("target", targets, n_targets)):
        outside = np.flatnonzero((values < 0) | (values >= size))
        if len(outside):
            k = int(outside[0])
            raise EdgeError(
                f"{where}edge {k} (counted from 0) has {name} {values[k]}; legal is 0 to {size - 1}",
                *at,
                *(() if file else (k,)),
            )
    order = np.lexsort((sources, targets))
    edges = Edges(sources[order], targets[order])
    repeated = np.flatnonzero((np.diff(edges.sources) == 0) & (np.diff(edges.targets) == 0))
    if len(repeated):
        first, second = (int(k) for k in np.sort(order[repeated[0] : repeated[0] + 2]))
        raise EdgeError(
            f"{where}edge {second} (counted from 0) repeats edge {first}, "
            f"source {sources[first]} to target {targets[first]}; give each pair once",
            *at,
            *(() if file else (second,)),
        )
    return edges
