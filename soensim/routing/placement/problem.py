"""What a placement method is given."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.routing.placement.graph import Graph
from soensim.routing.placement.placed import IntArray


@dataclass(frozen=True, eq=False)
class PlacementProblem:
    """The chip as a graph, and the grid that its neurons are placed on.

    Attributes
    ----------
    graph
        Neurons and input ports, and the edges between them.
    in_order
        Shape (neurons,): site of each neuron in the order of the netlist. Site k is in row k // columns.
    columns
        Width of the grid.
    seed
        Of the search.
    sweeps
        Exchanges that are tried per neuron.
    """

    graph: Graph
    in_order: IntArray
    columns: int
    seed: int
    sweeps: int
