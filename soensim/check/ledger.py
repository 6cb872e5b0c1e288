"""The ledger of a chip in a few figures per projection, and its worst net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from soensim.check.finding import Box
from soensim.check.routes import edge_box, edge_name
from soensim.netlist import Projection
from soensim.routing import Ledger, RoutedNetlist
from soensim.routing.placement import FloatArray

#: Arrays of the ledger that a summary has for light, and for wires.
_OPTICAL = ("length_um", "loss_db", "delay_ps", "photons", "no_photon_probability")
_ELECTRICAL = ("length_um", "delay_ps")


@dataclass(frozen=True)
class Summary:
    """Paths of one projection.

    Attributes
    ----------
    key, medium
        The projection, and what carries its signals.
    requested, routed, absent
        Edges of the netlist, those that exist, and those that do not by reason.
    figures
        (least, median, largest) of each array of the ledger; empty where no edge exists or the chip is not laid out.
    worst
        The edge with the most loss, or the longest wire.
    location
        Rectangle between its ends.
    causes_db
        What its loss is made of, by cause.
    """

    key: str
    medium: str | None
    requested: int
    routed: int
    absent: dict[str, int]
    figures: dict[str, tuple[float, float, float]]
    worst: str | None
    location: Box | None
    causes_db: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "projection": self.key,
            "medium": self.medium,
            "routed": self.routed,
            **{key: dict(zip(("min", "median", "max"), values, strict=True)) for key, values in self.figures.items()},
            "worst_edge": self.worst,
            "location": None if self.location is None else {"box_um": list(self.location)},
            "worst_loss_db": self.causes_db,
        }


def summaries(routed: RoutedNetlist) -> tuple[Summary, ...]:
    """Summarise the ledgers of all projections, in file order."""
    return tuple(_summary(routed, projection) for projection in routed.netlist.projections)


def _summary(routed: RoutedNetlist, projection: Projection) -> Summary:
    routes = routed.projections[projection.key]
    figures, worst, box, causes = {}, None, None, {}
    if routes.ledger is not None and len(routes.edges):
        optical = projection.medium == "optical"
        figures = {name: _spread(getattr(routes.ledger, name)) for name in (_OPTICAL if optical else _ELECTRICAL)}
        k = int(np.argmax(routes.ledger.loss_db if optical else routes.ledger.length_um))
        source, target = int(routes.edges.sources[k]), int(routes.edges.targets[k])
        worst = edge_name(projection, source, target)
        box = edge_box(routed.layout, projection, source, target)
        causes = _causes(routes.ledger, k) if optical else {}
    elif len(routes.edges):
        figures = {"delay_ps": _spread(routes.delay_ps)}
    return Summary(
        key=projection.key,
        medium=projection.medium,
        requested=len(routed.netlist.edges(projection)),
        routed=len(routes.edges),
        absent=routes.absent,
        figures=figures,
        worst=worst,
        location=box,
        causes_db=causes,
    )


def _spread(values: FloatArray) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())


def _causes(ledger: Ledger, k: int) -> dict[str, float]:
    names = ("propagation", "bend", "crossing", "plane_crossing", "tap", "coupler", "split")
    return {name: float(getattr(ledger, f"{name}_db")[k]) for name in names}
