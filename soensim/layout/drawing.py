"""Drawing: cells of boxes, polygons, labels and references, in whole steps of the grid; no file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soensim.routing.placement import FloatArray, IntArray

#: Steps of the grid in a micrometre: coordinates are whole nanometres.
GRID_PER_UM = 1000

LayerNumbers = tuple[int, int]


def on_grid(length_um: FloatArray) -> IntArray:
    """Round lengths (um) to the grid; whole nanometres."""
    rounded: IntArray = np.rint(np.asarray(length_um) * GRID_PER_UM).astype(np.int64)
    return rounded


def steps(length_um: float) -> int:
    """Round one length (um) to the grid."""
    return round(length_um * GRID_PER_UM)


def half_steps(width_um: float) -> int:
    """Half of a width (um) in steps of the grid, rounded up: both sides of a line are on the grid."""
    return -(-steps(width_um) // 2)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Rectangles along the axes on one layer; `low` and `high` have the shape (boxes, 2): x and y of two corners."""

    layer: LayerNumbers
    low: IntArray
    high: IntArray

    @classmethod
    def around(cls, layer: LayerNumbers, centres: IntArray, half: int) -> Boxes:
        """Make squares of twice ``half`` around centres, shape (boxes, 2)."""
        return cls(layer, centres - half, centres + half)


@dataclass(frozen=True, eq=False)
class Polygon:
    """One polygon; `points` has the shape (points, 2), without the first one again at the end."""

    layer: LayerNumbers
    points: IntArray


@dataclass(frozen=True, eq=False)
class Labels:
    """Texts on one layer, at `at`, shape (labels, 2)."""

    layer: LayerNumbers
    at: IntArray
    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class References:
    """Copies of a cell: mirrored at its x axis, then turned by quarters, then moved.

    Attributes
    ----------
    cell
        Name of the cell.
    at
        Shape (copies, 2): where its origin goes.
    quarter
        Shape (copies,): quarter turns, counter-clockwise.
    mirrored
        Shape (copies,): 1 where it is mirrored.
    """

    cell: str
    at: IntArray
    quarter: IntArray
    mirrored: IntArray

    @classmethod
    def upright(cls, cell: str, at: IntArray) -> References:
        """Place copies that are neither mirrored nor turned, shape (copies, 2)."""
        none = np.zeros(len(at), dtype=np.int64)
        return cls(cell, at, none, none)


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell of a drawing."""

    name: str
    boxes: tuple[Boxes, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    labels: tuple[Labels, ...] = ()
    references: tuple[References, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a chip: cells of its own, and what it puts into the top cell."""

    cells: tuple[Cell, ...] = ()
    boxes: tuple[Boxes, ...] = ()
    references: tuple[References, ...] = ()
    labels: tuple[Labels, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence[Part]) -> Part:
        """Put parts together, in their order."""
        return cls(
            tuple(cell for part in parts for cell in part.cells),
            tuple(boxes for part in parts for boxes in part.boxes),
            tuple(references for part in parts for references in part.references),
            tuple(labels for part in parts for labels in part.labels),
        )


@dataclass(frozen=True, eq=False)
class Drawing:
    """All cells of a chip, each after those that it refers to; the last one is the chip."""

    cells: tuple[Cell, ...]

    @property
    def top(self) -> Cell:
        """The chip itself."""
        return self.cells[-1]

    @property
    def shapes(self) -> int:
        """Number of boxes, polygons, labels and references of all cells."""
        return sum(
            sum(len(boxes.low) for boxes in cell.boxes)
            + len(cell.polygons)
            + sum(len(labels.texts) for labels in cell.labels)
            + sum(len(references.at) for references in cell.references)
            for cell in self.cells
        )

    @property
    def copies(self) -> dict[str, int]:
        """How many copies of each cell the chip has, by name."""
        counts: dict[str, int] = {}
        for references in self.top.references:
            counts[references.cell] = counts.get(references.cell, 0) + len(references.at)
        return counts
