"""From a netlist to its routes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.netlist import Netlist, Projection
from soensim.netlist.topology.edges import Edges
from soensim.routing.ledger import Ledger, electrical_ledger
from soensim.routing.limits import Verdicts
from soensim.routing.placement import Placement, place
from soensim.routing.routed_netlist import Absences, Layout, RoutedNetlist, RoutedProjection

T = TypeVar("T", bound=np.generic)


def route(netlist: Netlist) -> RoutedNetlist:
    """Lay a chip out and decide which of its edges exist.

    Without a floorplan every edge exists, with the delay that its projection states. With one, neurons are placed,
    optical projections get waveguides, electrical ones wires, and edges without a good enough route are absent.

    Raises
    ------
    RoutingError
        The floorplan does not fit the die, or there are too many edges for the strategy.
    TechnologyError
        A number that the layout needs has no value.
    """
    if netlist.floorplan is None:
        return RoutedNetlist(netlist, {p.key: _as_stated(netlist, p) for p in netlist.projections})
    placement = place(netlist)
    projections = {p.key: _wires(netlist, p, placement) for p in netlist.projections if p.medium == "electrical"}
    layout = Layout(placement)
    if netlist.routing is not None and netlist.has_waveguides:
        from soensim.routing.optical import route_optical  # numba: loaded only by chips that need it

        routes = route_optical(netlist, netlist.routing.completed(netlist.device_technology), placement)
        layout = Layout(placement, routes.nets, routes.waveguides, routes.channels)
        for k, projection in enumerate(netlist.projections):
            if projection.medium == "optical":
                of_sink = np.flatnonzero(routes.wanted.projection == k)
                verdicts = routes.verdicts.ordered(of_sink[np.argsort(routes.wanted.edge[of_sink])])
                here = np.flatnonzero(routes.nets.projection == k)
                ledger = routes.ledger.taken(here[np.argsort(routes.nets.edge[here])])
                projections[projection.key] = _routed(netlist.edges(projection), verdicts, ledger)
    return RoutedNetlist(netlist, {p.key: projections[p.key] for p in netlist.projections}, layout)


def _as_stated(netlist: Netlist, projection: Projection) -> RoutedProjection:
    """Take every edge as the netlist has it, on a chip that is not laid out."""
    edges = netlist.edges(projection)
    delay = np.full(len(edges), projection.delay_ps)
    delay.setflags(write=False)
    return RoutedProjection(edges, delay)


def _wires(netlist: Netlist, projection: Projection, placement: Placement) -> RoutedProjection:
    """Wire a projection: along a row and a column each, without tracks; too long a wire is absent."""
    technology = netlist.device_technology
    edges = netlist.edges(projection)
    start, end = placement.populations[projection.source], placement.populations[projection.target]
    length_um = np.abs(start.x_um[edges.sources] - end.x_um[edges.targets])
    length_um += np.abs(start.y_um[edges.sources] - end.y_um[edges.targets])
    limit = netlist.routing.limits.max_wire_um if netlist.routing is not None else None
    limit = technology.value("wire_length_max_um") if limit is None else limit
    verdicts = Verdicts.all_present(len(edges))
    verdicts.refuse("wire", ~(length_um <= limit), length_um, limit)
    ledger = electrical_ledger(length_um, technology.value("wire_delay_ps_per_cm"))
    return _routed(edges, verdicts, ledger.taken(np.flatnonzero(verdicts.present)))


def _routed(edges: Edges, verdicts: Verdicts, ledger: Ledger) -> RoutedProjection:
    """Split the edges into those that exist, with their ledger, and those that do not."""
    absent = np.flatnonzero(~verdicts.present)

    absences = Absences(
        sources=_part(edges.sources, absent),
        targets=_part(edges.targets, absent),
        reason=_part(verdicts.reason, absent),
        value=_part(verdicts.value, absent),
        limit=_part(verdicts.limit, absent),
    )
    here = np.flatnonzero(verdicts.present)
    existing = Edges(edges.sources[here], edges.targets[here]) if len(absent) else edges
    return RoutedProjection(existing, ledger.delay_ps, absences, ledger)


def _part(array: NDArray[T], where: NDArray[np.int64]) -> NDArray[T]:
    part = array[where]
    part.setflags(write=False)
    return part
