"""The chip on its die, as a page to print: the die, one cell enlarged, how full the channels are, the worst net."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from soensim.errors import RoutingError
from soensim.report.figures.floorplan import die, panels
from soensim.report.figures.floorplan.routes import Optics, Wire, find_longest_wire, find_optics, input_names
from soensim.report.figures.floorplan.waveguides import LOSS, draw_waveguides
from soensim.report.figures.floorplan.words import facts, short
from soensim.report.figures.style import FAINT, INK, new_figure, styled
from soensim.routing import RoutedNetlist
from soensim.routing.placement import Placement

_DPI = 300  # tracks are 1.5 um apart: a third of a point on a die of 2 mm
# Inches. With these a page of a square die fits Letter and A4, landscape, at full size.
_DIE = 5.2
_SIDE = 3.2  # width of the parts beside the die
_EDGE = 0.2
_GAP = 0.35
_PORT = 0.2  # for the numbers of the ports
_LINE = 0.165
_NARROWEST = 5.0


class _Page:
    """A figure filled with parts of given sizes (inches, from the top left corner), so that every scale is exact."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = new_figure(width, height, dpi=_DPI)
        self.figure.set_layout_engine("none")  # the sizes are given

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        return self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        )

    def points(self, left: float, top: float, width: float, height: float) -> Axes:
        """Make axes whose unit is the point."""
        axes = self.axes(left, top, width, height)
        axes.set(xlim=(0, 72 * width), ylim=(0, 72 * height))
        return axes

    def text(self, left: float, top: float, text: str, size: float, weight: str = "normal") -> None:
        place = (left / self.width, 1 - top / self.height)
        self.figure.text(*place, text, ha="left", va="top", fontsize=size, fontweight=weight)


@styled
def floorplan(routed: RoutedNetlist) -> Figure:
    """Draw a chip that is laid out.

    Up to 8000 pieces of waveguide are drawn one by one; of more, those in each place of the routing grid are one band
    per direction, in the colour of the highest loss among them. Electrical wires are not drawn, except the longest of
    a chip without waveguides.

    Raises
    ------
    RoutingError
        The chip has no floorplan.
    """
    if routed.layout is None:
        raise RoutingError(
            f"netlist {routed.netlist.name!r} is not laid out, so there is nothing to draw; give it a `floorplan`"
        )
    placement = routed.layout.placement
    optics, wire = find_optics(routed), find_longest_wire(routed)
    beside = optics is not None and optics.worst is not None and optics.channels is not None
    scale = _DIE / max(placement.die_width_um, placement.die_height_um)  # inches per um
    die_width, die_height = scale * placement.die_width_um, scale * placement.die_height_um
    left, box = _EDGE + _PORT, max(die_width, _NARROWEST)
    width = left + box + _PORT + (_GAP + _SIDE if beside else 0) + _EDGE
    said = [
        line for fact in facts(routed, optics, wire) for line in textwrap.wrap(fact, int(15.6 * (width - 2 * _EDGE)))
    ]
    marks = _marks(routed, optics, wire)
    columns = _legend_columns([str(mark.get_label()) for mark in marks], 72 * (width - 2 * _EDGE))
    top = 0.55 + _LINE * len(said) + _PORT
    below = top + die_height + _PORT
    height = max(below + 0.55, top + 5.7 if beside else 0) + 0.17 * -(-len(marks) // columns) + 0.2
    page = _Page(width, height)
    page.text(_EDGE, 0.15, routed.netlist.name, 11, "bold")
    for k, line in enumerate(said):
        page.text(_EDGE, 0.4 + k * _LINE, line, 8.0)
    norm = Normalize(0, float(optics.segments.path_db.max(initial=0)) or 1.0) if optics is not None else Normalize(0, 1)
    axes = page.axes(left + (box - die_width) / 2, top, die_width, die_height)
    _die(axes, routed, placement, optics, wire, norm, 72 * scale)
    panels.scale_bar(page.points(left, below, 1.4, 0.3), 72 * scale, 0.25 * placement.die_width_um)
    if optics is not None and len(optics.segments):
        bar = page.figure.colorbar(
            ScalarMappable(norm, LOSS),
            cax=page.axes(left + box - 3.2, below + 0.06, 3.2, 0.1),
            orientation="horizontal",
        )
        bar.set_label("loss from the emitter on, splitting not counted (dB)", fontsize=7.5)
        bar.outline.set_visible(False)
    if beside and optics is not None:
        _beside(page, axes, (left + box + _PORT + _GAP, top), routed, placement, optics, norm)
    page.figure.legend(
        handles=marks,
        loc="lower left",
        bbox_to_anchor=(_EDGE / width, 0.12 / height),
        borderaxespad=0.0,
        ncols=columns,
        frameon=False,
        fontsize=7.5,
    )
    return page.figure


def _die(
    axes: Axes,
    routed: RoutedNetlist,
    placement: Placement,
    optics: Optics | None,
    wire: Wire | None,
    norm: Normalize,
    pt_per_um: float,
) -> None:
    die.draw_die(axes, placement)
    die.draw_cells(axes, routed.netlist, placement, pt_per_um)
    die.draw_ports(axes, routed.netlist, placement, pt_per_um)
    if optics is not None:
        draw_waveguides(axes, optics, placement, norm, pt_per_um)
    elif wire is not None:
        die.draw_wire(axes, placement, wire)


def _beside(
    page: _Page,
    die_axes: Axes,
    at: tuple[float, float],
    routed: RoutedNetlist,
    placement: Placement,
    optics: Optics,
    norm: Normalize,
) -> None:
    """Add the enlarged cell and the heat maps, at a place (left, top)."""
    left, top = at
    low, high = panels.window(optics, placement)
    panels.mark_window(die_axes, low, high)
    side = _SIDE
    enlarged = page.axes(left, top, side, side)
    panels.enlarge(enlarged, routed.netlist, placement, optics, norm, 72 * side)
    enlarged.set_title("The framed cell: the end of the worst net's costliest path", fontsize=7.5, fontweight="normal")
    pt_per_um = 72 * side / float(high[0] - low[0])
    panels.scale_bar(page.points(left, top + side + 0.04, 1.4, 0.3), pt_per_um, 0.3 * float(high[0] - low[0]))
    heat_top, each = top + side + 0.62, (_SIDE - 0.15) / 2
    longer = max(placement.die_width_um, placement.die_height_um)
    for k, along_row in enumerate((True, False)):
        axes = page.axes(left + k * (each + 0.15), heat_top, each, each * placement.die_height_um / longer)
        mesh = panels.heat_map(axes, placement, optics, along_row=along_row, pt_per_um=72 * each / longer)
    bar = page.figure.colorbar(
        mesh, cax=page.axes(left, heat_top + each + 0.1, _SIDE, 0.1), orientation="horizontal", extend="max"
    )
    bar.set_label("tracks wanted / tracks there are", fontsize=7.5)
    bar.outline.set_visible(False)


def _marks(routed: RoutedNetlist, optics: Optics | None, wire: Wire | None) -> list[Line2D | Patch]:
    """Make the legend."""
    netlist, ports = routed.netlist, input_names(routed.netlist)
    marks: list[Line2D | Patch] = []
    for name, population in netlist.populations.items():
        colour, hatch = die.look_of(netlist, name)
        kind = ("input port" if name in ports else "neuron") + ("s" if population.size > 1 else "")
        label = f"{short(name)}: {population.size:,} {kind}"
        if name in ports:
            marks.append(
                Line2D(
                    [],
                    [],
                    linestyle="",
                    marker="s",
                    markersize=5,
                    markerfacecolor=colour,
                    markeredgecolor=INK,
                    markeredgewidth=0.5,
                    label=label,
                )
            )
        else:
            marks.append(Patch(facecolor=to_rgba(colour, 0.3), edgecolor=FAINT, hatch=hatch, label=label))
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
    if optics is not None and len(optics.leads_um):
        marks.append(Line2D([], [], color=FAINT, linewidth=0.6, label="from port to grid, not in the ledger"))
    marks.append(Line2D([], [], color=FAINT, linewidth=0.6, linestyle=(0, (4, 3)), label="margin"))
    return marks


def _legend_columns(labels: list[str], width_pt: float) -> int:
    """Choose how many columns of the legend fit beside one another; it is filled column by column."""
    for columns in range(len(labels), 1, -1):
        rows = -(-len(labels) // columns)
        longest = [max(map(len, labels[k : k + rows])) for k in range(0, len(labels), rows)]
        if sum(4.3 * letters + 36 for letters in longest) <= width_pt:
            return columns
    return 1
