"""From a netlist to its routes."""

from __future__ import annotations

import numpy as np

from soensim.netlist import Netlist, Projection
from soensim.routing.result import RoutedNetlist, RoutedProjection


def route(netlist: Netlist) -> RoutedNetlist:
    """Decide which edges exist."""
    return RoutedNetlist(netlist, {p.key: _as_stated(netlist, p) for p in netlist.projections})


def _as_stated(netlist: Netlist, projection: Projection) -> RoutedProjection:
    """Take every edge as the netlist has it, on a chip that is not laid out."""
    edges = netlist.edges(projection)
    delay = np.full(len(edges), projection.delay_ps)
    delay.setflags(write=False)
    return RoutedProjection(edges, delay)
