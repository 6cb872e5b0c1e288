"""The parts beside the die: scale bars, one place enlarged, how full the channels are."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.report.figures.floorplans import die
from soensim.report.figures.floorplans.bundles import occupancy
from soensim.report.figures.floorplans.captions import length
from soensim.report.figures.floorplans.figure_layout import SMALL_PT
from soensim.report.figures.floorplans.routes import Optics, WorstNet
from soensim.report.figures.floorplans.waveguides import MARKERS, draw_elements, draw_segments, draw_worst
from soensim.report.figures.style import INK
from soensim.routing import Channels
from soensim.routing.placement import Placement

FloatArray = NDArray[np.float64]

OCCUPANCY = LinearSegmentedColormap.from_list("soensim_occupancy", ["#eef1f5", "#8aaed6", "#1d3f6b"]).with_extremes(
    over=die.EMPHASIS
)
_WINDOW_TRACKS = 160  # that many tracks are told apart in a picture 3.3 inches wide
_SMALLEST_CROSS_PT = 1.8


def scale_bar(axes: Axes, pt_per_um: float, longest_um: float) -> None:
    """Draw a bar of a round length from the left, in axes whose unit is the point."""
    power = 10.0 ** math.floor(math.log10(longest_um))
    bar_um = max(step * power for step in (1, 2, 5) if step * power <= longest_um)
    axes.set_axis_off()
    end = bar_um * pt_per_um
    middle = sum(axes.get_ylim()) / 2
    y = [middle + step for step in (-3, 3, 0, 0, -3, 3)]
    axes.plot([0, 0, 0, end, end, end], y, color=INK, linewidth=1.0, clip_on=False)
    axes.text(end + 4, middle, length(bar_um), ha="left", va="center_baseline", fontsize=SMALL_PT)


def window(optics: Optics, worst: WorstNet, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """Choose what to enlarge: the cell where the worst net's costliest path ends; the corners (x, y) of a square."""
    side_um = min(1.25 * placement.cell_um, _WINDOW_TRACKS * optics.stack.pitch_um)
    places = placement.populations[worst.target]
    cell = np.array([places.x_um[worst.target_member], places.y_um[worst.target_member]])
    end = np.array([optics.guides.x_um[worst.end], optics.guides.y_um[worst.end]])
    # a window smaller than the cell stays in it, but for a little
    aside_um = max(0.56 * placement.cell_um - side_um / 2, 0.0)
    centre = np.clip(end, cell - aside_um, cell + aside_um)
    return centre - side_um / 2, centre + side_um / 2


def enlarge(
    axes: Axes, netlist: Netlist, placement: Placement, optics: Optics, norm: Normalize, pt_per_um: float
) -> None:
    """Draw a window of the die, the limits of the axes, with every splitter and detector in it."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, high = np.array([left, bottom]), np.array([right, top])
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=INK, linewidth=1.0)
    die.draw_cells(axes, netlist, placement, pt_per_um)
    spacing_um = optics.stack.pitch_um / len(optics.stack.planes_along(row=False))
    draw_segments(
        axes, optics.segments.within(low, high), norm, float(np.clip(0.55 * spacing_um * pt_per_um, 0.2, 1.2))
    )
    for kind in MARKERS:
        draw_elements(axes, optics, kind, 2.6)
    draw_worst(axes, optics, 2.0)  # wider than all others: told from them without colour too
    axes.set_title("Enlarged: where the worst net's costliest path ends", fontsize=SMALL_PT, fontweight="normal")


def mark_window(axes: Axes, low: FloatArray, high: FloatArray) -> None:
    """Frame on the die what is enlarged beside it."""
    side = high - low
    axes.add_patch(Rectangle((low[0], low[1]), *side, fill=False, edgecolor=INK, linewidth=1.0, zorder=5.6))


def heat_map(axes: Axes, placement: Placement, channels: Channels, *, along_row: bool, pt_per_um: float) -> None:
    """Draw how full the channels of one direction are at every place; crosses where tracks do not suffice."""
    x, y = placement.column_borders_um, placement.row_borders_um
    share = occupancy(channels, along_row=along_row)
    die.draw_die(axes, placement)
    axes.pcolormesh(x, y, share, cmap=OCCUPANCY, norm=Normalize(0, 1), rasterized=share.size > 1500)
    row, column = np.nonzero(share > 1)
    size_pt = 0.45 * placement.cell_um * pt_per_um
    if len(row) and size_pt >= _SMALLEST_CROSS_PT:
        centre = (x[column] + x[column + 1]) / 2, (y[row] + y[row + 1]) / 2
        axes.scatter(*centre, s=min(size_pt, 6) ** 2, marker="x", color="white", linewidths=0.8)
    said = f"{len(row):,} of {share.size:,} overfull" if len(row) else f"at most {share.max():.0%} full"
    axes.set_title(f"Channels along {'x' if along_row else 'y'}\n{said}", fontsize=SMALL_PT, fontweight="normal", pad=4)
