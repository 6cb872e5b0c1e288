"""Wires of electrical projections -> shapes: a row and a column each, on lanes of their own.

The ledger has a wire along a row and a column between the centres of two cells. All wires of a cell cannot start at one
point: each is moved as a whole, by the same offset at both of its ends, until its row and its column are on free lanes.
Its length stays what the ledger says, and both ends stay within their cells. The row is on an even metal, the
column on the one above it, with a via at the corner; where two metals are full, the next two follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.errors import RoutingError
from soensim.layout.drawing import GRID_PER_UM, Boxes, Cell, Labels, Part, References
from soensim.layout.layers import LayerTable, Rule
from soensim.routing.placement import IntArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wires:
    """Wires between the centres of cells and ports, in steps of the grid.

    Attributes
    ----------
    start, end
        Shape (wires, 2): x and y of the source's centre and of the target's.
    source, target
        Shape (wires,): names, such as `hidden[3]`.
    """

    start: IntArray
    end: IntArray
    source: Sequence[str]
    target: Sequence[str]


@dataclass(frozen=True, eq=False)
class LaidWires:
    """Where wires are.

    Attributes
    ----------
    pair
        Shape (wires,): 0 for metals 0 and 1, 1 for metals 2 and 3, …
    offset
        Shape (wires, 2): by how much each is moved.
    """

    pair: IntArray
    offset: IntArray


class _Direction:
    """Lanes of one direction: which of them are taken, piece by piece along the lane.

    Parameters
    ----------
    across, along
        Where the lanes may be, across them and along them.
    pitch
        Of the lanes.
    place
        Length of the pieces along a lane.
    """

    def __init__(self, across: tuple[int, int], along: tuple[int, int], pitch: int, place: int) -> None:
        self.across, self.along, self.pitch, self.place = across, along, pitch, place
        self.shape = (across[1] - across[0]) // pitch + 1, (along[1] - along[0]) // place + 2
        self.taken: list[BoolArray] = []

    def free(self, pair: int, around: tuple[int, int], along: tuple[int, int]) -> int:
        """Find the lowest lane within ``around`` that is free along a stretch; -1 if there is none."""
        while len(self.taken) <= pair:
            self.taken.append(np.zeros(self.shape, dtype=bool))
        first = max(-(-(around[0] - self.across[0]) // self.pitch), 0)
        last = min((around[1] - self.across[0]) // self.pitch, self.shape[0] - 1)
        open_lanes = ~self.taken[pair][first : last + 1, self._places(along)].any(axis=1)
        return first + int(open_lanes.argmax()) if open_lanes.any() else -1

    def take(self, pair: int, lane: int, along: tuple[int, int]) -> int:
        """Take a lane along a stretch; return where it is."""
        self.taken[pair][lane, self._places(along)] = True
        return self.across[0] + lane * self.pitch

    def _places(self, along: tuple[int, int]) -> slice:
        return slice(
            max((along[0] - self.along[0]) // self.place, 0), max((along[1] - self.along[0]) // self.place, 0) + 1
        )


def lay_wires(wires: Wires, cell: int, rule: Rule, pitch: int, pairs: int) -> LaidWires:
    """Give every wire lanes for its row and its column.

    Parameters
    ----------
    wires
        The wires.
    cell
        Side of a cell: a wire is moved by less than half of it.
    rule, pitch
        Width and space of wires, and the distance of lanes.
    pairs
        How many pairs of metals there are.

    Raises
    ------
    RoutingError
        There are not enough lanes.
    """
    count, place = len(wires.start), cell // 2
    reach = place - rule.half - (rule.space + 1) // 2  # half a space to what is in the next place
    ends = np.concatenate([wires.start, wires.end]) if count else np.zeros((1, 2), dtype=np.int64)
    (left, bottom), (right, top) = ends.min(axis=0) - place, ends.max(axis=0) + place
    first = pitch // 2  # so that cells as wide as a number of lanes hold that many
    rows = _Direction((int(bottom) + first, int(top)), (int(left), int(right)), pitch, cell)
    columns = _Direction((int(left) + first, int(right)), (int(bottom), int(top)), pitch, cell)
    pair, offset = np.zeros(count, dtype=np.int64), np.zeros((count, 2), dtype=np.int64)
    for k, (start, end) in enumerate(zip(wires.start.tolist(), wires.end.tolist(), strict=True)):
        along_row = min(start[0], end[0]) - place, max(start[0], end[0]) + place - 1
        along_column = min(start[1], end[1]) - place, max(start[1], end[1]) + place - 1
        for tried in range(pairs):
            row = rows.free(tried, (start[1] - reach, start[1] + reach), along_row)
            column = columns.free(tried, (end[0] - reach, end[0] + reach), along_column)
            if row >= 0 and column >= 0:
                pair[k] = tried
                offset[k] = (
                    columns.take(tried, column, along_column) - end[0],
                    rows.take(tried, row, along_row) - start[1],
                )
                break
        else:
            raise RoutingError(
                f"the wire from {wires.source[k]} to {wires.target[k]} finds no lane: {pairs} pairs of metals have "
                f"{2 * reach // pitch + 1} lanes {pitch / GRID_PER_UM:g} um apart in a cell of {cell / GRID_PER_UM:g} "
                "um; widen cell_um, or give more metals (layout.metal.count of the technology)"
            )
    return LaidWires(pair, offset)


def draw_wires(wires: Wires, laid: LaidWires, table: LayerTable) -> Part:
    """Make the shapes of wires: boxes on metals, vias at corners, and a cell with a name at both ends."""
    half = table.rule("metal").half
    start, end = wires.start + laid.offset, wires.end + laid.offset
    corner = np.stack([end[:, 0], start[:, 1]], axis=1)
    along_row, along_column = start[:, 0] != end[:, 0], start[:, 1] != end[:, 1]
    # a wire without any length is a square on the metal of rows
    of_source = np.where(along_row | ~along_column, 2 * laid.pair, 2 * laid.pair + 1)
    of_target = np.where(along_column, 2 * laid.pair + 1, 2 * laid.pair)
    parts = []
    for k in range(int(laid.pair.max(initial=-1)) + 1):
        here = laid.pair == k
        rows, columns = np.flatnonzero(here & (along_row | ~along_column)), np.flatnonzero(here & along_column)
        boxes = [
            Boxes(table.numbers("metal", 2 * k + m), np.minimum(a, b) - half, np.maximum(a, b) + half)
            for m, a, b in ((0, start[rows], corner[rows]), (1, corner[columns], end[columns]))
            if len(a)
        ]
        turns = np.flatnonzero(here & along_row & along_column)
        parts.append(Part(boxes=tuple(boxes)))
        if len(turns):
            parts.append(_device(table, "via", 2 * k, corner[turns]))
    for kind, metal, at, names in (
        ("wire_source", of_source, start, wires.source),
        ("wire_target", of_target, end, wires.target),
    ):
        for m in np.unique(metal):
            here = np.flatnonzero(metal == m)
            parts.append(_device(table, kind, int(m), at[here], tuple(names[int(i)] for i in here)))
    return Part.joined(parts)


def _device(table: LayerTable, kind: str, metal: int, at: IntArray, names: tuple[str, ...] = ()) -> Part:
    """Copies of a square cell, and their names."""
    layer = table.numbers(kind, metal, 0) if kind == "via" else table.numbers(kind, 0, metal)
    name = f"{kind.upper()}_M{metal}"
    square = Boxes.around(layer, np.zeros((1, 2), dtype=np.int64), table.rule(kind).half)
    labels = (Labels(layer, at, names),) if names else ()
    return Part((Cell(name, (square,)),), references=(References.upright(name, at),), labels=labels)
