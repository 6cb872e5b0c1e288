"""Pruning to a wiring budget: when edges go, and which of them.

The length that edges may take falls from that of the whole projection to the budget by a cubic (Zhu & Gupta 2017,
arXiv:1710.01878). What goes is what costs most waveguide or wire for what it does: |w| over the length that the removal
alone would free, and a cell more. Over light |w| counts as much of it as arrives, and what the other detectors of the
net gain is taken off: a net that serves fewer gives each of them more photons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.wiring import BoolArray, Wiring

PRUNED_SHARE = 0.55
"""Share of the unquantised steps over which edges go; the others train what is left."""

PRUNINGS = 100
"""Number of times that edges go, at most: between two of them the weights that are left make up for the loss."""

CELLS_PER_EDGE = 1.0
"""Length that every edge costs beside what it frees, in sides of a cell: routes run between the middles of cells, and
what leads from there to a synapse, about half a side at each end, is not counted in their length."""


@dataclass(frozen=True)
class LengthSchedule:
    """Length that the recurrent edges may take at each step.

    Attributes
    ----------
    first_um, last_um
        Before the first step, and from the last one on.
    steps
        Number of steps over which it falls, at least 1.
    """

    first_um: float
    last_um: float
    steps: int

    def is_due(self, step: int) -> bool:
        """Whether edges go after this step (counted from 1)."""
        return step <= self.steps and (step % -(-self.steps // PRUNINGS) == 0 or step == self.steps)

    def length_um(self, step: int) -> float:
        """Length that is left after this step: L + (L_0 - L) (1 - step / steps)^3."""
        left = max(0.0, 1 - step / self.steps)
        return self.last_um + max(0.0, self.first_um - self.last_um) * left**3


def kept_edges(wiring: Wiring, magnitude: FloatArray, target_um: float) -> BoolArray:
    """Choose the edges that stay, shape (edges,), so that the removable ones take at most a length.

    Edges go one at a time, the lowest score first, scores of the same net being taken anew after each; one edge of each
    projection stays in any case. Of equal scores the first edge goes.

    Parameters
    ----------
    wiring
        The trees.
    magnitude
        Shape (edges,): |w|.
    target_um
        The length (um).
    """
    present = np.ones(len(wiring), dtype=bool)
    users, taken_um = wiring.users(present), wiring.taken_um(present)
    scores, freed_um = edge_scores(wiring, magnitude, present, users, np.arange(len(wiring)))
    lowest = np.full(wiring.nets, np.inf)
    np.minimum.at(lowest, wiring.net, scores)
    left = np.bincount(wiring.projection[wiring.removable], minlength=len(wiring.keys))
    while taken_um > target_um:
        net = int(np.argmin(lowest))
        if lowest[net] == np.inf:
            break
        mine = np.arange(wiring.first[net], wiring.first[net + 1])
        edge = int(mine[np.argmin(scores[mine])])
        if left[wiring.projection[edge]] == 1:
            scores[edge] = np.inf
        else:
            left[wiring.projection[edge]] -= 1
            taken_um -= freed_um[edge]
            present[edge] = False
            wiring.without(edge, users)
            scores[mine], freed_um[mine] = edge_scores(wiring, magnitude, present, users, mine)
        lowest[net] = scores[mine].min()
    return present


def edge_scores(
    wiring: Wiring, magnitude: FloatArray, present: BoolArray, users: IntArray, edges: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Score the edges of some nets, all of each: what arrives less without the edge, over the length that it frees.

    With W the sum of |w| over the edges of a net that are present, n their need of light and p(n) the probability that
    a spike is counted (`Wiring.arrival`), it is (p(n) W - p(n - n_e) (W - |w_e|)) / (length_e + cell side), negative
    where the net gains by the removal.

    Parameters
    ----------
    wiring, magnitude
        As `kept_edges` takes them.
    present, users
        Shape (edges,) and (nodes,): the edges that are left, and `Wiring.users` of them.
    edges
        The edges to score.

    Returns
    -------
    scores, freed_um
        Shape (edges to score,); infinite where the edge is not present or not removable; 0 where it is not present.
    """
    net = wiring.net[edges] - wiring.net[edges[0]] if len(edges) else edges
    here = present[edges]
    weight = np.where(here, magnitude[edges], 0.0)
    light = np.where(here, wiring.light_needed[edges], 0.0)
    weights, lights = (np.bincount(net, values).astype(np.float64)[net] for values in (weight, light))
    lost = wiring.arrival(lights) * weights - wiring.arrival(lights - light) * (weights - weight)
    freed_um = np.where(here, wiring.freed_um(edges, users), 0.0)
    scores = lost / (freed_um + CELLS_PER_EDGE * wiring.cell_um)
    scores[~(here & wiring.removable[edges])] = np.inf
    return scores, freed_um
