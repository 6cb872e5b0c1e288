"""Chips that are laid out by hand: places, ledgers, absences and channels are what a test says, not what is routed."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from soensim.check import Finding, Report, check_routed
from soensim.netlist import Netlist, Waiver
from soensim.netlist.topology.edges import Edges
from soensim.routing import REASONS, Absences, Channels, Layout, Ledger, RoutedNetlist, RoutedProjection
from soensim.routing.placement import Placement, Places

TODAY = datetime.date(2026, 6, 1)
ABSENT = Mapping[tuple[int, int], tuple[str, float, float]]


def ledger(edges: int, **given: Any) -> Ledger:
    """Paths of so many edges; what is not given is zero, but for 100 photons."""
    values: dict[str, Any] = {field.name: 0.0 for field in fields(Ledger)} | {"photons": 100.0} | given
    return Ledger(**{name: np.broadcast_to(np.asarray(value), (edges,)).copy() for name, value in values.items()})


def projection_by_hand(edges: Edges, absent: ABSENT, **paths: Any) -> RoutedProjection:
    """Edges without those that are absent, as (reason, value, limit) by (source, target)."""
    pairs = list(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))
    gone = np.array([pair in absent for pair in pairs], dtype=bool)
    lost = [absent[pair] for pair in pairs if pair in absent]
    found = ledger(int((~gone).sum()), **paths)
    return RoutedProjection(
        Edges(edges.sources[~gone], edges.targets[~gone]),
        found.delay_ps,
        Absences(
            edges.sources[gone],
            edges.targets[gone],
            np.array([REASONS.index(reason) for reason, _, _ in lost], dtype=np.int8),
            np.array([value for _, value, _ in lost], dtype=np.float64),
            np.array([limit for _, _, limit in lost], dtype=np.float64),
        ),
        found,
    )


def by_hand(
    netlist: Netlist,
    *,
    positions: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    cell_um: float = 100.0,
    absent: Mapping[str, ABSENT] | None = None,
    paths: Mapping[str, Mapping[str, Any]] | None = None,
    channels: Channels | None = None,
) -> RoutedNetlist:
    """A routed chip; without positions, its neurons stand in one row and its ports at the left edge."""
    floorplan = netlist.floorplan
    assert floorplan is not None
    places, x = {}, 0
    for name, population in netlist.populations.items():
        k = np.arange(population.size)
        if positions is not None and name in positions:
            x_um, y_um = np.array(positions[name], dtype=np.float64).T
        elif name in netlist.inputs:
            x_um, y_um = np.full(len(k), 50.0), 150.0 + 10.0 * k
        else:
            x_um, y_um = 150.0 + cell_um * (x + k), np.full(len(k), 150.0)
            x += len(k)
        places[name] = Places(x_um, y_um, k, np.zeros_like(k))
    borders = np.linspace(0.0, 1000.0, 11)
    placement = Placement(
        floorplan.die_width_um, floorplan.die_height_um, floorplan.margin_um, cell_um, borders, borders, places
    )
    routed = {
        p.key: projection_by_hand(netlist.edges(p), (absent or {}).get(p.key, {}), **(paths or {}).get(p.key, {}))
        for p in netlist.projections
    }
    return RoutedNetlist(netlist, routed, Layout(placement, channels=channels))


def waived(netlist: Netlist, *waivers: tuple[str, str, str]) -> Netlist:
    """The chip with waivers, as (rule, object, until)."""
    parts = tuple(
        Waiver.model_validate({"rule": rule, "object": name, "reason": "known", "until": until})
        for rule, name, until in waivers
    )
    return netlist.model_copy(update={"waivers": parts})


def report(routed: RoutedNetlist) -> Report:
    return check_routed(routed, today=TODAY)


def of(rule: str, routed: RoutedNetlist) -> list[Finding]:
    """What one rule says."""
    return [finding for finding in report(routed).findings if finding.id == rule]
