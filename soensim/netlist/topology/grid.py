"""Grids: every neuron is driven by its neighbours on the lattice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, Edges, IndexArray
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.neighbours import Float64, Runs, edges_in, pairs_in, runs
from soensim.netlist.topology.topology_part import Count, Ends, TopologyPart, affordable


class Grid(TopologyPart):
    """Every target is driven by its neighbours on the square lattice; both populations have one size.

    Neuron k of n is in row k // columns, column k % columns, with ceil(sqrt(n)) columns.
    """

    kind: Literal["grid"]
    """Every target is driven by its neighbours on the square lattice; both populations have one size."""
    neighbourhood: Literal["von-neumann", "moore"]
    """Which cells are neighbours: `von-neumann`, rows and columns apart add up to `range` at most (a diamond);
    `moore`, neither is more than `range` (a square)."""
    range: Count = 1
    """Number of cells that the neighbourhood reaches in each direction."""
    periodic: bool = False
    """Whether the lattice closes on itself, left to right and top to bottom; its last row must then be full."""
    self_connections: bool | None = None
    """Whether a neuron drives itself too; absent: no. Between two populations, source k always drives target k."""

    def _make(self, ends: Ends) -> Edges:
        n = ends.n_targets
        if ends.n_sources != n:
            raise EdgeError(
                f"a grid needs populations of one size, not {ends.n_sources} and {n}; "
                "distance-limited joins populations of different sizes",
                "kind",
            )
        if n == 1 and self.skips_self(ends):
            raise EdgeError("leaves one neuron without any edge; remove the projection", "kind")
        if self.periodic:
            return self._on_a_torus(n, self.skips_self(ends))

        def near() -> Iterator[Runs]:
            return runs(n, n, self._half_width, self.skips_self(ends))

        affordable(pairs_in(near(), MAX_EDGES), "range")
        return edges_in(near())

    def _half_width(self, across: Float64) -> Float64:
        if self.neighbourhood == "von-neumann":
            return self.range - across
        return np.where(across <= self.range, float(self.range), -1.0)

    def _on_a_torus(self, n: int, skip_self: bool) -> Edges:
        rows, columns = lattice(n)
        if rows * columns != n:
            raise EdgeError(
                f"{n} neurons leave the last row of {rows} x {columns} short, and it cannot close on itself; "
                f"give the population {rows * columns}, or make the grid not periodic",
                "periodic",
            )
        dy, dx = self._offsets(rows), self._offsets(columns)
        if self.neighbourhood == "von-neumann":
            near = np.abs(dy)[:, None] + np.abs(dx) <= self.range
        else:
            near = np.ones((len(dy), len(dx)), dtype=bool)
        near &= ~(skip_self & (dy == 0)[:, None] & (dx == 0))
        down, right = np.nonzero(near)
        affordable(len(down) * n, "range")
        row, column = np.divmod(np.arange(n)[:, None], columns)
        sources = (row + dy[down]) % rows * columns + (column + dx[right]) % columns
        sources.sort(axis=1)
        return Edges(sources.ravel(), np.repeat(np.arange(n), len(down)))

    def _offsets(self, size: int) -> IndexArray:
        """Cells apart, each once: on a ring, one that is too far one way is nearer the other."""
        return np.arange(-min(self.range, (size - 1) // 2), min(self.range, size // 2) + 1)
