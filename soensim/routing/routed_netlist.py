"""RoutedNetlist: which of the edges that a netlist asks for exist, why the others do not, and the routes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.described import Described, sizes
from soensim.errors import RoutingError
from soensim.netlist import Netlist
from soensim.netlist.topology.edges import Edges
from soensim.routing.ledger import Ledger
from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray, IntArray, Placement
from soensim.routing.waveguides import Waveguides

if TYPE_CHECKING:
    import networkx as nx

Reason = Literal["track", "fan-out", "crossings", "delay", "loss", "photons", "wire"]
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True, eq=False)
class Absences:
    """Edges of one projection that do not exist; arrays of shape (absent edges,), sorted by target, then source.

    Attributes
    ----------
    sources, targets
        The edge.
    reason
        Index into `REASONS`: `track`, no free track; the others: which limit of the routing the path exceeds.
    value, limit
        What the path would have, and what is legal, in the unit of the limit; NaN where it has no path.
    """

    sources: IntArray
    targets: IntArray
    reason: NDArray[np.int8]
    value: FloatArray
    limit: FloatArray

    def __len__(self) -> int:
        return len(self.sources)


NO_ABSENCES = Absences(
    sources=np.empty(0, dtype=np.int64),
    targets=np.empty(0, dtype=np.int64),
    reason=np.empty(0, dtype=np.int8),
    value=np.empty(0),
    limit=np.empty(0),
)


@dataclass(frozen=True)
class RoutedProjection:
    """The edges of one projection that exist.

    Attributes
    ----------
    edges
        Sorted by target, then source.
    delay_ps
        Read-only, shape (edges,): signal delay from source to target (ps).
    absences
        The edges of the netlist that do not exist.
    ledger
        The paths, in the order of `edges`; None where the chip is not laid out.
    """

    edges: Edges
    delay_ps: FloatArray
    absences: Absences = NO_ABSENCES
    ledger: Ledger | None = None

    @property
    def absent(self) -> dict[str, int]:
        """How many edges of the netlist do not exist, by reason."""
        counts = np.bincount(self.absences.reason, minlength=len(REASONS))
        return {reason: int(count) for reason, count in zip(REASONS, counts, strict=True) if count}


@dataclass(frozen=True, eq=False)
class Channels:
    """How full the channels are, counted before edges without a track are given up.

    Attributes
    ----------
    row_wanted, column_wanted
        Shape (rows, columns): tracks along the row, and along the column, that are wanted at each place of the grid.
    row_tracks, column_tracks
        Shape (rows,) and (columns,): tracks that there are.
    """

    row_wanted: IntArray
    column_wanted: IntArray
    row_tracks: IntArray
    column_tracks: IntArray


@dataclass(frozen=True, eq=False)
class Layout:
    """The chip on its die.

    Attributes
    ----------
    placement
        Where neurons and ports are.
    nets, waveguides, channels
        The optical nets and their waveguides (existing edges only); None on a chip without optical projections, and
        `channels` is None too where waveguides are straight lines (`direct`).
    """

    placement: Placement
    nets: Nets | None = None
    waveguides: Waveguides | None = None
    channels: Channels | None = None


@dataclass(frozen=True, repr=False)
class RoutedNetlist(Described):
    """A netlist and the edges of each projection that the chip has, by `source->target`; `layout` if it is laid out."""

    netlist: Netlist
    projections: Mapping[str, RoutedProjection]
    layout: Layout | None = None

    def _facts(self) -> Mapping[str, Any]:
        absent = sum(sum(routed.absent.values()) for routed in self.projections.values())
        return {
            "name": repr(self.netlist.name),
            "edges": sizes({key: len(routed.edges) for key, routed in self.projections.items()}),
            "absent_edges": absent or None,
            "laid_out": self.layout is not None,
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the netlist and of what routing made of it: edges and delays (to 1 fs). Programs carry it."""
        if self.layout is None:
            return self.netlist.hash
        content = hashlib.sha256(self.netlist.hash.encode())
        for key in sorted(self.projections):
            routed = self.projections[key]
            delay_fs = np.rint(routed.delay_ps * 1e3).astype("<i8")
            content.update(f"{key} {routed.edges.digest} ".encode() + delay_fs.tobytes())
        return content.hexdigest()

    def check_complete(self) -> None:
        """Refuse a chip that lacks edges which its netlist does not allow to be pruned.

        Raises
        ------
        RoutingError
            `routing.absent_edges` is `error` and an edge is absent.
        """
        routing = self.netlist.routing
        if routing is None or routing.absent_edges == "prune":
            return
        counts: Counter[str] = Counter()
        for routed in self.projections.values():
            counts.update(routed.absent)
        if counts:
            asked = sum(len(self.netlist.edges(p)) for p in self.netlist.projections)
            reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items())
            raise RoutingError(
                f"netlist {self.netlist.name!r}: {counts.total()} of {asked} edges have no route ({reasons}); "
                "`soensim check` says more; set routing.absent_edges: prune to do without them"
            )

    def graph(self) -> nx.DiGraph[tuple[str, int]]:
        """Make the graph of neurons and channels; nodes are (population, index), edges carry `delay_ps`."""
        import networkx as nx  # slow to load: only by who wants a graph

        graph: nx.DiGraph[tuple[str, int]] = nx.DiGraph()
        for name, population in self.netlist.populations.items():
            graph.add_nodes_from(((name, k) for k in range(population.size)), population=name, kind=population.kind)
        for projection in self.netlist.projections:
            routed = self.projections[projection.key]
            graph.add_edges_from(
                ((projection.source, int(j)), (projection.target, int(i)), {"delay_ps": float(d)})
                for j, i, d in zip(routed.edges.sources, routed.edges.targets, routed.delay_ps, strict=True)
            )
        return graph
