"""Netlist -> RoutedNetlist: placement, waveguides, ledger, and which edges exist.

Without a floorplan every edge of the netlist exists, with the delay that its projection states.
"""

from soensim.routing.ledger import Ledger
from soensim.routing.routed_netlist import REASONS, Absences, Channels, Layout, RoutedNetlist, RoutedProjection
from soensim.routing.router import route

__all__ = [
    "REASONS",
    "Absences",
    "Channels",
    "Layout",
    "Ledger",
    "RoutedNetlist",
    "RoutedProjection",
    "route",
]
