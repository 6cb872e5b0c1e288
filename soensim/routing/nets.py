"""Nets: one emitter and all detectors that its light shall reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.routing.placement import IntArray


@dataclass(frozen=True, eq=False)
class Nets:
    """The optical nets of a chip as flat arrays; the sinks of net k are ``first[k]`` to ``first[k + 1] - 1``.

    Attributes
    ----------
    population, member
        Shape (nets,): which population of the netlist (index in file order) and which of its members emits.
    column, row
        Shape (nets,): the emitter's place on the routing grid.
    first
        Shape (nets + 1,).
    projection, edge
        Shape (sinks,): which projection of the netlist (index in file order), and which of its edges ends there.
    sink_column, sink_row
        Shape (sinks,): the detector's place on the routing grid. No two sinks of a net share a place.
    """

    population: IntArray
    member: IntArray
    column: IntArray
    row: IntArray
    first: IntArray
    projection: IntArray
    edge: IntArray
    sink_column: IntArray
    sink_row: IntArray

    def __len__(self) -> int:
        return len(self.column)

    @property
    def sinks(self) -> int:
        """Number of detectors of all nets together."""
        return len(self.edge)

    @property
    def net(self) -> IntArray:
        """Shape (sinks,): the net of each sink."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))
