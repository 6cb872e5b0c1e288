"""The chip on its die, as a sheet to print: the die, one place enlarged, how full the channels are, the worst net."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from soensim.errors import RoutingError
from soensim.report.figures.floorplans import die, panels
from soensim.report.figures.floorplans.captions import caption_lines, short
from soensim.report.figures.floorplans.figure_layout import LINE, TEXT_PT, Mark, Sheet, legend_columns
from soensim.report.figures.floorplans.routes import Optics, Wire, find_longest_wire, find_optics, input_names
from soensim.report.figures.floorplans.waveguides import LOSS, draw_waveguides, has_leads
from soensim.report.figures.style import FAINT, INK, styled
from soensim.routing import Channels, RoutedNetlist
from soensim.routing.placement import FloatArray, Placement

_DPI = 300  # tracks are 1.5 um apart: a fifth of a point on a die of 2 mm

# Inches. With these, the sheet of a square die fits Letter and A4, landscape, at full size.
_DIE = 5.2  # its longer side
_NARROWEST = 5.0  # room for the die and what is below it
_SIDE = 3.2  # width of the parts beside the die
_HEAT_MAP = (_SIDE - 0.15) / 2
_BETWEEN = 0.64  # from the enlarged place to the heat maps: a scale bar and titles
_BAR = 0.5  # a colour bar with its words
_EDGE, _GAP = 0.2, 0.35
_PORT = 0.2  # around the die, for the numbers of the ports


@styled
def floorplan(routed: RoutedNetlist) -> Figure:
    """Draw a chip that is laid out.

    Up to 8000 pieces of waveguide are drawn one by one; of more, those in each place of the routing grid are one band
    per direction, in the colour of the highest loss among them; of more straight lines (`direct`), the costliest of
    each net. Electrical wires are not drawn, except the longest of a chip without waveguides.

    Raises
    ------
    RoutingError
        The chip has no floorplan.
    TechnologyError
        A loss has no value.
    """
    if routed.layout is None:
        raise RoutingError(
            f"netlist {routed.netlist.name!r} is not laid out, so there is nothing to draw; give it a `floorplan`"
        )
    placement = routed.layout.placement
    optics, wire = find_optics(routed), find_longest_wire(routed)
    beside = optics is not None and optics.worst is not None and optics.channels is not None
    longer_um = max(placement.die_width_um, placement.die_height_um)
    die_width, die_height = (_DIE * size / longer_um for size in (placement.die_width_um, placement.die_height_um))
    left, room = _EDGE + _PORT, max(die_width, _NARROWEST)
    right = left + room + _PORT
    width = right + (_GAP + _SIDE if beside else 0) + _EDGE
    lines = caption_lines(routed, placement, optics, wire, width - 2 * _EDGE)
    marks = _marks(routed, optics, wire)
    columns = legend_columns(marks, width - 2 * _EDGE)
    top = 0.55 + LINE * len(lines) + _PORT
    below = top + die_height + _PORT
    lowest = max(below, top + _SIDE + _BETWEEN + _HEAT_MAP * placement.die_height_um / longer_um if beside else 0)
    sheet = Sheet(width, lowest + _BAR + 0.17 * -(-len(marks) // columns) + 0.2, _DPI)
    sheet.text(_EDGE, 0.15, routed.netlist.name, 11, "bold")
    for k, line in enumerate(lines):
        sheet.text(_EDGE, 0.4 + k * LINE, line, TEXT_PT)
    sheet.legend(marks, _EDGE, 0.1, columns)

    pt_per_um = 72 * _DIE / longer_um
    axes = sheet.axes(left + (room - die_width) / 2, top, die_width, die_height)
    die.draw_die(axes, placement)
    die.draw_cells(axes, routed.netlist, placement, pt_per_um)
    die.draw_ports(axes, routed.netlist, placement, pt_per_um)
    panels.scale_bar(sheet.points(left, below + 0.03, 1.4, 0.16), pt_per_um, 0.25 * longer_um)
    if optics is not None:
        norm = Normalize(0, float(optics.segments.path_db.max(initial=0.0)) or 1.0)
        draw_waveguides(axes, optics, placement, norm, pt_per_um)
        if len(optics.segments):
            words = "loss from the emitter on, splitting not counted (dB)"
            sheet.colour_bar(ScalarMappable(norm, LOSS), (left + room - 3.2, below + 0.06), 3.2, words)
        if optics.worst is not None and optics.channels is not None:
            low_um, high_um = panels.window(optics, optics.worst, placement)
            panels.mark_window(axes, low_um, high_um)
            enlarged = _enlarged(sheet, (right + _GAP, top), low_um, high_um)
            pt_per_um = 72 * _SIDE / float(high_um[0] - low_um[0])
            panels.enlarge(enlarged, routed.netlist, placement, optics, norm, pt_per_um)
            _heat_maps(sheet, (right + _GAP, top + _SIDE + _BETWEEN), placement, optics.channels)
    elif wire is not None:
        die.draw_wire(axes, placement, wire)
    return sheet.figure


def _enlarged(sheet: Sheet, at: tuple[float, float], low_um: FloatArray, high_um: FloatArray) -> Axes:
    """Add axes for an enlarged part of the die with its scale bar, at a place (left, top)."""
    left, top = at
    side_um = float(high_um[0] - low_um[0])
    axes = sheet.axes(left, top, _SIDE, _SIDE)
    axes.set(xlim=(low_um[0], high_um[0]), ylim=(low_um[1], high_um[1]))
    panels.scale_bar(sheet.points(left, top + _SIDE + 0.07, 1.4, 0.16), 72 * _SIDE / side_um, 0.3 * side_um)
    return axes


def _heat_maps(sheet: Sheet, at: tuple[float, float], placement: Placement, channels: Channels) -> None:
    """Add how full the channels of each direction are, at a place (left, top)."""
    left, top = at
    longer_um = max(placement.die_width_um, placement.die_height_um)
    across, up = (_HEAT_MAP * size / longer_um for size in (placement.die_width_um, placement.die_height_um))
    for k, along_row in enumerate((True, False)):
        axes = sheet.axes(left + k * (_SIDE - _HEAT_MAP), top, across, up)
        panels.heat_map(axes, placement, channels, along_row=along_row, pt_per_um=72 * _HEAT_MAP / longer_um)
    words = "tracks requested / available"
    colours = ScalarMappable(Normalize(0, 1), panels.OCCUPANCY)
    sheet.colour_bar(colours, (left, top + up + 0.08), _SIDE, words, beyond=True)


def _marks(routed: RoutedNetlist, optics: Optics | None, wire: Wire | None) -> list[Mark]:
    """Make the legend."""
    netlist, ports = routed.netlist, input_names(routed.netlist)
    marks: list[Mark] = []
    for name, population in netlist.populations.items():
        colour, hatch = die.look_of(netlist, name)
        kind = ("input port" if name in ports else "neuron") + ("s" if population.size > 1 else "")
        label = f"{short(name)}: {population.size:,} {kind}"
        face, edge = (colour, INK) if name in ports else (to_rgba(colour, 0.3), FAINT)
        marks.append(Patch(facecolor=face, edgecolor=edge, linewidth=0.5, hatch=hatch, label=label))
    if optics is not None and optics.worst is not None:
        marks.append(
            Line2D(
                [],
                [],
                color=die.EMPHASIS,
                linewidth=1.5,
                marker="o",
                markerfacecolor="white",
                markersize=6,
                label=f"worst net, from {short(optics.worst.source)} {optics.worst.member}",
            )
        )
        if optics.channels is not None:
            marks.append(Line2D([], [], linestyle="", marker="o", markersize=2.6, color=INK, label="splitter"))
            marks.append(
                Line2D(
                    [],
                    [],
                    linestyle="",
                    marker="s",
                    markersize=3,
                    markerfacecolor="white",
                    markeredgecolor=INK,
                    markeredgewidth=0.6,
                    label="detector",
                )
            )
    elif optics is None and wire is not None:
        marks.append(Line2D([], [], color=die.EMPHASIS, linewidth=1.5, label="longest wire"))
    if optics is not None and has_leads(optics):
        marks.append(Line2D([], [], color=FAINT, linewidth=0.6, label="from port to grid, not in the ledger"))
    marks.append(Line2D([], [], color=FAINT, linewidth=0.6, linestyle=(0, (4, 3)), label="margin"))
    return marks
