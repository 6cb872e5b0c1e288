"""Small worlds: a ring of near neighbours, some of whose links are moved anywhere."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from soensim.netlist.base import MAX_NEURONS, Fraction, Seed, fault
from soensim.netlist.topology.edges import EdgeError, Edges
from soensim.netlist.topology.sampling import in_order
from soensim.netlist.topology.topology_part import Ends, TopologyPart, affordable


def _even(neighbours: int) -> int:
    if neighbours % 2:
        raise fault(f"{neighbours} is odd; half of the neighbours are on each side, so give an even number")
    return neighbours


class SmallWorld(TopologyPart):
    """Watts-Strogatz small world within a population (D. J. Watts, S. H. Strogatz, Nature 393, 440, 1998).

    Every neuron is linked with its nearest neighbours on a ring, in the order of their indices; then each link is
    moved, with some probability, to a neuron drawn from all others. networkx draws the graph, at about 200 bytes and
    2 us per edge.
    """

    recurrent_only: ClassVar[bool] = True

    kind: Literal["small-world"]
    """Watts-Strogatz ring of neighbours, some of whose links are moved anywhere; for recurrent synapses."""
    neighbours: Annotated[int, Field(ge=2, le=MAX_NEURONS), AfterValidator(_even)]
    """Number of neurons with which each is linked before links move, half of them on each side; even."""
    rewiring: Fraction
    """Fraction of the links that are moved on average: 0 is the ring itself, 1 is close to a random graph."""
    both_ways: bool = True
    """Whether a link is two synapses, one each way; if not, it is one, with a direction drawn for each link."""
    seed: Seed
    """Seed (a whole number) of the draw."""

    def _make(self, ends: Ends) -> Edges:
        n = ends.n_targets
        if self.neighbours >= n:
            legal = f"legal is an even number up to {(n - 1) // 2 * 2}" if n > 2 else "a ring needs 3 neurons or more"
            raise EdgeError(
                f"{self.neighbours} is more than the {n - 1} others in the population; {legal}", "neighbours"
            )
        links = n * self.neighbours // 2
        affordable(links * (1 + self.both_ways), "neighbours")
        import networkx as nx  # slow to load: only by chips that need it

        graph = nx.watts_strogatz_graph(n, self.neighbours, self.rewiring, seed=self.seed)
        pairs = np.array(list(graph.edges), dtype=np.int64)
        # a node's links are in the order in which they were made; sort, so that only the graph decides the draw
        pairs.sort(axis=1)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        if self.both_ways:
            pairs = np.concatenate((pairs, pairs[:, ::-1]))
        else:
            turned = np.random.default_rng(self.seed).integers(0, 2, size=links, dtype=bool)
            pairs[turned] = pairs[turned, ::-1]
        return in_order(pairs[:, 0], pairs[:, 1], n)
