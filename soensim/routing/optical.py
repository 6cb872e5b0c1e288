"""Optical projections: from nets to waveguides, and which of the edges they can carry.

Routes are made once. Edges that find no track or break a limit go, the trees are cut back to what is left, tracks are
given out anew, and the limits are applied again, until nothing more goes: fewer edges never make a path longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim._runtime.memory import require_memory
from soensim.errors import RoutingError
from soensim.netlist import Netlist, Routing
from soensim.netlist.schema.strategies import ROUTING_STRATEGIES
from soensim.routing.geometry import lay_out, straight_lines
from soensim.routing.layer_stack import LayerStack, channel_tracks
from soensim.routing.ledger import Ledger, LossTable, optical_ledger
from soensim.routing.limits import Verdicts, judge
from soensim.routing.nets import Nets, optical_nets
from soensim.routing.placement import FloatArray, Placement
from soensim.routing.problem import OpticalProblem
from soensim.routing.routed_netlist import Channels
from soensim.routing.tracks import assign_tracks, find_runs, has_all_tracks
from soensim.routing.trees import GridTrees
from soensim.routing.waveguides import Waveguides

#: Least memory of the arrays: the ledger and the nets of an edge, the counts of a place of the grid.
_BYTES_PER_EDGE, _BYTES_PER_PLACE = 200, 32


@dataclass(frozen=True, eq=False)
class OpticalRoutes:
    """The optical part of a chip.

    Attributes
    ----------
    wanted
        The nets with all edges of the netlist.
    verdicts
        What became of each of their sinks.
    nets, waveguides, ledger
        What exists, in the order of the sinks that are left.
    channels
        How full the channels are; None for `direct`.
    """

    wanted: Nets
    verdicts: Verdicts
    nets: Nets
    waveguides: Waveguides
    ledger: Ledger
    channels: Channels | None


def route_optical(netlist: Netlist, routing: Routing, placement: Placement) -> OpticalRoutes:
    """Route all optical projections of a netlist.

    Raises
    ------
    RoutingError
        There is no such strategy, there are more optical edges than it can route, or than the memory holds.
    TechnologyError
        A loss or the group index has no value.
    """
    wanted = optical_nets(netlist, placement)
    verdicts = Verdicts.all_present(wanted.sinks)
    losses = LossTable.of(netlist.device_technology)
    photons, efficiency = routing.photons_per_spike or 0.0, routing.detector_efficiency or 0.0
    stack = LayerStack.of(routing)
    ports_um = _emitters_um(netlist, wanted, placement)
    is_port = np.array([name in netlist.inputs or name in netlist.spike_inputs for name in netlist.populations])
    ports_um[~is_port[wanted.population]] = np.nan
    require_memory(
        _BYTES_PER_EDGE * wanted.sinks + _BYTES_PER_PLACE * placement.rows * placement.columns,
        f"routing {wanted.sinks} optical edges on a grid of {placement.columns} x {placement.rows} places",
        advice="take fewer edges, or place the cells closer together",
        error=RoutingError,
    )
    trees = _grid_trees(routing.strategy, OpticalProblem(netlist.name, wanted, placement, stack))
    channels = None if trees is None else _refuse_trackless(trees, verdicts, placement, stack)
    while True:
        present = verdicts.present
        nets = wanted.kept(present)
        guides = (
            _straight(netlist, nets, placement)
            if trees is None
            else _with_tracks(nets, trees.pruned(present), placement, stack, ports_um)
        )
        ledger = optical_ledger(guides, nets, losses, photons_per_spike=photons, detector_efficiency=efficiency)
        verdict = judge(ledger, nets, routing.limits, photons_per_spike=photons)
        if verdict.present.all():
            return OpticalRoutes(wanted, verdicts, nets, guides, ledger, channels)
        verdicts.take_over(np.flatnonzero(present), verdict)


def _grid_trees(name: str | None, problem: OpticalProblem) -> GridTrees | None:
    strategy = ROUTING_STRATEGIES.get(name or "")
    if strategy is None:
        raise RoutingError(
            f"netlist {problem.chip!r}: routing.strategy is {name!r}; it must be one of {', '.join(ROUTING_STRATEGIES)}"
        )
    trees: GridTrees | None = strategy.load()(problem)
    return trees


def _refuse_trackless(trees: GridTrees, verdicts: Verdicts, placement: Placement, stack: LayerStack) -> Channels:
    """Refuse the sinks whose path lacks a track, and say how full the channels are."""
    row_tracks, column_tracks = channel_tracks(placement, stack)
    rows, columns = find_runs(trees, along_row=True), find_runs(trees, along_row=False)
    channels = Channels(
        row_wanted=rows.wanted(placement.rows, placement.columns),
        column_wanted=columns.wanted(placement.columns, placement.rows).T,
        row_tracks=row_tracks,
        column_tracks=column_tracks,
    )
    inner = trees.parent >= 0
    along_row = inner & (trees.row == trees.row[trees.parent])
    row_track, column_track = assign_tracks(rows, row_tracks), assign_tracks(columns, column_tracks)
    without = np.zeros(len(trees), dtype=bool)
    without[along_row] = row_track[rows.of_node[along_row]] < 0
    along_column = inner & ~along_row
    without[along_column] = column_track[columns.of_node[along_column]] < 0
    reached = has_all_tracks(trees, without)
    verdicts.refuse("track", (trees.sink_node < 0) | ~reached[trees.sink_node], np.nan, np.nan)
    return channels


def _with_tracks(
    nets: Nets, trees: GridTrees, placement: Placement, stack: LayerStack, ports_um: FloatArray
) -> Waveguides:
    row_tracks, column_tracks = channel_tracks(placement, stack)
    rows, columns = find_runs(trees, along_row=True), find_runs(trees, along_row=False)
    row_track, column_track = assign_tracks(rows, row_tracks), assign_tracks(columns, column_tracks)
    return lay_out(nets, trees, placement, stack, (rows, row_track), (columns, column_track), ports_um)


def _emitters_um(netlist: Netlist, nets: Nets, placement: Placement) -> FloatArray:
    """Where the neuron or the port of each net is, shape (nets, 2)."""
    emitters = np.empty((len(nets), 2))
    for k, name in enumerate(netlist.populations):
        places, mine = placement.populations[name], nets.population == k
        member = nets.member[mine]
        emitters[mine, 0], emitters[mine, 1] = places.x_um[member], places.y_um[member]
    return emitters


def _straight(netlist: Netlist, nets: Nets, placement: Placement) -> Waveguides:
    places = placement.populations
    emitters, detectors = _emitters_um(netlist, nets, placement), np.empty((nets.sinks, 2))
    for k, projection in enumerate(netlist.projections):
        mine = nets.projection == k
        target = places[projection.target]
        member = netlist.edges(projection).targets[nets.edge[mine]]
        detectors[mine, 0], detectors[mine, 1] = target.x_um[member], target.y_um[member]
    return straight_lines(nets, emitters, detectors)
