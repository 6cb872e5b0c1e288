"""Nets: one emitter and all detectors that its light shall reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.routing.placement import IntArray, Placement, Places


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
        Shape (sinks,): the detector's place on the routing grid; two sinks of a net share one only where cells overlap.
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

    def kept(self, sinks: NDArray[np.bool_]) -> Nets:
        """Make the nets that only some of the sinks are left of, shape (sinks,); every net stays, even an empty one."""
        first = np.concatenate(([0], np.cumsum(sinks)))[self.first]
        return Nets(
            self.population,
            self.member,
            self.column,
            self.row,
            first,
            self.projection[sinks],
            self.edge[sinks],
            self.sink_column[sinks],
            self.sink_row[sinks],
        )


def optical_nets(netlist: Netlist, placement: Placement) -> Nets:
    """Collect the optical edges of all projections by emitter: population in file order, then member."""
    names = list(netlist.populations)
    sizes = np.array([netlist.populations[name].size for name in names])
    starts = np.concatenate(([0], np.cumsum(sizes)))
    parts: list[tuple[IntArray, ...]] = []
    for k, projection in enumerate(netlist.projections):
        if projection.medium != "optical":
            continue
        edges = netlist.edges(projection)
        at = placement.populations[projection.target]
        emitter = starts[names.index(projection.source)] + edges.sources
        own = np.arange(len(edges))
        parts.append((emitter, np.full(len(edges), k), own, at.column[edges.targets], at.row[edges.targets]))
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    emitter, projection_index, edge, sink_column, sink_row = joined
    order = np.argsort(emitter, kind="stable")
    emitters, fan_out = np.unique(emitter, return_counts=True)
    population = np.searchsorted(starts, emitters, side="right") - 1
    column, row = _grid_places(placement.populations, names)
    return Nets(
        population=population,
        member=emitters - starts[population],
        column=column[emitters],
        row=row[emitters],
        first=np.concatenate(([0], np.cumsum(fan_out))),
        projection=projection_index[order],
        edge=edge[order],
        sink_column=sink_column[order],
        sink_row=sink_row[order],
    )


def _grid_places(populations: Mapping[str, Places], names: list[str]) -> tuple[IntArray, IntArray]:
    columns = np.concatenate([populations[name].column for name in names])
    return columns, np.concatenate([populations[name].row for name in names])
