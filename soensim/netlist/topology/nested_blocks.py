"""Nested modules: tiles of a population's lattice, and pairs that share a module at one level and not below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.netlist.topology.edges import Edges, IndexArray
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.sampling import distinct, in_order


def nested_tiles(n: int, parts: int, levels: int) -> IndexArray:
    """Cut the lattice of a population into tiles, every tile again, and so on.

    A tile is cut into bands of rows and each band into columns, as `lattice(parts)` says; tiles of one level differ
    by one member at most, and each is one compact patch of the die. Needs ``n >= parts**levels``.

    Returns
    -------
    Shape (levels + 1, n): number of the tile of each member at each depth; depth 0 is the whole population. The
    tile g of one depth holds the tiles ``g * parts`` to ``g * parts + parts - 1`` of the next.
    """
    rows, columns = np.divmod(np.arange(n), lattice(n)[1])
    bands, across = lattice(parts)
    in_band = np.minimum(across, parts - np.arange(bands) * across)
    depths = [np.zeros(n, dtype=np.int64)]
    for _ in range(levels):
        tile = depths[-1]
        rank, size = _ranked(tile, rows, columns)
        band = rank * parts // size // across
        rank, size = _ranked(tile * bands + band, columns, rows)
        depths.append(tile * parts + band * across + rank * in_band[band] // size)
    return np.stack(depths)


def _ranked(group: IndexArray, first: IndexArray, second: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Rank of every member within its group, by first and then second key, and the size of its group."""
    order = np.lexsort((second, first, group))
    sizes = np.bincount(group)
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank, sizes[group]


@dataclass(frozen=True)
class Shared:
    """For every target, the sources that share its module at one depth and not at the next.

    Sources are sorted by module, so that a module of any depth is one run of places, and so are a target's sources
    with a hole in the middle.

    Attributes
    ----------
    order
        Shape (sources,): the source at each place.
    start, hole_start, hole_end
        Shape (targets,): where a target's run and the hole in it are.
    width
        Shape (targets,): how many sources it has.
    """

    order: IndexArray
    start: IndexArray
    hole_start: IndexArray
    hole_end: IndexArray
    width: IndexArray

    @property
    def pairs(self) -> int:
        """Number of pairs of source and target."""
        return int(self.width.sum())

    def drawn(self, rng: np.random.Generator, counts: IndexArray) -> tuple[IndexArray, IndexArray]:
        """Draw ``counts[t]`` sources of every target t."""
        return self._at(distinct(rng, self.width, counts))

    def drawn_in_all(self, rng: np.random.Generator, count: int) -> tuple[IndexArray, IndexArray]:
        """Draw ``count`` of all pairs."""
        return self._at(distinct(rng, np.array([self.pairs]), np.array([count])))

    def _at(self, pairs: IndexArray) -> tuple[IndexArray, IndexArray]:
        ends = np.cumsum(self.width)
        targets = np.searchsorted(ends, pairs, side="right")
        places = self.start[targets] + pairs - (ends - self.width)[targets]
        places += np.where(places >= self.hole_start[targets], (self.hole_end - self.hole_start)[targets], 0)
        return self.order[places], targets


def shared_modules(n_sources: int, n_targets: int, parts: int, levels: int, skip_self: bool) -> list[Shared]:
    """List for every depth, the deepest first, which pairs share a module there and none below.

    In the deepest modules all members are shared, but for the neuron itself with ``skip_self``.
    """
    source_tiles, target_tiles = nested_tiles(n_sources, parts, levels), nested_tiles(n_targets, parts, levels)
    order = np.argsort(source_tiles[-1], kind="stable")
    if skip_self:
        hole_start = np.empty(n_targets, dtype=np.int64)
        hole_start[order] = np.arange(n_sources)
    else:
        hole_start = np.zeros(n_targets, dtype=np.int64)
    hole_end = hole_start + skip_self
    shared = []
    for depth in range(levels, -1, -1):
        ends = np.cumsum(np.bincount(source_tiles[depth], minlength=parts**depth))
        end = ends[target_tiles[depth]]
        start = np.concatenate(([0], ends[:-1]))[target_tiles[depth]]
        shared.append(Shared(order, start, hole_start, hole_end, end - start - (hole_end - hole_start)))
        hole_start, hole_end = start, end
    return shared


def joined(drawn: list[tuple[IndexArray, IndexArray]], n_sources: int) -> Edges:
    """Make one list of edges of (sources, targets) that do not overlap."""
    sources, targets = (np.concatenate(ends) for ends in zip(*drawn, strict=True))
    return in_order(sources, targets, n_sources)
