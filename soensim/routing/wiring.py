"""What the edges of a projection take in waveguide and wire, and what each of them alone would give back.

An electrical edge is a wire of its own. The optical edges of an emitter share a tree: the length that an edge takes is
that of the segments that lead to its detector and to no other, which its removal would free.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from soensim.errors import RoutingError
from soensim.routing.ledger import Ledger, light_needed
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.routed_netlist import RoutedNetlist

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wiring:
    """Trees of segments and the edges that end in them: of some projections, and of all that share their light.

    Attributes
    ----------
    parent, length_um
        Shape (nodes,): the node before each, -1 at the start of a tree; length of the segment that arrives.
    node, net
        Shape (edges,): where each edge ends, and which tree that is in; the edges of a net are adjacent, nets ascend.
    projection, edge
        Shape (edges,): index into `keys`, and place among the edges of that projection.
    keys
        The projections, `source->target`.
    removable
        Shape (edges,): whether the edge is of the projections that were asked for.
    light_needed
        Shape (edges,): light at the start of the tree per light at the detector, 10^(L / 10); 0 for wires.
    counted_photons
        Photons per spike of an emitter that a detector would count if all were its own.
    cell_um
        Side of a cell.
    """

    parent: IntArray
    length_um: FloatArray
    node: IntArray
    net: IntArray
    projection: IntArray
    edge: IntArray
    keys: tuple[str, ...]
    removable: BoolArray
    light_needed: FloatArray
    counted_photons: float
    cell_um: float

    def __len__(self) -> int:
        return len(self.node)

    @cached_property
    def first(self) -> IntArray:
        """Shape (nets + 1,): the edges of net k are ``first[k]`` to ``first[k + 1] - 1``."""
        return np.searchsorted(self.net, np.arange(self.nets + 1))

    @property
    def nets(self) -> int:
        """Number of trees."""
        return int(self.net.max(initial=-1)) + 1

    def users(self, present: BoolArray) -> IntArray:
        """Count the edges that each segment leads to, of those that are present; shape (nodes,)."""
        users = np.zeros(len(self.parent), dtype=np.int64)
        at = self.node[present]
        while len(at):
            np.add.at(users, at, 1)
            at = self.parent[at]
            at = at[at >= 0]
        return users

    def freed_um(self, edges: IntArray, users: IntArray) -> FloatArray:
        """Length that the removal of each of these edges alone would free (um); ``users`` as `users` counts them."""
        freed = np.zeros(len(edges))
        which, at = np.arange(len(edges)), self.node[edges]
        while len(at):
            alone = users[at] == 1
            which, at = which[alone], at[alone]
            freed[which] += self.length_um[at]
            at = self.parent[at]
            inner = at >= 0
            which, at = which[inner], at[inner]
        return freed

    def without(self, edge: int, users: IntArray) -> None:
        """Take an edge out of the users of its segments, in place."""
        at = int(self.node[edge])
        while at >= 0:
            users[at] -= 1
            at = int(self.parent[at])

    def taken_um(self, present: BoolArray) -> float:
        """Length that exists for the removable edges among the present ones alone (um)."""
        all_users, others = self.users(present), self.users(present & ~self.removable)
        return float(self.length_um[(all_users > 0) & (others == 0)].sum())

    def arrival(self, light: FloatArray | float) -> FloatArray:
        """Probability that a spike is counted at a detector of a net whose edges need this light; 1 for wires.

        All detectors of a net receive the same (`soensim.routing.ledger`): a net that serves fewer gives each more.
        """
        light = np.asarray(light, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.where(light > 0, -np.expm1(-self.counted_photons / light), 1.0)


def wiring_of(routed: RoutedNetlist, keys: Collection[str]) -> Wiring:
    """Collect the trees of some projections from the routes of a chip.

    Parameters
    ----------
    routed
        A chip that is laid out.
    keys
        The projections whose edges may be removed.

    Raises
    ------
    RoutingError
        The chip is not laid out, so that nothing has a length.
    TechnologyError
        A number of the light is in neither netlist nor technology.
    """
    netlist = routed.netlist
    if routed.layout is None:
        raise RoutingError(f"netlist {netlist.name!r} has no floorplan, so that no edge has a length; add one")
    names = tuple(p.key for p in netlist.projections)
    wiring = _wires(routed, names, keys)
    if routed.layout.nets is None:
        return wiring
    return _joined(wiring, _light(routed, names, keys))


def recurrent_keys(routed: RoutedNetlist) -> tuple[str, ...]:
    """Name the projections of populations onto themselves, in file order."""
    return tuple(p.key for p in routed.netlist.projections if p.source == p.target)


def _wires(routed: RoutedNetlist, names: tuple[str, ...], keys: Collection[str]) -> Wiring:
    """Make a tree of one segment of each electrical edge of the projections in ``keys``."""
    wired = [k for k, p in enumerate(routed.netlist.projections) if p.medium == "electrical" and p.key in keys]
    lengths = [_ledger(routed, names[k]).length_um for k in wired]
    counts = [len(lengths_um) for lengths_um in lengths]
    count = sum(counts)
    return Wiring(
        parent=np.full(count, -1),
        length_um=np.concatenate([np.empty(0), *lengths]),
        node=np.arange(count),
        net=np.arange(count),
        projection=np.repeat(np.array(wired, dtype=np.int64), counts),
        edge=np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(n) for n in counts)]),
        keys=names,
        removable=np.ones(count, dtype=bool),
        light_needed=np.zeros(count),
        counted_photons=np.inf,
        cell_um=0.0 if routed.layout is None else routed.layout.placement.cell_um,
    )


def _light(routed: RoutedNetlist, names: tuple[str, ...], keys: Collection[str]) -> Wiring:
    """Collect the trees of all emitters, with the edges of all optical projections."""
    netlist, layout = routed.netlist, routed.layout
    if layout is None or layout.nets is None or layout.waveguides is None or netlist.routing is None:
        raise RoutingError(f"netlist {netlist.name!r} has no waveguides: no projection is optical")
    nets, guides = layout.nets, layout.waveguides
    edge, needed = np.empty(nets.sinks, dtype=np.int64), np.empty(nets.sinks)
    for k in np.unique(nets.projection):
        here = np.flatnonzero(nets.projection == k)
        here = here[np.argsort(nets.edge[here])]
        edge[here] = np.arange(len(here))  # edges of the netlist that do not exist are not counted
        needed[here] = light_needed(_ledger(routed, names[k]).path_db)
    routing = netlist.routing.completed(netlist.device_technology)
    return Wiring(
        parent=guides.parent,
        length_um=guides.length_um,
        node=guides.detector,
        net=nets.net,
        projection=nets.projection,
        edge=edge,
        keys=names,
        removable=np.isin(nets.projection, [k for k, name in enumerate(names) if name in keys]),
        light_needed=needed,
        counted_photons=(routing.photons_per_spike or 0.0) * (routing.detector_efficiency or 0.0),
        cell_um=layout.placement.cell_um,
    )


def _joined(wires: Wiring, light: Wiring) -> Wiring:
    return Wiring(
        parent=np.concatenate([wires.parent, np.where(light.parent < 0, -1, light.parent + len(wires.parent))]),
        length_um=np.concatenate([wires.length_um, light.length_um]),
        node=np.concatenate([wires.node, light.node + len(wires.parent)]),
        net=np.concatenate([wires.net, light.net + wires.nets]),
        projection=np.concatenate([wires.projection, light.projection]),
        edge=np.concatenate([wires.edge, light.edge]),
        keys=wires.keys,
        removable=np.concatenate([wires.removable, light.removable]),
        light_needed=np.concatenate([wires.light_needed, light.light_needed]),
        counted_photons=light.counted_photons,
        cell_um=light.cell_um,
    )


def _ledger(routed: RoutedNetlist, key: str) -> Ledger:
    ledger = routed.projections[key].ledger
    if ledger is None:
        raise RoutingError(f"netlist {routed.netlist.name!r}: projection {key!r} is not laid out")
    return ledger
