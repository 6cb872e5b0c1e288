"""Optimised placement: which neuron goes to which place of a grid, so that the wires are short."""

from __future__ import annotations

import numpy as np

from soensim.netlist import Netlist, OptimisedPlacement
from soensim.routing.placement.graph import graph_of
from soensim.routing.placement.result import FloatArray, IntArray
from soensim.routing.placement.spectral import spectral


def optimised(
    netlist: Netlist,
    placement: OptimisedPlacement,
    column: IntArray,
    row: IntArray,
    port_x: FloatArray,
    port_y: FloatArray,
) -> IntArray:
    """Assign the neurons to sites; the wires are never longer than in file order.

    Parameters
    ----------
    netlist
        The chip.
    placement
        Method, seed and effort.
    column, row
        Shape (neurons,): the sites, row by row from below; all rows but the last are full.
    port_x, port_y
        Shape (ports,): where the input ports are, in cells from the centre of the lower left one.

    Returns
    -------
    IntArray
        Shape (neurons,): the site of each neuron, in file order.
    """
    graph = graph_of(netlist, port_x, port_y)
    candidates = np.arange(graph.neurons), spectral(graph, column, row, placement.seed)
    site = min(candidates, key=lambda site: graph.length(column[site], row[site]))
    if placement.method == "spectral":
        return site
    from soensim.routing.placement.annealing import annealed  # numba: loaded only by chips that ask for it

    return annealed(graph, site, int(column.max()) + 1, placement.seed, placement.sweeps)
