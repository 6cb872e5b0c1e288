"""Waveguides seen from above: coloured by loss, one by one or bundled; the worst net, splitters and detectors."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, Normalize

from soensim.report.figures.floorplans.bundles import bundle
from soensim.report.figures.floorplans.die import EMPHASIS, RASTER
from soensim.report.figures.floorplans.routes import Optics, Segments
from soensim.report.figures.style import FAINT, INK
from soensim.routing.layer_stack import channel_tracks
from soensim.routing.placement import Placement
from soensim.routing.waveguides import Kind

MAX_DRAWN_SEGMENTS = 8000  # beyond, single waveguides merge, and the bundle of each channel shows more
MAX_DRAWN_DETECTORS = 2500  # on the whole die; the enlarged cell always shows its own
_MARKED_CELL_PT = 20.0  # in smaller cells the marks hide the waveguides
_MAX_DRAWN_LEADS = 100
MARKERS = {Kind.JUNCTION: "o", Kind.DETECTOR: "s"}

# viridis, dark where much is lost; its palest part would not show on white
LOSS = ListedColormap(mpl.colormaps["viridis_r"](np.linspace(0.12, 1.0, 256)), name="soensim_loss")

WIDEST_BAND = 0.6  # of a cell: both directions are still seen
_NARROWEST_BAND = 0.05


def are_bundled(optics: Optics) -> bool:
    """Whether the waveguides of each channel are too many to be drawn one by one."""
    return optics.channels is not None and len(optics.segments) > MAX_DRAWN_SEGMENTS


def are_thinned(optics: Optics) -> bool:
    """Whether straight lines are too many, and only the costliest of each net is drawn."""
    return optics.channels is None and len(optics.segments) > MAX_DRAWN_SEGMENTS


def has_leads(optics: Optics) -> bool:
    """Whether the leads between the ports and the grid are drawn."""
    return 0 < len(optics.leads_um) <= _MAX_DRAWN_LEADS


def draw_waveguides(axes: Axes, optics: Optics, placement: Placement, norm: Normalize, pt_per_um: float) -> None:
    """Draw all waveguides: one by one, or less where they are too many for that."""
    gridded = optics.channels is not None
    if has_leads(optics):
        axes.add_collection(
            LineCollection(list(optics.leads_um), colors=FAINT, linewidths=0.5, label="leads", zorder=1.5)
        )
    if are_bundled(optics):
        _draw_bundles(axes, optics, placement, norm)
    elif are_thinned(optics):
        last = len(optics.segments) - 1 - np.unique(optics.segments.net[::-1], return_index=True)[1]
        draw_segments(axes, optics.segments.part(np.isin(np.arange(len(optics.segments)), last)), norm, 0.4)
    else:
        width_pt = 0.75 * optics.stack.pitch_um * pt_per_um if gridded else 0.4
        draw_segments(axes, optics.segments, norm, float(np.clip(width_pt, 0.12, 1.0)))
        few = np.count_nonzero(optics.guides.kind == Kind.DETECTOR) <= MAX_DRAWN_DETECTORS
        if gridded and few and placement.cell_um * pt_per_um >= _MARKED_CELL_PT:
            for kind in MARKERS:
                draw_elements(axes, optics, kind, 1.2)
    draw_worst(axes, optics, 0.9)


def draw_segments(axes: Axes, segments: Segments, norm: Normalize, width_pt: float) -> None:
    """Draw every segment in the colour of its loss; those along rows, those along columns, and slanting ones."""
    x_moves, y_moves = (segments.ends_um[:, 0] != segments.ends_um[:, 1]).T
    for kind, mine in (("rows", x_moves & ~y_moves), ("columns", y_moves & ~x_moves), ("lines", x_moves & y_moves)):
        part = segments.part(mine)
        if len(part):
            lines = LineCollection(
                list(part.ends_um),
                array=part.path_db,
                cmap=LOSS,
                norm=norm,
                linewidths=width_pt,
                capstyle="projecting",
                rasterized=len(part) > RASTER,
                label=f"waveguides-{kind}",
                zorder=2,
            )
            axes.add_collection(lines, autolim=False)


def _draw_bundles(axes: Axes, optics: Optics, placement: Placement, norm: Normalize) -> None:
    """Draw the waveguides of each place of the grid as one band per direction, as wide as its channel is full."""
    x, y = placement.column_borders_um, placement.row_borders_um
    row_tracks, column_tracks = channel_tracks(placement, optics.stack)
    for along_row in (True, False):
        bundles = bundle(optics.segments, placement, along_row=along_row)
        tracks = row_tracks[:, None] if along_row else column_tracks[None, :]
        share = np.minimum(bundles.nets / np.maximum(tracks, 1), 1.0)
        row, column = np.nonzero(bundles.nets)
        width_um = placement.cell_um * np.maximum(WIDEST_BAND * share[row, column], _NARROWEST_BAND)
        # tracks are taken from the channel's lower border on
        across_um = y[row] if along_row else x[column]
        along = (bundles.low_um[row, column], bundles.high_um[row, column])
        across = (across_um, across_um + width_um)
        (left, right), (low, high) = (along, across) if along_row else (across, along)
        bands = PolyCollection(
            list(np.stack([left, low, left, high, right, high, right, low], axis=-1).reshape(-1, 4, 2)),
            array=bundles.path_db[row, column],
            cmap=LOSS,
            norm=norm,
            edgecolors="face",
            linewidths=0.1,
            rasterized=len(row) > RASTER,
            label=f"bundles-{'rows' if along_row else 'columns'}",
            zorder=2 if along_row else 2.1,
        )
        axes.add_collection(bands, autolim=False)


def draw_worst(axes: Axes, optics: Optics, width_pt: float) -> None:
    """Draw the worst net over everything, its emitter ringed; of straight lines, the costliest only."""
    worst, guides = optics.worst, optics.guides
    if worst is None:
        return
    straight = optics.channels is None
    mine = optics.segments.part(optics.segments.node == worst.end if straight else optics.segments.net == worst.net)
    for name, colour, width, order in (("halo", "white", width_pt + 1.0, 3.0), ("worst", EMPHASIS, width_pt, 3.1)):
        lines = LineCollection(
            list(mine.ends_um), colors=colour, linewidths=width, capstyle="round", label=name, zorder=order
        )
        axes.add_collection(lines, autolim=False)
    emitter = int(np.flatnonzero((guides.net == worst.net) & (guides.kind == Kind.EMITTER))[0])
    axes.plot(
        guides.x_um[emitter],
        guides.y_um[emitter],
        "o",
        markersize=7,
        markerfacecolor="none",
        markeredgecolor=EMPHASIS,
        markeredgewidth=1.6,
        zorder=5.5,
    )


def draw_elements(axes: Axes, optics: Optics, kind: Kind, size_pt: float) -> None:
    """Mark all splitters (`Kind.JUNCTION`), or all detectors; those of the worst net in its colour."""
    guides = optics.guides
    here = guides.kind == kind
    if kind is Kind.JUNCTION:  # an emitter with several ways on splits as well
        ways = np.bincount(guides.parent[guides.parent >= 0], minlength=len(guides))
        here |= (guides.kind == Kind.EMITTER) & (ways > 1)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    here &= (guides.x_um >= left) & (guides.x_um <= right) & (guides.y_um >= low) & (guides.y_um <= high)
    of_worst = guides.net == (-1 if optics.worst is None else optics.worst.net)
    for mine, colour, order in ((here & ~of_worst, INK, 2.5), (here & of_worst, EMPHASIS, 3.5)):
        axes.scatter(
            guides.x_um[mine],
            guides.y_um[mine],
            s=size_pt**2,
            marker=MARKERS[kind],
            facecolors="white" if kind is Kind.DETECTOR else colour,
            edgecolors=colour,
            linewidths=0.2 * size_pt,
            rasterized=int(mine.sum()) > RASTER,
            label=kind.name.lower(),
            zorder=order,
        )
