"""Waveguides -> shapes: straight guides, arcs, couplers, and where light enters, leaves and is split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.layout.drawing import GRID_PER_UM, Boxes, Cell, Labels, Part, Polygon, References, on_grid
from soensim.layout.layers import LayerTable, Rule
from soensim.layout.turns import BEFORE, BEHIND, NONE, BoolArray, Segments, sides_of_arcs
from soensim.routing.placement import IntArray
from soensim.routing.waveguides import Kind, Waveguides

#: An arc is a polygon of this many corners per side: 0.6 nm off the circle at 25 um.
_CORNERS = 128


@dataclass(frozen=True, eq=False)
class GuideShapes:
    """The optical part of a chip.

    Attributes
    ----------
    part
        What goes into the drawing.
    arc
        Shape (nodes,): whether an arc leads into the segment that arrives at each node.
    turns
        Number of right-angled turns, arcs among them.
    """

    part: Part
    arc: BoolArray
    turns: int


class GuideDrawer:
    """Draws the waveguides of one chip.

    Parameters
    ----------
    guides
        Trees along rows and columns.
    table
        Layers.
    planes
        Number of planes.
    radius
        Of the bends, in steps of the grid.
    """

    def __init__(self, guides: Waveguides, table: LayerTable, planes: int, radius: int) -> None:
        self.guides, self.table, self.radius, self.single = guides, table, radius, planes == 1
        self.rule = table.rule("waveguide")
        self.x, self.y = on_grid(guides.x_um), on_grid(guides.y_um)
        self.segments = _segments(guides, self.x, self.y, single=self.single)
        self.of_node = np.full(len(guides), -1, dtype=np.int64)
        self.of_node[self.segments.node] = np.arange(len(self.segments.node))
        before = np.where(guides.parent[self.segments.parent] < 0, -1, self.of_node[self.segments.parent])
        self.before = before
        gap = 2 * self.rule.half + self.rule.space
        # an arc that is tighter than its own width is none
        self.side = (
            sides_of_arcs(self.segments, before, (radius, 2 * self.rule.half), gap, single=self.single)
            if radius > 2 * self.rule.half
            else np.full(len(before), NONE)
        )
        self.arc = self.side != NONE

    def draw(self, sources: Sequence[str], targets: Sequence[str]) -> GuideShapes:
        """Make the shapes.

        Parameters
        ----------
        sources
            Name of what emits into each net, shape (nets,).
        targets
            Name of what each detector drives, shape (sinks,).

        Raises
        ------
        RoutingError
            Two waveguides are nearer to one another than the technology allows.
        """
        guides, segments = self.guides, self.segments
        trimmed = self._corner_is_free()
        boxes = self._straight(trimmed)
        arcs = self._arcs()
        couplers = self._couplers()
        home = self._home_planes()
        root = np.flatnonzero(guides.parent < 0)
        emitters = self._devices("emitter", root, home[root], sources)
        host = guides.parent[guides.detector]
        detectors = self._devices("detector", host, home[host], targets)
        ways = np.bincount(guides.parent[guides.parent >= 0], minlength=len(guides))
        split = np.flatnonzero(ways > 1)
        splitters = self._devices("splitter", split, home[split], None, trimmed)
        crossings = self._crossings() if self.single else Part()
        parts = [arcs, couplers, emitters, detectors, splitters, crossings]
        arc = np.zeros(len(guides), dtype=bool)
        arc[segments.node[self.arc]] = True
        return GuideShapes(
            part=Part.joined([Part(boxes=boxes), *parts]),
            arc=arc,
            turns=int(segments.turns.sum()),
        )

    def _corner_is_free(self) -> BoolArray:
        """Nodes at which only arcs go on, so that the guide ends where they start; shape (nodes,)."""
        guides, segments = self.guides, self.segments
        children = np.bincount(guides.parent[guides.parent >= 0], minlength=len(guides))
        arcs = np.bincount(segments.parent[self.arc], minlength=len(guides))
        free: BoolArray = (arcs > 0) & (arcs == children)
        return free

    def _straight(self, trimmed: BoolArray) -> tuple[Boxes, ...]:
        """Boxes of the straight guides; pieces of one net that meet on a lane are one box.

        They go on for half a width where they end, but not where an arc of their own plane goes on.
        """
        segments, half = self.segments, self.rule.half
        start = segments.start + segments.sign * self.radius * self.arc
        end = segments.end - segments.sign * self.radius * trimmed[segments.node]
        at_start = np.where(self.side == BEHIND, 0, half)
        into_arc = np.zeros(len(self.guides), dtype=bool)
        into_arc[segments.parent[self.side == BEFORE]] = True
        at_end = np.where(into_arc[segments.node] & trimmed[segments.node], 0, half)
        forward = segments.sign > 0
        lane = _joined(
            segments,
            (np.minimum(start, end), np.maximum(start, end)),
            (np.where(forward, at_start, at_end), np.where(forward, at_end, at_start)),
        )
        self._check_lanes(lane)
        boxes = []
        for p in np.unique(lane.plane):
            for along_row in (True, False):
                here = np.flatnonzero((lane.plane == p) & (lane.along_row == along_row) & (lane.high > lane.low))
                if len(here):
                    corner = (lane.low[here], lane.at[here] - half), (lane.high[here], lane.at[here] + half)
                    first, last = (np.stack(ends if along_row else ends[::-1], axis=1) for ends in corner)
                    boxes.append(Boxes(self._guide_layer(int(p)), first, last))
        return tuple(boxes)

    def _guide_layer(self, plane: int) -> tuple[int, int]:
        return self.table.numbers("waveguide", *((0, plane) if self.single else (plane, 0)))

    def _check_lanes(self, lane: _Lanes) -> None:
        """Refuse guides of two nets that follow one another on a lane too closely."""
        same = (lane.plane[1:] == lane.plane[:-1]) & (lane.along_row[1:] == lane.along_row[:-1])
        apart = lane.low[1:] - lane.high[:-1]
        close = same & (lane.at[1:] == lane.at[:-1]) & (lane.net[1:] != lane.net[:-1]) & (apart < self.rule.space)
        if close.any():
            k = int(np.flatnonzero(close)[0])
            raise RoutingError(
                f"{int(close.sum())} pairs of waveguides that follow one another on a track are closer than the "
                f"{self.rule.space / GRID_PER_UM:g} um of layout.waveguide.space_um; the first are "
                f"{apart[k] / GRID_PER_UM:g} um apart, on plane {lane.plane[k]} at {lane.at[k] / GRID_PER_UM:g} um: a "
                "cell has more detectors than tracks; give the cells more room (cell_um), or take fewer synapses"
            )

    def _arcs(self) -> Part:
        """References to the cells of the arcs: by plane, and by the side of the coupler."""
        segments = self.segments
        turn = np.flatnonzero(self.arc)
        one, side = self.before[turn], self.side[turn]
        plane = np.where(side == BEHIND, segments.plane[turn], segments.plane[one])
        row, sign_in, sign_out = segments.along_row[one], segments.sign[one], segments.sign[turn]
        start = segments.end[one] - self.radius * sign_in
        at = np.stack([np.where(row, start, segments.at[one]), np.where(row, segments.at[one], start)], axis=1)
        quarter = np.where(row, np.where(sign_in > 0, 0, 2), np.where(sign_in > 0, 1, 3))
        # counter-clockwise from +x is +y, from +y it is -x
        left = np.where(row, sign_in * sign_out > 0, sign_in * sign_out < 0)
        cells, references = [], []
        for p, s in np.unique(np.stack([plane, side], axis=1), axis=0):
            here = (plane == p) & (side == s)
            name = f"BEND_P{p}_{'BEHIND' if s == BEHIND else 'BEFORE'}"
            outline = arc_outline(self.radius, self.rule, coupler_at_end=bool(s == BEFORE))
            cells.append(Cell(name, polygons=(Polygon(self._guide_layer(int(p)), outline),)))
            references.append(References(name, at[here], quarter[here], (~left[here]).astype(np.int64)))
        return Part(tuple(cells), references=tuple(references))

    def _couplers(self) -> Part:
        """Couplers where a net goes on in another plane, and joints where it turns on a single one."""
        guides, segments = self.guides, self.segments
        first = _first_plane(guides, segments)
        from_root = self.before < 0
        below = np.where(from_root, first[segments.parent], segments.plane[self.before])
        chosen = np.flatnonzero(below != segments.plane)
        x, y = self.x[segments.parent[chosen]].copy(), self.y[segments.parent[chosen]].copy()
        behind = np.flatnonzero(self.side[chosen] == BEFORE)  # at the end of the arc
        ahead = np.flatnonzero(self.side[chosen] == BEHIND)  # at its start
        on = self.radius + self.rule.half  # in the middle of where the arc goes on straight
        moved = on * segments.sign[chosen[behind]]
        out_row = segments.along_row[chosen[behind]]
        x[behind] += moved * out_row
        y[behind] += moved * ~out_row
        one = self.before[chosen[ahead]]
        moved = -on * segments.sign[one]
        x[ahead] += moved * segments.along_row[one]
        y[ahead] += moved * ~segments.along_row[one]
        low, high = np.minimum(below[chosen], segments.plane[chosen]), np.maximum(below[chosen], segments.plane[chosen])
        places = np.unique(np.stack([low, high, segments.net[chosen], x, y], axis=1), axis=0)
        rule = self.table.rule("coupler")
        cells, references = [], []
        for p, q in np.unique(places[:, :2], axis=0):
            here = (places[:, 0] == p) & (places[:, 1] == q)
            name, layer = f"COUPLER_P{p}_P{q}", self.table.numbers("coupler", int(p), int(q))
            cells.append(Cell(name, (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), rule.half),)))
            references.append(References.upright(name, places[here, 3:]))
        return Part(tuple(cells), references=tuple(references))

    def _home_planes(self) -> IntArray:
        """Plane of the guide at each node: of the segment that arrives, or at an emitter of the first that leaves."""
        plane = _first_plane(self.guides, self.segments)
        plane[self.segments.node] = self.segments.plane
        return plane

    def _devices(
        self, kind: str, node: IntArray, plane: IntArray, names: Sequence[str] | None, trimmed: BoolArray | None = None
    ) -> Part:
        """References to the cell of a device for each plane, at nodes, with their names."""
        at = np.stack([self.x[node], self.y[node]], axis=1)
        if trimmed is not None:  # where the arcs start
            moved = np.flatnonzero(trimmed[node])
            one = self.of_node[node[moved]]
            row = self.segments.along_row[one]
            at[moved, np.where(row, 0, 1)] -= self.radius * self.segments.sign[one]
        half = self.table.rule(kind).half
        cells, references, labels = [], [], []
        for p in np.unique(plane):
            here = np.flatnonzero(plane == p)
            layer, name = self.table.numbers(kind, 0, int(p)), f"{kind.upper()}_P{p}"
            cells.append(Cell(name, (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), half),)))
            references.append(References.upright(name, at[here]))
            if names is not None:
                labels.append(Labels(layer, at[here], tuple(names[int(k)] for k in here)))
        return Part(tuple(cells), references=tuple(references), labels=tuple(labels))

    def _crossings(self) -> Part:
        """Where guides of a single plane cross, ends not counted."""
        segments = self.segments
        low, high = np.minimum(segments.start, segments.end), np.maximum(segments.start, segments.end)
        row, column = np.flatnonzero(segments.along_row), np.flatnonzero(~segments.along_row)
        column = column[np.argsort(segments.at[column])]
        found = []
        for k in row:
            first, last = np.searchsorted(segments.at[column], (low[k] + 1, high[k]))
            near = column[first:last]
            near = near[(low[near] < segments.at[k]) & (high[near] > segments.at[k])]
            found.append(np.stack([segments.at[near], np.full(len(near), segments.at[k])], axis=1))
        at = np.concatenate([np.empty((0, 2), dtype=np.int64), *found])
        if not len(at):
            return Part()
        layer, half = self.table.numbers("crossing"), self.table.rule("crossing").half
        cell = Cell("CROSSING", (Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), half),))
        return Part((cell,), references=(References.upright("CROSSING", at),))


def arc_outline(radius: int, rule: Rule, *, coupler_at_end: bool) -> IntArray:
    """Outline of an arc that starts at the origin towards +x and turns left to (radius, radius); shape (points, 2).

    At its coupler it goes on straight for its width; at the other end it meets the straight guide.
    """
    half = rule.half
    angle = np.linspace(-np.pi / 2, 0, _CORNERS + 1)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centre = np.array([0, radius])
    outer, inner = centre + (radius + half) * circle, centre + (radius - half) * circle
    if coupler_at_end:
        on = np.array([0, 2 * half])
        points = [outer, outer[-1:] + on, inner[-1:] + on, inner[::-1]]
    else:
        on = np.array([-2 * half, 0])
        points = [outer[:1] + on, outer, inner[::-1], inner[:1] + on]
    outline: IntArray = np.rint(np.concatenate(points)).astype(np.int64)
    return outline


def _segments(guides: Waveguides, x: IntArray, y: IntArray, *, single: bool) -> Segments:
    node = np.flatnonzero((guides.parent >= 0) & (guides.kind != Kind.DETECTOR))
    parent = guides.parent[node]
    # a segment without length is along the row, as good as any
    along_row = np.abs(x[node] - x[parent]) >= np.abs(y[node] - y[parent])
    return Segments(
        node=node,
        parent=parent,
        net=guides.net[node],
        plane=np.where(along_row, 0, 1) if single else guides.plane[node],
        along_row=along_row,
        at=np.where(along_row, y[node], x[node]),
        start=np.where(along_row, x[parent], y[parent]),
        end=np.where(along_row, x[node], y[node]),
        turns=guides.bends[node] > 0,
    )


def _first_plane(guides: Waveguides, segments: Segments) -> IntArray:
    """Plane of the first segment that leaves each emitter, at its node; 0 elsewhere. Shape (nodes,)."""
    plane = np.zeros(len(guides), dtype=np.int64)
    at_root = np.flatnonzero(guides.parent[segments.parent] < 0)[::-1]
    plane[segments.parent[at_root]] = segments.plane[at_root]
    return plane


@dataclass(frozen=True, eq=False)
class _Lanes:
    """Straight guides with their ends, sorted by plane, direction, lane and place; shape (guides,)."""

    net: IntArray
    plane: IntArray
    along_row: BoolArray
    at: IntArray
    low: IntArray
    high: IntArray


def _joined(segments: Segments, ends: tuple[IntArray, IntArray], more: tuple[IntArray, IntArray]) -> _Lanes:
    """Join the pieces of a net that meet on a lane; ``more`` is how far each goes on at its low and its high end."""
    order = np.lexsort((ends[0], segments.net, segments.at, segments.along_row, segments.plane))
    net, plane, at = (a[order] for a in (segments.net, segments.plane, segments.at))
    row, low, high = segments.along_row[order], ends[0][order], ends[1][order]
    keys = np.stack([net, plane, row.astype(np.int64), at], axis=1)
    begins = np.ones(len(low), dtype=bool)
    begins[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    begins[1:] |= low[1:] > high[:-1]  # segments of a tree meet at their ends at most
    first = np.flatnonzero(begins)
    if not len(first):
        return _Lanes(net, plane, row, at, low, high)
    outer_low = np.minimum.reduceat(low - more[0][order], first)
    outer_high = np.maximum.reduceat(high + more[1][order], first)
    # whatever the net, so that neighbours are beside one another
    order = np.lexsort((outer_low, at[first], row[first], plane[first]))
    again = first[order]
    return _Lanes(net[again], plane[again], row[again], at[again], outer_low[order], outer_high[order])
