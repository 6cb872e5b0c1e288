"""Edges by definition, and slow references, for the tests of topologies."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pydantic import TypeAdapter

from soensim.netlist.topology.edges import Edges
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.topology import Topology

TOPOLOGY: TypeAdapter[Any] = TypeAdapter(Topology)
seeds = st.integers(0, 2**63 - 1)


def make(n_sources: int, n_targets: int | None = None, **keys: Any) -> Edges:
    """Edges of a population that drives itself, or of two populations if both sizes are given."""
    topology = TOPOLOGY.validate_python(keys)
    recurrent = n_targets is None
    return topology.edges(n_sources, n_sources if recurrent else n_targets, Path(), recurrent=recurrent)


def pairs(edges: Edges) -> set[tuple[int, int]]:
    return set(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))


def matrix(edges: Edges, n_sources: int, n_targets: int) -> np.ndarray:
    """W[target, source]: whether the edge is there."""
    found = np.zeros((n_targets, n_sources), dtype=bool)
    found[edges.targets, edges.sources] = True
    return found


def check_order(edges: Edges, n_sources: int, n_targets: int) -> None:
    """Sorted by target, then source, each pair once, within the populations."""
    places = edges.targets * n_sources + edges.sources
    assert np.all(np.diff(places) > 0)
    assert edges.sources.min() >= 0
    assert edges.sources.max() < n_sources
    assert edges.targets.min() >= 0
    assert edges.targets.max() < n_targets


def fan_in(edges: Edges, n: int) -> np.ndarray:
    return np.bincount(edges.targets, minlength=n)


def fan_out(edges: Edges, n: int) -> np.ndarray:
    return np.bincount(edges.sources, minlength=n)


def distances(n_sources: int, n_targets: int) -> np.ndarray:
    """Distance of every pair in pitches of the targets, by the definition; shape (targets, sources)."""
    (target_rows, target_columns), (source_rows, source_columns) = lattice(n_targets), lattice(n_sources)
    found = np.empty((n_targets, n_sources))
    for i in range(n_targets):
        for j in range(n_sources):
            y = i // target_columns + 0.5 - (j // source_columns + 0.5) * target_rows / source_rows
            x = i % target_columns + 0.5 - (j % source_columns + 0.5) * target_columns / source_columns
            found[i, j] = np.hypot(y, x)
    return found


def grown_slowly(
    n: int, edges: int, length: float, preference: float, limit: int, seed: int
) -> tuple[set[tuple[int, int]], list[int]]:
    """The growth model by its definition: one list of weights for every link, no lattice rows, no numba."""
    rng = np.random.default_rng(seed)
    arrivals, choices = rng.permutation(n), rng.random(edges)
    outward = rng.integers(0, 2, size=edges, dtype=bool)
    columns = int(np.ceil(np.sqrt(n)))
    linked: list[set[int]] = [set() for _ in range(n)]
    found: set[tuple[int, int]] = set()
    sources_of = [0] * n
    most = 0
    while sum(min(t, most + 1) for t in range(n)) <= edges:
        most += 1
        if most == n:
            break
    extra = edges - sum(min(t, most) for t in range(n))
    for t, new in enumerate(arrivals.tolist()):
        degrees = [len(links) for links in linked]
        for _ in range(min(t, most) + (t >= n - extra)):
            weights = np.zeros(n)
            for other in arrivals[:t].tolist():
                if other not in linked[new]:
                    far = np.hypot(new // columns - other // columns, new % columns - other % columns)
                    weights[other] = (1 + degrees[other]) ** preference * np.exp(-far / length)
            chosen = int(np.searchsorted(np.cumsum(weights), choices[len(found)] * weights.sum(), side="right"))
            drives = outward[len(found)] and sources_of[chosen] < limit
            edge = (new, chosen) if drives else (chosen, new)
            sources_of[edge[1]] += 1
            found.add(edge)
            linked[new].add(chosen)
            linked[chosen].add(new)
    return found, sources_of
