"""Rules on the routes: channels, absent edges, fan-in, light and delay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from soensim.budget import fan_in, stated
from soensim.check.finding import Box, Severity
from soensim.check.floorplan import prunes
from soensim.check.grouped_findings import Group
from soensim.check.rules import ABSENCE_RULES, RULES
from soensim.netlist import Netlist, Projection
from soensim.netlist.schema.spiking import SOMA
from soensim.network import sample_duration
from soensim.routing import REASONS, Channels, Layout, RoutedNetlist
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.routed_netlist import Reason

#: P(no photon counted) at one counted on average (Poisson).
ONE_COUNTED = math.exp(-1)

_BROKEN: dict[Reason, tuple[str, str]] = {
    "track": ("tracks", "find no free track"),
    "fan-out": ("detectors", "exceed the fan-out limit of their source"),
    "crossings": ("crossings", "cross too many waveguides"),
    "delay": ("ps", "take too long"),
    "loss": ("dB", "lose too much light"),
    "photons": ("photons", "bring too few photons"),
    "wire": ("um", "need too long a wire"),
}


class _Breach(NamedTuple):
    """Rule that objects break, how severe that is, and the unit of what is compared."""

    rule: str
    severity: Severity
    unit: str


class _Numbers(NamedTuple):
    """What each object has, what is legal, and how bad it is (the largest is the worst); shape (objects,) each."""

    value: FloatArray
    limit: FloatArray
    excess: FloatArray


class _Inputs(NamedTuple):
    """Synapses per neuron of a population, shape (size,); `where` follows the neuron's name in findings."""

    population: str
    counts: IntArray
    where: str = ""


def route_groups(routed: RoutedNetlist) -> Iterator[Group]:
    """Apply SOEN-RT-001 to 013.

    Raises
    ------
    TechnologyError
        The largest fan-in has no value.
    """
    if routed.layout is not None and routed.layout.channels is not None:
        yield from _channels(routed.netlist, routed.layout, routed.layout.channels)
    for projection in routed.netlist.projections:
        yield from _absences(routed, projection)
        yield from _dark(routed, projection)
        yield from _late(routed, projection)
    yield from _fan_in(routed)
    yield from _cut_off(routed)


def _channels(netlist: Netlist, layout: Layout, channels: Channels) -> Iterator[Group]:
    borders = layout.placement.row_borders_um, layout.placement.column_borders_um
    yield _channel(netlist, "row", channels.row_wanted, channels.row_tracks, borders)
    yield _channel(netlist, "column", channels.column_wanted.T, channels.column_tracks, borders[::-1])


def _channel(
    netlist: Netlist, kind: str, wanted: IntArray, tracks: IntArray, borders_um: tuple[FloatArray, FloatArray]
) -> Group:
    """Compare wanted tracks (channels, places along it) with those that there are (channels,)."""
    across_um, along_um = borders_um
    most = wanted.max(axis=1, initial=0)
    full = np.flatnonzero(most > tracks)

    def locate(k: int) -> Box:
        channel = full[k]
        places = np.flatnonzero(wanted[channel] > tracks[channel])
        along = float(along_um[places[0]]), float(along_um[places[-1] + 1])
        across = float(across_um[channel]), float(across_um[channel + 1])
        (left, right), (bottom, top) = (along, across) if kind == "row" else (across, along)
        return Box(left, bottom, right, top)

    def message(k: int, _: int) -> str:
        places = int((wanted[full[k]] > tracks[full[k]]).sum())
        return f"wants more tracks than it has at {places} of {wanted.shape[1]} places; {RULES['SOEN-RT-001'].fix}"

    return Group(
        rule="SOEN-RT-001",
        severity="warning" if prunes(netlist) else "error",
        unit="tracks",
        value=most[full].astype(np.float64),
        limit=tracks[full].astype(np.float64),
        excess=(most - tracks)[full].astype(np.float64),
        name=lambda k: f"{kind} {full[k]}",
        locate=locate,
        message=message,
        the_rest=f"{kind}s",
    )


def edge_name(projection: Projection, source: int, target: int) -> str:
    """Name of an edge, such as ``hidden[3]->hidden[17]``."""
    return f"{projection.source}[{source}]->{projection.target}[{target}]"


def edge_box(layout: Layout | None, projection: Projection, source: int, target: int) -> Box | None:
    """Rectangle between both ends of an edge; a point where they are in one place."""
    if layout is None:
        return None
    one, other = (layout.placement.populations[name] for name in (projection.source, projection.target))
    x_um = sorted((float(one.x_um[source]), float(other.x_um[target])))
    y_um = sorted((float(one.y_um[source]), float(other.y_um[target])))
    return Box(x_um[0], y_um[0], x_um[1], y_um[1])


def _edge_group(
    routed: RoutedNetlist,
    projection: Projection,
    ends: tuple[IntArray, IntArray],
    breach: _Breach,
    numbers: _Numbers,
    message: Callable[[int, int], str],
) -> Group:
    """Make one finding for all these edges of a projection, with the count and the worst."""
    sources, targets = (end.tolist() for end in ends)  # plain numbers: a waiver may ask for the name of every edge
    return Group(
        **breach._asdict(),
        **numbers._asdict(),
        name=lambda k: edge_name(projection, sources[k], targets[k]),
        locate=lambda k: edge_box(routed.layout, projection, sources[k], targets[k]),
        message=message,
    )


def _absences(routed: RoutedNetlist, projection: Projection) -> Iterator[Group]:
    absences = routed.projections[projection.key].absences
    asked = len(routed.netlist.edges(projection))
    for number, reason in enumerate(REASONS):
        here = np.flatnonzero(absences.reason == number)
        unit, what = _BROKEN[reason]
        rule = RULES[ABSENCE_RULES[reason]]
        severity: Severity = "error"
        if prunes(routed.netlist):
            severity = "warning" if reason == "track" else "note"
        value, limit = absences.value[here], absences.limit[here]
        above = limit - value if reason == "photons" else value - limit
        yield _edge_group(
            routed,
            projection,
            (absences.sources[here], absences.targets[here]),
            _Breach(rule.id, severity, unit),
            _Numbers(value, limit, np.where(np.isnan(above), 0.0, above)),
            lambda _, count, what=what, rule=rule: (  # type: ignore[misc]
                f"{count} of {asked} edges of {projection.key} do not exist: they {what}; {rule.fix}"
            ),
        )


def _dark(routed: RoutedNetlist, projection: Projection) -> Iterator[Group]:
    routes = routed.projections[projection.key]
    if routes.ledger is None or projection.medium != "optical":
        return
    missed = routes.ledger.no_photon_probability
    here = np.flatnonzero(~(missed <= ONE_COUNTED))  # not finite: over the limit
    photons = routes.ledger.photons[here]
    yield _edge_group(
        routed,
        projection,
        (routes.edges.sources[here], routes.edges.targets[here]),
        _Breach("SOEN-RT-012", "warning", "P(none counted)"),
        _Numbers(missed[here], np.full(len(here), ONE_COUNTED), missed[here]),
        lambda k, count: (
            f"{count} of {len(missed)} edges of {projection.key} count less than one photon per spike, the worst has "
            f"{photons[k]:.3g} at its detector; {RULES['SOEN-RT-012'].fix}"
        ),
    )


def _late(routed: RoutedNetlist, projection: Projection) -> Iterator[Group]:
    netlist, routes = routed.netlist, routed.projections[projection.key]
    if netlist.spiking:
        return  # spikes do not wait for frames
    sample_ps = netlist.device_technology.junction.seconds_from_tau(sample_duration(netlist)) * 1e12
    here = np.flatnonzero(~(routes.delay_ps <= sample_ps * (1 + 1e-9)))
    yield _edge_group(
        routed,
        projection,
        (routes.edges.sources[here], routes.edges.targets[here]),
        _Breach("SOEN-RT-013", "warning", "ps"),
        _Numbers(routes.delay_ps[here], np.full(len(here), sample_ps), routes.delay_ps[here]),
        lambda _, count: (
            f"{count} of {len(routes.edges)} edges of {projection.key} bring their signal after the input sample is "
            f"over; {RULES['SOEN-RT-013'].fix}"
        ),
    )


def _loops(routed: RoutedNetlist) -> dict[tuple[str, str], IntArray]:
    """Edges into each integration loop, shape (size,): by population and place in the arbor."""
    loops: dict[tuple[str, str], IntArray] = {}
    for projection in routed.netlist.projections:
        place = projection.place or SOMA
        size = routed.netlist.populations[projection.target].size
        counts = np.bincount(routed.projections[projection.key].edges.targets, minlength=size)
        key = projection.target, place
        loops[key] = loops[key] + counts if key in loops else counts
    return loops


def _fan_in(routed: RoutedNetlist) -> Iterator[Group]:
    most = stated(routed.netlist, "fan_in_max").value
    for (population, place), counts in _loops(routed).items():
        yield _neuron_group(
            routed,
            _Inputs(population, counts, f" at {place}" if routed.netlist.spiking else ""),
            np.flatnonzero(~(counts <= most)),
            _Breach("SOEN-RT-010", "error", "synapses"),
            most,
            f"have more synapses in one loop than the technology allows; {RULES['SOEN-RT-010'].fix}",
        )


def _cut_off(routed: RoutedNetlist) -> Iterator[Group]:
    if not prunes(routed.netlist):
        return
    present = fan_in(routed)
    for population, wanted in fan_in(routed, asked=True).items():
        yield _neuron_group(
            routed,
            _Inputs(population, present[population]),
            np.flatnonzero((present[population] == 0) & (wanted > 0)),
            _Breach("SOEN-RT-011", "warning", "synapses"),
            1.0,
            f"have lost all their inputs; {RULES['SOEN-RT-011'].fix}",
        )


def _neuron_group(
    routed: RoutedNetlist, inputs: _Inputs, broken: IntArray, breach: _Breach, limit: float, said: str
) -> Group:
    """Make one finding for the broken neurons of a population, with the count and the one with the most inputs."""
    population, counts = inputs.population, inputs.counts

    def locate(k: int) -> Box | None:
        if routed.layout is None:
            return None
        places = routed.layout.placement.populations[population]
        side_um = routed.layout.placement.cell_um
        return Box.around(float(places.x_um[broken[k]]), float(places.y_um[broken[k]]), side_um)

    return Group(
        **breach._asdict(),
        value=counts[broken].astype(np.float64),
        limit=np.full(len(broken), limit),
        excess=counts[broken].astype(np.float64),
        name=lambda k: f"{population}[{broken[k]}]{inputs.where}",
        locate=locate,
        message=lambda _, count: f"{count} of {len(counts)} neurons of {population} {said}",
    )
