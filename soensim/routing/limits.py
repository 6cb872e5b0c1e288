"""Limits: which edges may not exist because their path costs too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.netlist import RouteLimits
from soensim.routing.ledger import Ledger, light_needed
from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray
from soensim.routing.routed_netlist import REASONS, Reason

PRESENT = -1


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What becomes of each edge, arrays of shape (edges,).

    Attributes
    ----------
    reason
        Index into `REASONS` of what it breaks, or `PRESENT`.
    value, limit
        What it has and what is legal; NaN where it is present.
    """

    reason: NDArray[np.int8]
    value: FloatArray
    limit: FloatArray

    @classmethod
    def all_present(cls, edges: int) -> Verdicts:
        """Let every edge exist."""
        return cls(np.full(edges, PRESENT, dtype=np.int8), np.full(edges, np.nan), np.full(edges, np.nan))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which edges exist."""
        present: NDArray[np.bool_] = self.reason == PRESENT
        return present

    def ordered(self, edges: NDArray[np.int64]) -> Verdicts:
        """Make the verdicts of these edges, in this order."""
        return Verdicts(self.reason[edges], self.value[edges], self.limit[edges])

    def refuse(self, reason: Reason, edges: NDArray[np.bool_], value: FloatArray | float, limit: float) -> None:
        """Let some edges not exist, unless that is decided already; ``edges`` and ``value`` have the shape (edges,)."""
        new = edges & self.present
        self.reason[new] = REASONS.index(reason)
        self.value[new] = np.broadcast_to(value, new.shape)[new]
        self.limit[new] = limit

    def take_over(self, edges: NDArray[np.int64], other: Verdicts) -> None:
        """Refuse what another verdict on some of the edges refuses, given by their indices."""
        refused = ~other.present
        for mine, theirs in ((self.reason, other.reason), (self.value, other.value), (self.limit, other.limit)):
            mine[edges[refused]] = theirs[refused]


def judge(ledger: Ledger, nets: Nets, limits: RouteLimits, *, photons_per_spike: float) -> Verdicts:
    """Apply the limits to the paths of all sinks.

    An edge breaks a limit of its own path alone (crossings, delay), or one of its net: then those with the costliest
    path go, as few as will do. One whose delay or loss is not finite does not exist, whatever the limits. In a net each
    detector has the same light and total loss, so what counts for `max_loss_db` and `min_photons` is the sum of
    10^(L_e / 10) over the edges that stay (see `ledger`).

    Parameters
    ----------
    ledger
        Paths of the sinks, in the order of the nets.
    nets
        The nets.
    limits
        What a path may cost.
    photons_per_spike
        What an emitter sends into its waveguide.
    """
    verdicts = Verdicts.all_present(nets.sinks)
    path_db = ledger.path_db
    if limits.max_fan_out is not None:
        rank, fan_out = _rank_in_net(nets, ledger.length_um)
        verdicts.refuse("fan-out", rank >= limits.max_fan_out, fan_out, limits.max_fan_out)
    if limits.max_crossings is not None:
        crossings = (ledger.crossings + ledger.plane_crossings).astype(np.float64)
        verdicts.refuse("crossings", crossings > limits.max_crossings, crossings, limits.max_crossings)
    # comparisons are written so that what is not finite is over the limit, also where there is none
    longest_ps = np.finfo(np.float64).max if limits.max_delay_ps is None else limits.max_delay_ps
    verdicts.refuse("delay", ~(ledger.delay_ps <= longest_ps), ledger.delay_ps, longest_ps)
    if limits.max_loss_db is not None or not np.isfinite(ledger.loss_db).all():
        most_db = np.finfo(np.float64).max if limits.max_loss_db is None else limits.max_loss_db
        loss_db = 10 * np.log10(_need_up_to(nets, path_db, verdicts.present))
        verdicts.refuse("loss", ~(loss_db <= most_db + 1e-9), loss_db, most_db)
    if limits.min_photons:
        photons = photons_per_spike / _need_up_to(nets, path_db, verdicts.present)
        verdicts.refuse("photons", ~(photons >= limits.min_photons * (1 - 1e-9)), photons, limits.min_photons)
    return verdicts


def _rank_in_net(nets: Nets, cost: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Place of each sink among those of its net by cost, from 0, and how many there are."""
    order = np.lexsort((np.arange(nets.sinks), cost, nets.net))
    rank = np.empty(nets.sinks, dtype=np.int64)
    rank[order] = np.arange(nets.sinks) - nets.first[nets.net]
    return rank, np.diff(nets.first)[nets.net].astype(np.float64)


def _need_up_to(nets: Nets, path_db: FloatArray, present: NDArray[np.bool_]) -> FloatArray:
    """Sum of 10^(L / 10) over the cheaper edges of the net and the edge itself: the light to serve it as the last."""
    from soensim.routing.tree_sums import running_sums  # numba: loaded only by chips that need it

    order = np.lexsort((np.arange(nets.sinks), path_db, nets.net))
    need = np.empty(nets.sinks)
    need[order] = running_sums(np.where(present, light_needed(path_db), 0.0)[order], nets.first)
    need[~present] = 1.0  # decided already
    return need
