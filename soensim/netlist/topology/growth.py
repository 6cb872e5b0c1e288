"""Growth by distance and degree: local networks with hubs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from soensim.netlist.base import Positive, Seed
from soensim.netlist.topology.edges import EdgeError, Edges, IndexArray
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.sampling import in_order
from soensim.netlist.topology.topology_part import Count, EdgeCount, Ends, TopologyPart

_LEAST = 1e-300  # where exp(-d / length) would be zero: the first neurons must be able to link however far they are


class Growth(TopologyPart):
    """Neurons join one by one and link with those that are near and have many links already.

    Neurons join in a drawn order. The one that joins makes its links one after another, each with another neuron that
    is there, at distance d and with k links of its own, drawn with probability in proportion to

        (1 + k)^preference exp(-d / length).

    Each link is one synapse; its direction is drawn, unless the other neuron has `max_fan_in` sources: then it drives
    the one that joins. All make the same number of links, within one, except that the first ones can make no more
    than there are neurons.

    That new and existing nodes are linked by distance and by the degree of existing nodes, on a chip of 8100 neurons
    with 330,430 synapses, is from J. M. Shainline et al., arXiv:1805.01942 (abstract). Its formula was not at hand:
    this one, with preference 1, is that of M. Barthelemy, Europhys. Lett. 63, 915 (2003), and the free exponent of
    the degree is as in S.-H. Yook, H. Jeong, A.-L. Barabasi, PNAS 99, 13382 (2002), where the fall with distance is a
    power law. The 1 + k, the drawn directions, one link per pair and the limit on fan-in are our own.
    """

    recurrent_only: ClassVar[bool] = True

    kind: Literal["growth"]
    """Neurons join one by one and link with those that are near and have many links already."""
    edges_: Annotated[EdgeCount, Field(alias="edges")]
    """Number of edges, exactly; two neurons share one edge at most."""
    length: Positive
    """Distance over which the chance of a link falls by e: a number of cell pitches on the lattice."""
    preference: Annotated[float, Field(ge=0, le=4)] = 1.0
    """Exponent of 1 + the number of links: 0, degree does not matter; 1, as in the model of Barabasi and Albert."""
    max_fan_in: Count | None = None
    """Number of sources that a neuron has at most, as its cell has a fixed area; absent: no limit."""
    seed: Seed
    """Seed (a whole number) of the draw."""

    def _make(self, ends: Ends) -> Edges:
        n = ends.n_targets
        if self.edges_ > (possible := _most_edges(n, n)):
            raise EdgeError(f"{self.edges_} is more than the {possible} pairs of {n} neurons", "edges")
        links = links_made(n, self.edges_)
        limit = n if self.max_fan_in is None else self.max_fan_in
        if links[-1] > limit:
            raise EdgeError(
                f"{limit} leaves room for {_most_edges(n, limit)} of {self.edges_} edges; give {links[-1]} or more",
                "max_fan_in",
            )
        from soensim.netlist.topology.growth_kernel import grow  # numba: loaded only by chips that need it

        rng = np.random.default_rng(self.seed)
        rows, columns = lattice(n)
        down, right = np.arange(rows)[:, None], np.abs(np.arange(1 - columns, columns))
        with np.errstate(over="ignore"):  # a length near zero
            nearness = np.maximum(np.exp(-np.hypot(down, right) / self.length), _LEAST)
        arrivals = rng.permutation(n)
        choices = rng.random(self.edges_)
        outward = rng.integers(0, 2, size=self.edges_, dtype=bool)
        sources, targets = grow(arrivals, links, choices, outward, nearness, self.preference, limit)
        return in_order(sources, targets, n)


def links_made(n: int, edges: int) -> IndexArray:
    """Number of links that each of n neurons makes when it joins, in the order of arrival; they add up to ``edges``.

    The t-th can make t links (counted from 0); beyond that, all make the same, and the last ones one more.
    """
    even = 0
    while even < n and _most_edges(n, even + 1) <= edges:
        even += 1
    links = np.minimum(np.arange(n), even)
    more = edges - _most_edges(n, even)
    links[n - more :] += 1
    return links


def _most_edges(n: int, links: int) -> int:
    """Number of edges among n neurons that make up to ``links`` links each: the sum of min(t, links) over t < n."""
    links = min(links, n)
    return links * (2 * n - links - 1) // 2
