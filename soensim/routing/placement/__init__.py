"""Netlist -> Placement: the cells of the neurons and the input ports on the die, and the routing grid over them."""

from soensim.routing.placement.placed import FloatArray, IntArray, Placement, Places
from soensim.routing.placement.strategies import place

__all__ = ["FloatArray", "IntArray", "Placement", "Places", "place"]
