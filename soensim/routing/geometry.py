"""Grid trees with tracks -> waveguides with coordinates: every turn, tap and detector where it is on the die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.routing.crossings import count_chord_crossings, count_grid_crossings
from soensim.routing.layer_stack import LayerStack
from soensim.routing.nets import Nets
from soensim.routing.placement import FloatArray, IntArray, Placement
from soensim.routing.tracks import Runs
from soensim.routing.trees import GridTrees
from soensim.routing.waveguides import Kind, Waveguides

BoolArray = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class _Segments:
    """The nodes of the trees and the segments that arrive at them, as in `Waveguides`, before there are detectors."""

    x_um: FloatArray
    y_um: FloatArray
    plane: IntArray
    length_um: FloatArray
    bends: IntArray
    crossings: IntArray
    plane_crossings: IntArray
    couplers: IntArray


def lay_out(
    nets: Nets,
    trees: GridTrees,
    placement: Placement,
    stack: LayerStack,
    rows: tuple[Runs, IntArray],
    columns: tuple[Runs, IntArray],
    ports_um: FloatArray,
) -> Waveguides:
    """Give every node its place on the die and count what light meets on every segment.

    A node on a row run and a column run is where the two tracks meet; on one of them only, it is at the slot of its
    detector in the cell. Detectors and emitters are on plane 0, right below or above the waveguide.

    Parameters
    ----------
    nets, trees, placement, stack
        All sinks of the nets are reached by the trees.
    rows, columns
        The runs along rows and along columns, and the track of each.
    ports_um
        Shape (nets, 2): x and y of the input port that feeds a net; NaN where a neuron does. The waveguide begins
        beside its port, on its track.
    """
    nodes = len(trees)
    row_run, column_run = rows[0].of_node, columns[0].of_node
    row_y, row_plane = stack.place(rows[0].channel, rows[1], placement.row_borders_um, row=True)
    column_x, column_plane = stack.place(columns[0].channel, columns[1], placement.column_borders_um, row=False)
    x_um, y_um = _slots(nets, trees, placement, stack)
    from_port = np.flatnonzero((trees.parent < 0) & ~np.isnan(ports_um[trees.net, 0]))
    x_um[from_port], y_um[from_port] = ports_um[trees.net[from_port]].T
    on_row, on_column = row_run >= 0, column_run >= 0
    y_um[on_row] = row_y[row_run[on_row]]
    x_um[on_column] = column_x[column_run[on_column]]

    parent = trees.parent
    inner = parent >= 0
    above = np.where(inner, parent, 0)
    along_row = inner & (trees.row == trees.row[above])
    along_column = inner & ~along_row
    plane = np.zeros(nodes, dtype=np.int64)
    plane[along_row] = row_plane[row_run[along_row]]
    plane[along_column] = column_plane[column_run[along_column]]
    crossed = _crossings(parent, along_row, along_column, x_um, y_um)
    turns = inner & (parent[above] >= 0) & (along_row != along_row[above])
    segments = _Segments(
        x_um=x_um,
        y_um=y_um,
        plane=plane,
        length_um=np.where(inner, np.abs(x_um - x_um[above]) + np.abs(y_um - y_um[above]), 0.0),
        bends=turns.astype(np.int64),
        crossings=crossed if stack.planes == 1 else np.zeros_like(crossed),
        plane_crossings=np.zeros_like(crossed) if stack.planes == 1 else crossed,
        couplers=np.where(inner, np.abs(plane - plane[above]), 0),
    )
    return _with_detectors(trees, segments)


def straight_lines(nets: Nets, emitters: FloatArray, detectors: FloatArray) -> Waveguides:
    """Draw a straight waveguide from each emitter to each of its detectors, all in one plane.

    Parameters
    ----------
    nets
        The nets.
    emitters, detectors
        Shape (nets, 2) and (sinks, 2): x and y (um).
    """
    n, m, net = len(nets), nets.sinks, nets.net
    at = np.arange(n) + nets.first[:-1]  # a net's emitter, then its detectors
    detector = np.arange(m) + net + 1
    nodes = n + m
    x_um, y_um, parent = np.empty(nodes), np.empty(nodes), np.full(nodes, -1)
    for axis, values in ((0, x_um), (1, y_um)):
        values[at], values[detector] = emitters[:, axis], detectors[:, axis]
    parent[detector] = at[net]
    kind = np.full(nodes, Kind.DETECTOR, dtype=np.int8)
    kind[at] = Kind.EMITTER
    length_um, crossings, zero = np.zeros(nodes), np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    start = emitters[net]
    length_um[detector] = np.hypot(*(detectors - start).T)
    crossings[detector] = count_chord_crossings(start[:, 0], start[:, 1], detectors[:, 0], detectors[:, 1])
    owner = np.empty(nodes, dtype=np.int64)
    owner[at], owner[detector] = np.arange(n), net
    return Waveguides(
        owner, parent, kind, x_um, y_um, zero, length_um, zero, crossings, zero, _taps(parent), zero, detector
    )


def _slots(nets: Nets, trees: GridTrees, placement: Placement, stack: LayerStack) -> tuple[FloatArray, FloatArray]:
    """Where a node is along a run: in the middle of its place, or at its detector's slot among those of the cell."""
    rank, count = np.zeros(len(trees), dtype=np.int64), np.ones(len(trees), dtype=np.int64)
    place = nets.sink_row * placement.columns + nets.sink_column
    order = np.argsort(place, kind="stable")
    _, first, of_place, number = np.unique(place[order], return_index=True, return_inverse=True, return_counts=True)
    node = trees.sink_node[order]
    rank[node], count[node] = np.arange(len(order)) - first[of_place], number[of_place]
    return (
        stack.slot(trees.column, rank, count, placement.column_borders_um),
        stack.slot(trees.row, rank, count, placement.row_borders_um),
    )


def _crossings(
    parent: IntArray, along_row: BoolArray, along_column: BoolArray, x_um: FloatArray, y_um: FloatArray
) -> IntArray:
    """Segments in the other direction that the segment to each node crosses."""
    crossed = np.zeros(len(parent), dtype=np.int64)
    row_pieces = _pieces(np.flatnonzero(along_row), parent, x_um, y_um)
    column_pieces = _pieces(np.flatnonzero(along_column), parent, y_um, x_um)
    crossed[along_row] = count_grid_crossings(*row_pieces, column_pieces)
    crossed[along_column] = count_grid_crossings(*column_pieces, row_pieces)
    return crossed


def _pieces(
    nodes: IntArray, parent: IntArray, along_um: FloatArray, across_um: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    start, end = along_um[parent[nodes]], along_um[nodes]
    return across_um[nodes], np.minimum(start, end), np.maximum(start, end)


def _taps(parent: IntArray) -> IntArray:
    """Splitters passed at the start of each segment: a place with m ways on is a cascade, log2 m deep, rounded up."""
    inner = parent >= 0
    ways = np.bincount(parent[inner], minlength=len(parent))
    taps = np.zeros(len(parent), dtype=np.int64)
    taps[inner] = np.ceil(np.log2(ways[parent[inner]])).astype(np.int64)
    return taps


def _with_detectors(trees: GridTrees, segments: _Segments) -> Waveguides:
    """Add a leaf for every detector, below the node at which it is reached."""
    host = trees.sink_node
    nodes, sinks = len(trees), len(host)
    # behind the nodes of their net, so that nets stay together and parents come first
    net = np.concatenate((trees.net, trees.net[host]))
    order = np.argsort(net, kind="stable")
    place = np.empty(nodes + sinks, dtype=np.int64)
    place[order] = np.arange(nodes + sinks)
    parent = np.concatenate((trees.parent, host))
    parent = np.where(parent >= 0, place[parent], -1)[order]

    none = np.zeros(sinks, dtype=np.int64)

    def joined(values: NDArray[T], of_detector: NDArray[T]) -> NDArray[T]:
        return np.concatenate((values, of_detector))[order]

    ways = np.bincount(parent[parent >= 0], minlength=len(parent))
    is_detector = np.zeros(nodes + sinks, dtype=bool)
    is_detector[place[nodes:]] = True
    kind = np.where(ways > 1, Kind.JUNCTION, Kind.BEND).astype(np.int8)
    kind[parent < 0] = Kind.EMITTER
    kind[is_detector] = Kind.DETECTOR
    return Waveguides(
        net=net[order],
        parent=parent,
        kind=kind,
        x_um=joined(segments.x_um, segments.x_um[host]),
        y_um=joined(segments.y_um, segments.y_um[host]),
        plane=joined(segments.plane, none),
        length_um=joined(segments.length_um, np.zeros(sinks)),
        bends=joined(segments.bends, none),
        crossings=joined(segments.crossings, none),
        plane_crossings=joined(segments.plane_crossings, none),
        taps=_taps(parent),
        couplers=joined(segments.couplers, segments.plane[host]),
        detector=place[nodes:],
    )
