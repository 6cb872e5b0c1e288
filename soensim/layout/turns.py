"""Which turns of the waveguides have room for an arc of the technology's radius, and on which plane.

A turn leads from the plane that light arrives on to the plane of its way on. The arc that takes its place starts one
radius before the corner and ends one radius behind it; it lies on one of the two planes, where no other waveguide may
be nearer than the rules allow. The arcs of one corner all lie on the plane before it, or all on the one behind it.
Where neither plane has the room, the turn is a right angle at the coupler.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.routing.placement import IntArray

BoolArray = NDArray[np.bool_]

#: Where the arc of a turn is: none, on the plane of the segment behind the coupler, or of the one before it.
NONE, BEHIND, BEFORE = -1, 0, 1


@dataclass(frozen=True, eq=False)
class Segments:
    """Straight waveguides, one per node that is no emitter and no detector, in steps of the grid; shape (segments,).

    Attributes
    ----------
    node, parent
        Nodes of the tree at its end and its start.
    net
        As in `soensim.routing.waveguides.Waveguides`.
    plane
        As there; on a chip with a single plane 0 of rows and 1 of columns, which it holds both.
    along_row
        Whether it runs along x.
    at, start, end
        Where it is across its direction; its start (at the parent) and its end along it.
    turns
        Whether it runs at a right angle to the segment before.
    """

    node: IntArray
    parent: IntArray
    net: IntArray
    plane: IntArray
    along_row: BoolArray
    at: IntArray
    start: IntArray
    end: IntArray
    turns: BoolArray

    @property
    def sign(self) -> IntArray:
        """Direction along the axis: 1 or -1."""
        return np.where(self.end >= self.start, 1, -1)


@dataclass(frozen=True, eq=False)
class _Lanes:
    """Segments of one plane and direction, sorted by where they are across it."""

    at: IntArray
    low: IntArray
    high: IntArray
    net: IntArray

    @classmethod
    def of(cls, segments: Segments, chosen: BoolArray) -> _Lanes:
        order = np.flatnonzero(chosen)
        order = order[np.argsort(segments.at[order], kind="stable")]
        ends = segments.start[order], segments.end[order]
        return cls(segments.at[order], np.minimum(*ends), np.maximum(*ends), segments.net[order])

    def touch(self, across: tuple[int, int], along: tuple[int, int], own: tuple[int, int], gap: int) -> bool:
        """Whether a segment is nearer than ``gap`` to a rectangle; that of net and lane ``own`` does not count."""
        first, last = np.searchsorted(self.at, (across[0] - gap + 1, across[1] + gap))
        part = slice(int(first), int(last))
        near = (self.low[part] < along[1] + gap) & (self.high[part] > along[0] - gap)
        near &= (self.net[part] != own[0]) | (self.at[part] != own[1])
        return bool(near.any())


class _Arcs:
    """Rectangles of the arcs of one plane, by squares of twice the radius."""

    def __init__(self, radius: int, gap: int) -> None:
        self.square, self.gap = 2 * radius + gap, gap
        self.found: dict[tuple[int, int], list[tuple[int, int, int, int, int]]] = defaultdict(list)

    def touch(self, box: tuple[int, int, int, int], corner: int) -> bool:
        """Whether another arc is near; those of the same corner part from one another."""
        column, row = box[0] // self.square, box[1] // self.square
        return any(
            left < box[2] + self.gap
            and right > box[0] - self.gap
            and low < box[3] + self.gap
            and high > box[1] - self.gap
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            for left, low, right, high, other in self.found.get((column + i, row + j), ())
            if other != corner
        )

    def add(self, box: tuple[int, int, int, int], corner: int) -> None:
        """Take an arc in."""
        self.found[box[0] // self.square, box[1] // self.square].append((*box, corner))


def sides_of_arcs(segments: Segments, before: IntArray, arc: tuple[int, int], gap: int, *, single: bool) -> IntArray:
    """Choose the side of each arc.

    Parameters
    ----------
    segments
        All straight waveguides.
    before
        Shape (segments,): the segment that each one continues; -1 at an emitter.
    arc
        Radius of the arcs, and how far they go on straight at a coupler, in steps of the grid.
    gap
        Least distance of two centre lines.
    single
        Whether the chip has a single plane, on which everything is in the way.

    Returns
    -------
    array
        Shape (segments,): whether an arc leads into the segment, `BEHIND` or `BEFORE` its coupler, or `NONE` does.
    """
    chosen = np.full(len(segments.node), NONE, dtype=np.int64)
    of_corner: dict[int, int] = {}
    radius, on = arc
    turns = np.flatnonzero(segments.turns)
    length = np.abs(segments.end - segments.start)
    ends_turned = np.zeros(len(length), dtype=bool)
    ends_turned[before[turns]] = True
    # an arc takes a radius of both segments, and those at its two ends share it
    room = length >= radius * (segments.turns.astype(np.int64) + ends_turned)
    turns = turns[room[turns] & room[before[turns]]]
    layer = np.zeros_like(segments.plane) if single else segments.plane
    lanes = {
        (int(plane), row): _Lanes.of(segments, (layer == plane) & (segments.along_row == row))
        for plane in np.unique(layer)
        for row in (True, False)
    }
    arcs = {int(plane): _Arcs(radius + on, gap) for plane in np.unique(layer)}
    sign = segments.sign
    for turn in turns:
        one = int(before[turn])
        row = bool(segments.along_row[one])
        corner = (int(segments.end[one]), int(segments.at[one]))  # along the segment before, and across it
        along = sorted((corner[0] - (radius + on) * int(sign[one]), corner[0]))
        across = sorted((corner[1], corner[1] + (radius + on) * int(sign[turn])))
        x, y = (along, across) if row else (across, along)
        centre = (corner[0], corner[1]) if row else (corner[1], corner[0])
        net = int(segments.net[turn])
        parent = int(segments.parent[turn])
        for side, plane in ((BEHIND, int(layer[turn])), (BEFORE, int(layer[one]))):
            if of_corner.get(parent, side) != side or (single and side == BEFORE):
                continue
            if (
                not lanes[plane, True].touch((y[0], y[1]), (x[0], x[1]), (net, centre[1]), gap)
                and not lanes[plane, False].touch((x[0], x[1]), (y[0], y[1]), (net, centre[0]), gap)
                and not arcs[plane].touch((x[0], y[0], x[1], y[1]), parent)
            ):
                arcs[plane].add((x[0], y[0], x[1], y[1]), parent)
                chosen[turn] = of_corner[parent] = side
                break
    return chosen
