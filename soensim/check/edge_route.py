"""One edge of a chip: its route and what it costs, or why it does not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from soensim._runtime.words import shown
from soensim.check.rules import ABSENCE_RULES, RULES
from soensim.errors import SoensimError
from soensim.netlist import Netlist, Projection
from soensim.routing import REASONS, RoutedNetlist, RoutedProjection

_MEMBER = re.compile(r"(?P<population>[A-Za-z][A-Za-z0-9_-]*)\[(?P<index>\d+)\]")

_ABSENT = {
    "track": "no track is free all along its way",
    "fan-out": "its emitter drives {value:.0f} detectors and may drive {limit:.0f}; those nearer to it are kept",
    "crossings": "its path has {value:.0f} crossings; the limit is {limit:.0f}",
    "delay": "its path takes {value:.4g} ps; the limit is {limit:.4g} ps",
    "loss": "serving it, the detectors of its net lose {value:.4g} dB; the limit is {limit:.4g} dB",
    "photons": "serving it, the detectors of its net get {value:.4g} photons per spike; {limit:.4g} are needed",
    "wire": "its wire is {value:.5g} um long; the limit is {limit:.5g} um",
}


@dataclass(frozen=True)
class Member:
    """One neuron or input channel: ``population[index]``."""

    population: str
    index: int

    def __str__(self) -> str:
        return f"{self.population}[{self.index}]"


def parse_member(netlist: Netlist, text: str) -> Member:
    """Read ``hidden[3]``.

    Raises
    ------
    SoensimError
        It has another form, or the chip has no such member.
    """
    match = _MEMBER.fullmatch(text)
    if match is None:
        raise SoensimError(f"{shown(text)} names no neuron or channel; write it as hidden[3]")
    name, index = match["population"], int(match["index"])
    if name not in netlist.populations:
        raise SoensimError(f"{text}: no population {name!r}; there are {', '.join(netlist.populations)}")
    size = netlist.populations[name].size
    if index >= size:
        raise SoensimError(f"{text}: {name!r} has the members 0 to {size - 1}")
    return Member(name, index)


def explain_edge(routed: RoutedNetlist, source: Member, target: Member) -> dict[str, Any]:
    """Report how the edge from one member to another is routed, or why it does not exist.

    Returns
    -------
    dict
        `edge`, `status` (present, absent, or not in the netlist), `reason` in words; for a present edge its `delay_ps`
        and, on a chip that is laid out, the `ledger` and the `path` from the emitter: places where something happens.
    """
    netlist = routed.netlist
    name = f"{source} -> {target}"
    projection = next(
        (p for p in netlist.projections if (p.source, p.target) == (source.population, target.population)), None
    )
    if projection is None:
        keys = ", ".join(p.key for p in netlist.projections)
        reason = f"no projection leads from {source.population!r} to {target.population!r}; there are {keys}"
        return {"edge": name, "status": "not in the netlist", "reason": reason}
    routes = routed.projections[projection.key]
    at = np.flatnonzero((routes.edges.sources == source.index) & (routes.edges.targets == target.index))
    if len(at):
        return {"edge": name, "status": "present", **_present(routed, projection, routes, int(at[0]))}
    lost = np.flatnonzero((routes.absences.sources == source.index) & (routes.absences.targets == target.index))
    if len(lost):
        k = int(lost[0])
        reason = REASONS[routes.absences.reason[k]]
        value, limit = float(routes.absences.value[k]), float(routes.absences.limit[k])
        text = f"{_ABSENT[reason].format(value=value, limit=limit)}; {RULES[ABSENCE_RULES[reason]].fix}"
        return {"edge": name, "status": "absent", "cause": reason, "reason": text}
    reason = f"the topology of {projection.key} ({projection.topology.kind}) does not have it"
    return {"edge": name, "status": "not in the netlist", "reason": reason}


def _present(routed: RoutedNetlist, projection: Projection, routes: RoutedProjection, edge: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"projection": projection.key, "delay_ps": float(routes.delay_ps[edge])}
    if routes.ledger is None:
        return answer | {"reason": "the chip is not laid out: the edge exists as the netlist states it"}
    answer["medium"] = projection.medium
    if projection.medium == "electrical":
        length_um = float(routes.ledger.length_um[edge])
        return answer | {"length_um": length_um, "reason": "a wire along a row and a column; no light, no track"}
    row = {name: getattr(routes.ledger, name)[edge].item() for name in type(routes.ledger).__dataclass_fields__}
    path = _path(routed, projection, routes, edge)
    strategy = routed.netlist.routing.strategy if routed.netlist.routing else None
    return answer | {"reason": f"routed by {strategy}", "ledger": row, "path": path}


def _path(routed: RoutedNetlist, projection: Projection, routes: RoutedProjection, edge: int) -> list[dict[str, Any]]:
    """Nodes of the waveguide tree from the emitter to the detector, with the loss up to each (splitting included)."""
    from soensim.routing.ledger import LossTable, segment_db, split_shares
    from soensim.routing.waveguides import Kind

    layout, netlist = routed.layout, routed.netlist
    if layout is None or layout.nets is None or layout.waveguides is None:
        return []
    asked = netlist.edges(projection)
    of_chip = np.flatnonzero(
        (asked.sources == routes.edges.sources[edge]) & (asked.targets == routes.edges.targets[edge])
    )[0]
    k = netlist.projections.index(projection)
    sink = int(np.flatnonzero((layout.nets.projection == k) & (layout.nets.edge == of_chip))[0])
    guides, losses = layout.waveguides, LossTable.of(netlist.device_technology)
    own_db, share = segment_db(guides, losses), split_shares(guides, losses)
    nodes = [int(guides.detector[sink])]
    while guides.parent[nodes[-1]] >= 0:
        nodes.append(int(guides.parent[nodes[-1]]))
    path, loss_db, length_um = [], 0.0, 0.0
    for node in reversed(nodes):
        loss_db += float(own_db[node] - 10 * np.log10(share[node]))
        length_um += float(guides.length_um[node])
        path.append(
            {
                "kind": Kind(guides.kind[node]).name.lower(),
                "x_um": float(guides.x_um[node]),
                "y_um": float(guides.y_um[node]),
                "plane": int(guides.plane[node]),
                "share": float(share[node]),
                "length_um": length_um,
                "loss_db": loss_db,
            }
        )
    return path
