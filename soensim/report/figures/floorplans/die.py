"""The die from above: its outline, cells, input ports, and the longest wire."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.report.figures.floorplans.routes import Wire, input_names
from soensim.report.figures.style import FAINT, INK, WRONG
from soensim.routing.placement import Placement, Places

FloatArray = NDArray[np.float64]

EMPHASIS = WRONG  # the worst net, the longest wire, overfull places
RASTER = 3000  # shapes; more of them are a picture inside an SVG

# Okabe and Ito's colours that are neither on the loss map nor the emphasis; told apart by the colour-blind
_POPULATIONS = ("#56b4e9", "#e69f00", "#cc79a7", "#8b949e", "#f0e442")
_HATCHES = ("", "////", "....")  # further populations have the same colours, hatched
_SMALLEST_TEXT_PT = 7.0
_NUMBERED_PT = 18.0  # a cell with room for a number
_DIGIT_PT = 4.6  # width of a digit of that size


def look_of(netlist: Netlist, name: str) -> tuple[str, str]:
    """Colour and hatch of a population."""
    ports = input_names(netlist)
    neurons = [other for other in netlist.populations if other not in ports]
    turn, place = divmod([*neurons, *ports].index(name), len(_POPULATIONS))
    return _POPULATIONS[place], _HATCHES[turn % len(_HATCHES)]


def draw_die(axes: Axes, placement: Placement) -> None:
    """Draw the outline and the margin, and set the axes to the die (um)."""
    width, height, margin = placement.die_width_um, placement.die_height_um, placement.margin_um
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.set_axis_off()
    axes.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor=INK, linewidth=1.0, clip_on=False, zorder=6))
    if 0 < margin < min(width, height) / 2:
        inner = (width - 2 * margin, height - 2 * margin)
        axes.add_patch(
            Rectangle(
                (margin, margin), *inner, fill=False, edgecolor=FAINT, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0.5
            )
        )


def draw_cells(axes: Axes, netlist: Netlist, placement: Placement, pt_per_um: float) -> None:
    """Draw every neuron's cell in the colour of its population, with its number where that is legible."""
    ports = input_names(netlist)
    cell_pt = placement.cell_um * pt_per_um
    for name, places in placement.populations.items():
        if name in ports:
            continue
        colour, hatch = look_of(netlist, name)
        axes.add_collection(
            PolyCollection(
                list(_squares(places, placement.cell_um)),
                facecolors=to_rgba(colour, 0.3),
                edgecolors="white" if cell_pt < _NUMBERED_PT else FAINT,
                linewidths=min(0.5, 0.05 * cell_pt),
                hatch=hatch,
                rasterized=len(places.x_um) > RASTER,
                label=f"cells-{name}",
                zorder=1,
            )
        )
        digits = len(str(len(places.x_um) - 1))
        if cell_pt >= max(_NUMBERED_PT, _DIGIT_PT * digits + 2):
            corner = 0.5 * placement.cell_um - 1.5 / pt_per_um
            x, y = places.x_um + corner, places.y_um + corner
            (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
            text_um = _DIGIT_PT * digits / pt_per_um
            whole = (x - text_um >= left) & (x <= right) & (y - text_um >= low) & (y <= high)
            for k in np.flatnonzero(whole):
                axes.text(
                    x[k],
                    y[k],
                    str(k),
                    ha="right",
                    va="top",
                    fontsize=_SMALLEST_TEXT_PT if cell_pt < 25 else 8.0,
                    bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.4},
                    zorder=5,
                )


def draw_ports(axes: Axes, netlist: Netlist, placement: Placement, pt_per_um: float) -> None:
    """Draw every input port, with its number outside the die where that is legible."""
    side = netlist.floorplan.input_side if netlist.floorplan is not None else "left"
    names = input_names(netlist)
    if not names:
        return
    upright = side in ("left", "right")
    along = np.concatenate([getattr(placement.populations[n], "y_um" if upright else "x_um") for n in names])
    gap_um = float(np.diff(np.sort(along)).min()) if len(along) > 1 else placement.die_width_um
    strip_um = placement.margin_um or placement.cell_um / 2
    size_um = max(min(0.45 * strip_um, 0.7 * gap_um, 9 / pt_per_um), 1.2 / pt_per_um)
    for name in names:
        places, (colour, hatch) = placement.populations[name], look_of(netlist, name)
        axes.add_collection(
            PolyCollection(
                list(_squares(places, size_um)),
                facecolors=colour,
                edgecolors=INK,
                linewidths=0.5 if size_um * pt_per_um > 4 else 0.0,
                hatch=hatch,
                rasterized=len(places.x_um) > RASTER,
                label=f"ports-{name}",
                zorder=4,
            )
        )
        if gap_um * pt_per_um < 1.2 * _SMALLEST_TEXT_PT * (1 if upright else 1.6):
            continue
        for k, (x, y) in enumerate(zip(places.x_um, places.y_um, strict=True)):
            at, ha, va = {
                "left": ((0.0, y), "right", "center"),
                "right": ((placement.die_width_um, y), "left", "center"),
                "top": ((x, placement.die_height_um), "center", "bottom"),
                "bottom": ((x, 0.0), "center", "top"),
            }[side]
            away = {"left": (-3, 0), "right": (3, 0), "top": (0, 2), "bottom": (0, -2)}[side]
            axes.annotate(
                str(k), at, away, textcoords="offset points", ha=ha, va=va, fontsize=_SMALLEST_TEXT_PT, zorder=5
            )


def draw_wire(axes: Axes, placement: Placement, wire: Wire) -> None:
    """Draw a wire as its length is counted: along the source's row, then along the target's column."""
    start, end = placement.populations[wire.source], placement.populations[wire.target]
    x, y = float(start.x_um[wire.member]), float(start.y_um[wire.member])
    to_x, to_y = float(end.x_um[wire.target_member]), float(end.y_um[wire.target_member])
    axes.plot([x, to_x, to_x], [y, y, to_y], color=EMPHASIS, linewidth=1.4, label="longest-wire", zorder=3)


def _squares(places: Places, side_um: float) -> FloatArray:
    corner = 0.5 * side_um * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    centres = np.column_stack([places.x_um, places.y_um])
    squares: FloatArray = centres[:, None, :] + corner
    return squares
