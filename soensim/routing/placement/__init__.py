"""Netlist -> Placement: the cells of the neurons and the input ports on the die, and the routing grid over them."""

from soensim.routing.placement.place import place
from soensim.routing.placement.result import FloatArray, IntArray, Placement, Places

__all__ = ["FloatArray", "IntArray", "Placement", "Places", "place"]
