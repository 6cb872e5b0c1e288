"""A routed chip as a drawing: die, cells, ports, waveguides and wires, each kind a cell of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.layout.drawing import GRID_PER_UM, Boxes, Cell, Drawing, Labels, Part, References, on_grid, steps
from soensim.layout.guides import GuideDrawer, GuideShapes
from soensim.layout.layers import LayerTable
from soensim.layout.wires import Wires, draw_wires, lay_wires
from soensim.netlist import Netlist
from soensim.netlist.schema.spiking import SpikingPopulation
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.layer_stack import LayerStack
from soensim.routing.placement import FloatArray, IntArray
from soensim.technology import Layer

#: Furthest coordinate of a layout: 32 bits of nanometres, less what shapes go on around it.
MOST_UM = 2e6


@dataclass(frozen=True, eq=False)
class ChipDrawing:
    """A drawing of a chip, and what is to say of it.

    Attributes
    ----------
    drawing
        The shapes.
    layers
        Name and rules of each layer that is used, by its numbers.
    turns, arcs
        How often waveguides turn, and how many of these turns have room for an arc.
    radius_um
        Radius of the arcs.
    length_um, drawn_um
        By projection, shape (edges,), in the order of its ledger: length of the path as the ledger has it, along rows
        and columns through the corners, and along the centre line as drawn: (2 - pi / 2) radius_um less for each arc.
    arc_pitch_um
        Pitch of tracks (`routing.waveguide_pitch_um`) that has room for arcs between them; None where the channels are
        too narrow for as many tracks, or the chip has no waveguides.
    """

    drawing: Drawing
    layers: Mapping[tuple[int, int], tuple[str, Layer]]
    turns: int
    arcs: int
    radius_um: float
    length_um: Mapping[str, FloatArray]
    drawn_um: Mapping[str, FloatArray]
    arc_pitch_um: float | None


def draw_chip(routed: RoutedNetlist) -> ChipDrawing:
    """Draw a chip.

    Parameters
    ----------
    routed
        A chip that is laid out.

    Raises
    ------
    RoutingError
        It is not laid out, its waveguides are straight lines (`direct`), or its tracks are closer together than the
        technology allows.
    TechnologyError
        The technology lacks a layer or the radius of bends.
    """
    netlist, layout = routed.netlist, routed.layout
    if layout is None:
        raise RoutingError(f"netlist {netlist.name!r} has no floorplan, so that nothing has a place; add one")
    _check_extent(netlist, layout)
    table = LayerTable(netlist.device_technology)
    guides = _guides(routed, layout, table)
    neurons = _neurons(netlist, layout, table)
    synapses = _synapses(routed, layout, table)
    ports = _ports(netlist, layout, table)
    die = np.array([[steps(layout.placement.die_width_um), steps(layout.placement.die_height_um)]])
    wires = _wires(routed, layout, table)
    pads = _pads(netlist, layout, table)
    part = Part.joined([neurons, synapses, ports, pads, wires, *([] if guides is None else [guides.part])])
    top = Cell(
        _cell_name(netlist.name),
        boxes=(Boxes(table.numbers("die"), np.zeros((1, 2), dtype=np.int64), die), *part.boxes),
        labels=part.labels,
        references=part.references,
    )
    length_um, drawn_um = _lengths(routed, layout, guides)
    return ChipDrawing(
        drawing=Drawing((*part.cells, top)),
        layers=table.used,
        turns=0 if guides is None else guides.turns,
        arcs=0 if guides is None else int(guides.arc.sum()),
        radius_um=netlist.device_technology.value("bend_radius_um") if guides is not None else 0.0,
        length_um=length_um,
        drawn_um=drawn_um,
        arc_pitch_um=None if guides is None else _arc_pitch_um(netlist, layout, table),
    )


def _check_extent(netlist: Netlist, layout: Layout) -> None:
    """Refuse a chip beyond the coordinates that GDSII holds, 32 bits."""
    placement = layout.placement
    ends = [placement.die_width_um, placement.die_height_um]
    ends += [float(np.abs(borders).max()) for borders in (placement.column_borders_um, placement.row_borders_um)]
    if max(ends) > MOST_UM:
        raise RoutingError(
            f"netlist {netlist.name!r} reaches to {max(ends):.6g} um; layouts hold {MOST_UM:g} um in steps of a "
            "nanometre: place the cells closer together"
        )


def _cell_name(name: str) -> str:
    """Make a name that both formats take: letters, digits, _, ? and $."""
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in "_$" else "_" for c in name)[:32]
    return f"CHIP_{kept}"


def _guides(routed: RoutedNetlist, layout: Layout, table: LayerTable) -> GuideShapes | None:
    netlist = routed.netlist
    if layout.waveguides is None or layout.nets is None or netlist.routing is None:
        return None
    if layout.channels is None:
        raise RoutingError(
            f"netlist {netlist.name!r}: the straight lines of `direct` are for early sizing and cross at any angle; "
            "take routing.strategy crossbar or manhattan for a layout"
        )
    routing = netlist.routing.completed(table.technology)
    rule, pitch_um, planes = table.rule("waveguide"), routing.waveguide_pitch_um or 0.0, routing.photonic_planes or 0
    least_um = (2 * rule.half + rule.space) / GRID_PER_UM
    if pitch_um < least_um:
        raise RoutingError(
            f"netlist {netlist.name!r}: tracks {pitch_um:g} um apart are closer than layout.waveguide allows, width "
            f"and space of {least_um:g} um; widen routing.waveguide_pitch_um, or change the technology's layer"
        )
    nets, names = layout.nets, list(netlist.populations)
    sources = [f"{names[p]}[{k}]" for p, k in zip(nets.population, nets.member, strict=True)]
    targets = np.empty(nets.sinks, dtype=object)
    for k, projection in enumerate(netlist.projections):
        mine = np.flatnonzero(nets.projection == k)
        of_edge = netlist.edges(projection).targets[nets.edge[mine]]
        end = projection.key.removeprefix(f"{projection.source}->")
        targets[mine] = [f"{end}[{i}]" for i in of_edge]
    radius = steps(table.technology.value("bend_radius_um"))
    return GuideDrawer(layout.waveguides, table, planes, radius).draw(sources, list(targets))


def _arc_pitch_um(netlist: Netlist, layout: Layout, table: LayerTable) -> float | None:
    """Find the pitch at which arcs to both sides of two neighbouring tracks do not meet."""
    channels, placement = layout.channels, layout.placement
    if channels is None or netlist.routing is None:
        return None
    rule, planes = table.rule("waveguide"), netlist.routing.completed(table.technology).photonic_planes or 0
    reach_um = table.technology.value("bend_radius_um") + 2 * rule.half / GRID_PER_UM
    pitch_um = 2 * reach_um + (2 * rule.half + rule.space) / GRID_PER_UM
    stack = LayerStack(planes, pitch_um)
    for wanted, borders_um, row in (
        (channels.row_wanted.max(axis=1), placement.row_borders_um, True),
        (channels.column_wanted.max(axis=0), placement.column_borders_um, False),
    ):
        if (wanted > stack.tracks(borders_um, row=row)).any():
            return None
    return pitch_um


def _neurons(netlist: Netlist, layout: Layout, table: LayerTable) -> Part:
    """A frame for each neuron, of one cell per kind."""
    half = steps(layout.placement.cell_um) // 2
    layer = table.numbers("neuron")
    cells: dict[str, Cell] = {}
    references, labels = [], []
    for name, population in netlist.populations.items():
        if name in netlist.inputs or name in netlist.spike_inputs:
            continue
        kind = "SPIKING_NEURON" if isinstance(population, SpikingPopulation) else "DENDRITE"
        cells[kind] = Cell(kind, (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), half),))
        at = _centres(layout, name)
        references.append(References.upright(kind, at))
        labels.append(Labels(layer, at, tuple(f"{name}[{k}]" for k in range(population.size))))
    return Part(tuple(cells.values()), (), tuple(references), tuple(labels))


def _centres(layout: Layout, name: str) -> IntArray:
    places = layout.placement.populations[name]
    return np.stack([on_grid(places.x_um), on_grid(places.y_um)], axis=1)


def _synapses(routed: RoutedNetlist, layout: Layout, table: LayerTable) -> Part:
    """A frame for each synapse, in rows and columns within the cell of the neuron that it drives."""
    netlist = routed.netlist
    fan_in = {name: np.zeros(population.size, dtype=np.int64) for name, population in netlist.populations.items()}
    for projection in netlist.projections:
        targets = routed.projections[projection.key].edges.targets
        fan_in[projection.target] += np.bincount(targets, minlength=len(fan_in[projection.target]))
    widest = max(int(count.max(initial=0)) for count in fan_in.values())
    if not widest:
        return Part()
    cell_um = layout.placement.cell_um
    pitch_um = netlist.floorplan.synapse_pitch_um if netlist.floorplan is not None else None
    if pitch_um is None:
        pitch_um = netlist.device_technology.value("synapse_pitch_um")
    half = steps(min(pitch_um, cell_um / math.ceil(math.sqrt(widest)))) // 2
    filled = {name: np.zeros(len(count), dtype=np.int64) for name, count in fan_in.items()}
    found = []
    for projection in netlist.projections:
        targets, name = routed.projections[projection.key].edges.targets, projection.target
        own = np.bincount(targets, minlength=len(fan_in[name]))
        first = np.concatenate([[0], np.cumsum(own)[:-1]])  # edges are sorted by target
        rank = np.arange(len(targets)) - first[targets] + filled[name][targets]
        filled[name] += own
        side = np.ceil(np.sqrt(fan_in[name]))[targets]
        within = (np.stack([rank % side, rank // side], axis=1) + 0.5) / side[:, None] - 0.5
        found.append(_centres(layout, name)[targets] + on_grid(within * cell_um))
    cell = Cell("SYNAPSE", (Boxes.around(table.numbers("synapse"), np.zeros((1, 2), dtype=np.int64), half),))
    return Part((cell,), (), (References.upright("SYNAPSE", np.concatenate(found)),))


def _ports(netlist: Netlist, layout: Layout, table: LayerTable) -> Part:
    """A frame for each input port, with its name."""
    names = [*netlist.inputs, *netlist.spike_inputs]
    if not names:
        return Part()
    layer = table.numbers("port")
    half = max(steps(layout.placement.margin_um) // 4, 1)
    at = [_centres(layout, name) for name in names]
    texts = tuple(f"{name}[{k}]" for name, places in zip(names, at, strict=True) for k in range(len(places)))
    places = np.concatenate(at)
    cell = Cell("INPUT_PORT", (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), half),))
    return Part((cell,), (), (References.upright("INPUT_PORT", places),), (Labels(layer, places, texts),))


def _wires(routed: RoutedNetlist, layout: Layout, table: LayerTable) -> Part:
    """Draw the wires of all electrical projections."""
    netlist = routed.netlist
    starts, ends, sources, targets = [], [], [], []
    for projection in netlist.projections:
        if projection.medium == "electrical":
            edges = routed.projections[projection.key].edges
            starts.append(_centres(layout, projection.source)[edges.sources])
            ends.append(_centres(layout, projection.target)[edges.targets])
            sources += [f"{projection.source}[{j}]" for j in edges.sources]
            targets += [f"{projection.target}[{i}]" for i in edges.targets]
    if not sources:
        return Part()
    wires = Wires(np.concatenate(starts), np.concatenate(ends), sources, targets)
    rule, metals = table.rule("metal"), table.layer("metal").count
    pitch = max(steps(table.technology.value("wire_pitch_um")), 2 * rule.half + rule.space)
    pairs = len(wires.start) if metals is None else metals // 2
    try:
        laid = lay_wires(wires, steps(layout.placement.cell_um), rule, pitch, pairs)
    except RoutingError as error:
        raise RoutingError(f"netlist {netlist.name!r}: {error}") from error
    return draw_wires(wires, laid, table)


def _pads(netlist: Netlist, layout: Layout, table: LayerTable) -> Part:
    """A bond pad at each input port that drives wires, where the pads fit into the margin side by side."""
    wired = {p.source for p in netlist.projections if p.medium == "electrical"}
    names = [name for name in (*netlist.inputs, *netlist.spike_inputs) if name in wired]
    if not names:
        return Part()
    rule = table.rule("pad")
    at = np.concatenate([_centres(layout, name) for name in names])
    apart = int(np.abs(np.diff(np.sort(at.sum(axis=1)))).min(initial=np.iinfo(np.int64).max))
    if 2 * rule.half > steps(layout.placement.margin_um) or apart < 2 * rule.half + rule.space:
        return Part()
    texts = tuple(f"{name}[{k}]" for name in names for k in range(netlist.populations[name].size))
    layer = table.numbers("pad")
    cell = Cell("PAD", (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), rule.half),))
    return Part((cell,), references=(References.upright("PAD", at),), labels=(Labels(layer, at, texts),))


def _lengths(
    routed: RoutedNetlist, layout: Layout, guides: GuideShapes | None
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Length of every edge in the ledger, and as drawn."""
    netlist = routed.netlist
    length_um: dict[str, FloatArray] = {}
    drawn_um: dict[str, FloatArray] = {}
    for k, projection in enumerate(netlist.projections):
        ledger = routed.projections[projection.key].ledger
        if ledger is None:
            raise RoutingError(f"netlist {netlist.name!r}: projection {projection.key!r} is not laid out")
        length_um[projection.key] = drawn_um[projection.key] = ledger.length_um
        if projection.medium == "optical" and guides is not None and layout.nets and layout.waveguides is not None:
            from soensim.routing.tree_sums import path_sums  # numba: loaded only by chips that need it

            here = np.flatnonzero(layout.nets.projection == k)
            here = here[np.argsort(layout.nets.edge[here])]
            arcs = path_sums(layout.waveguides.parent, guides.arc.astype(np.float64))[layout.waveguides.detector[here]]
            saved_um = (2 - math.pi / 2) * netlist.device_technology.value("bend_radius_um")
            drawn_um[projection.key] = ledger.length_um - saved_um * arcs
    return length_um, drawn_um
