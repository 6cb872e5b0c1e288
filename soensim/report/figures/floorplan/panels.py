"""The parts beside the die: scale bars, one place enlarged, how full the channels are."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.report.figures.floorplan import die
from soensim.report.figures.floorplan.routes import Optics, occupancy
from soensim.report.figures.floorplan.waveguides import MARKERS, draw_elements, draw_segments, draw_worst
from soensim.report.figures.floorplan.words import length
from soensim.report.figures.style import INK
from soensim.routing.placement import Placement

FloatArray = NDArray[np.float64]

_OCCUPANCY = LinearSegmentedColormap.from_list("soensim_occupancy", ["#eef1f5", "#8aaed6", "#1d3f6b"]).with_extremes(
    over=die.EMPHASIS
)
_WINDOW_TRACKS = 160  # that many tracks are told apart in a picture 3.3 inches wide
_MARKED_PLACE_PT = 4.0


def scale_bar(axes: Axes, pt_per_um: float, longest_um: float) -> None:
    """Draw a bar of a round length in axes whose unit is the point, 0 at the lower left corner."""
    power = 10.0 ** math.floor(math.log10(longest_um))
    bar_um = max(step * power for step in (1, 2, 5) if step * power <= longest_um)
    axes.set_axis_off()
    end = bar_um * pt_per_um
    axes.plot([0, 0, 0, end, end, end], [9, 15, 12, 12, 9, 15], color=INK, linewidth=1.0, clip_on=False)
    axes.text(end / 2, 7, length(bar_um), ha="center", va="top", fontsize=7.5)


def window(optics: Optics, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """Choose what to enlarge: the cell where the worst net's costliest path ends; the corners (x, y) of a square."""
    worst = optics.worst
    if worst is None:
        raise ValueError("no net")
    centre = np.array([optics.guides.x_um[worst.end], optics.guides.y_um[worst.end]])
    side_um = min(1.25 * placement.cell_um, _WINDOW_TRACKS * optics.stack.pitch_um)
    places = placement.populations[worst.target]
    cell = np.array([places.x_um[worst.target_member], places.y_um[worst.target_member]])
    if side_um > placement.cell_um:
        centre = cell
    return centre - side_um / 2, centre + side_um / 2


def enlarge(
    axes: Axes, netlist: Netlist, placement: Placement, optics: Optics, norm: Normalize, side_pt: float
) -> None:
    """Draw a window of the die, as large as the axes, with every splitter and detector in it."""
    low, high = window(optics, placement)
    pt_per_um = side_pt / float(high[0] - low[0])
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=INK, linewidth=1.0)
    die.draw_cells(axes, netlist, placement, pt_per_um)
    spacing_um = optics.stack.pitch_um / len(optics.stack.planes_along(row=False))
    draw_segments(
        axes, optics.segments.within(low, high), norm, float(np.clip(0.55 * spacing_um * pt_per_um, 0.2, 1.2))
    )
    for kind in MARKERS:
        draw_elements(axes, optics, kind, 2.6)
    draw_worst(axes, optics, 1.3)


def mark_window(axes: Axes, low: FloatArray, high: FloatArray) -> None:
    """Frame on the die what is enlarged beside it."""
    side = high - low
    axes.add_patch(Rectangle((low[0], low[1]), *side, fill=False, edgecolor=INK, linewidth=1.0, zorder=5.6))


def heat_map(axes: Axes, placement: Placement, optics: Optics, *, along_row: bool, pt_per_um: float) -> QuadMesh | None:
    """Draw how full the channels of one direction are at every place; crosses where tracks do not suffice."""
    channels = optics.channels
    if channels is None:
        return None
    x, y = placement.column_borders_um, placement.row_borders_um
    share = occupancy(channels, along_row=along_row)
    axes.set_axis_off()
    axes.set(xlim=(0, placement.die_width_um), ylim=(0, placement.die_height_um), aspect="equal")
    axes.add_patch(
        Rectangle(
            (0, 0),
            placement.die_width_um,
            placement.die_height_um,
            fill=False,
            edgecolor=INK,
            linewidth=0.7,
            clip_on=False,
        )
    )
    mesh = axes.pcolormesh(x, y, share, cmap=_OCCUPANCY, norm=Normalize(0, 1), rasterized=share.size > 1500)
    row, column = np.nonzero(share > 1)
    place_pt = placement.cell_um * pt_per_um
    if len(row) and place_pt >= _MARKED_PLACE_PT:
        axes.scatter(
            (x[column] + x[column + 1]) / 2,
            (y[row] + y[row + 1]) / 2,
            s=(0.45 * place_pt) ** 2,
            marker="x",
            color="white",
            linewidths=0.8,
        )
    overfull = len(row)
    said = f"{overfull:,} of {share.size:,} places overfull" if overfull else f"at most {share.max():.0%} full"
    axes.set_title(f"Channels along {'x' if along_row else 'y'}\n{said}", fontsize=7.5, fontweight="normal", pad=4)
    return mesh
