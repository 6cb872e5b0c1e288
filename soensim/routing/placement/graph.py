"""What the search for a placement sees of a chip: neurons, ports, how many edges join them, and the places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.netlist import Netlist
from soensim.routing.placement.placed import FloatArray, IntArray

#: Unit of length of the search: whole numbers, so that sums are the same on every machine. Per cell.
UNIT = 1000


@dataclass(frozen=True, eq=False)
class Graph:
    """Neurons and input ports as one undirected graph without loops; nodes are neurons first, then ports.

    Attributes
    ----------
    neurons
        How many of the nodes are neurons, in file order.
    first, neighbour, weight
        Node k has the neighbours ``neighbour[first[k]:first[k + 1]]``, in ascending order; `weight` is the number of
        edges of the netlist between the two, in both directions. Shapes (nodes + 1,), (links,), (links,); each link is
        there from both of its ends.
    port_x, port_y
        Shape (ports,): where they are, in `UNIT` of a cell from the centre of the lower left cell.
    """

    neurons: int
    first: IntArray
    neighbour: IntArray
    weight: IntArray
    port_x: IntArray
    port_y: IntArray

    @property
    def node(self) -> IntArray:
        """Shape (links,): the node that each link leaves from."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def coordinates(self, column: IntArray, row: IntArray) -> tuple[IntArray, IntArray]:
        """Coordinates x and y of all nodes, shape (nodes,), with the neurons at these places, shape (neurons,)."""
        return np.concatenate((UNIT * column, self.port_x)), np.concatenate((UNIT * row, self.port_y))

    def length(self, column: IntArray, row: IntArray) -> int:
        """Sum of the Manhattan lengths of all edges, in `UNIT` of a cell, with the neurons at these places.

        Why this, and not the half perimeter of each net: it is the length of the path that light takes, which decides
        delay and loss, and it shortens the waveguides as well. Measured on small-world, modular, random, geometric and
        lattice graphs of 1000 neurons (up to 20,000 edges): annealing by it makes trees along the emitter's row and
        then columns at most 15 % longer than annealing by the length of these trees themselves, and rectilinear
        spanning trees at most 4 % longer than the best of the three. Half perimeters make trees along rows and columns
        up to 30 % longer than this, at 20 times the work: a net of 20 spans most of a chip wherever its neurons are.
        """
        x, y = self.coordinates(column, row)
        node = self.node
        distance = np.abs(x[node] - x[self.neighbour]) + np.abs(y[node] - y[self.neighbour])
        return int(self.weight @ distance) // 2


def graph_of(netlist: Netlist, port_x: FloatArray, port_y: FloatArray) -> Graph:
    """Make the graph of a netlist's neurons and ports.

    Parameters
    ----------
    netlist
        The chip.
    port_x, port_y
        Shape (ports,): where the ports are, in cells from the centre of the lower left cell, in file order.
    """
    from scipy.sparse import coo_array  # 0.1 s, needed only by chips that ask for it

    ports = {**netlist.inputs, **netlist.spike_inputs}
    neurons = sum(population.size for name, population in netlist.populations.items() if name not in ports)
    start, next_neuron, next_port = {}, 0, neurons
    for name, population in netlist.populations.items():
        if name in ports:
            start[name], next_port = next_port, next_port + population.size
        else:
            start[name], next_neuron = next_neuron, next_neuron + population.size
    edges = [(p, netlist.edges(p)) for p in netlist.projections]
    sources = np.concatenate([start[p.source] + e.sources for p, e in edges])
    targets = np.concatenate([start[p.target] + e.targets for p, e in edges])
    is_loop = sources == targets
    sources, targets = sources[~is_loop], targets[~is_loop]
    ends = np.concatenate((sources, targets)), np.concatenate((targets, sources))
    links = coo_array((np.ones(len(ends[0]), dtype=np.int64), ends), shape=(next_port, next_port)).tocsr()
    links.sum_duplicates()
    return Graph(
        neurons,
        links.indptr.astype(np.int64),
        links.indices.astype(np.int64),
        links.data,
        np.rint(UNIT * port_x).astype(np.int64),
        np.rint(UNIT * port_y).astype(np.int64),
    )
