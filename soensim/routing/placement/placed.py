"""Placement: where the cells of the neurons and the input ports are on the die, and the routing grid over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Places:
    """The members of one population on the die; arrays have the shape (size,).

    Attributes
    ----------
    x_um, y_um
        Centre of the neuron's cell, or the port. The origin is the lower left corner of the die.
    column, row
        The place of the routing grid that it is in.
    """

    x_um: FloatArray
    y_um: FloatArray
    column: IntArray
    row: IntArray


@dataclass(frozen=True, eq=False)
class Placement:
    """Where everything is, and the routing grid.

    Attributes
    ----------
    die_width_um, die_height_um, margin_um
        The die.
    cell_um
        Side of a neuron's square cell.
    column_borders_um, row_borders_um
        Shape (columns + 1,) and (rows + 1,), ascending: the grid that routes are made on. Each place of it is one
        cell, except the strip between the die's edge and the first cells on the side of the input ports.
    populations
        Places of all populations, inputs too, by name.
    """

    die_width_um: float
    die_height_um: float
    margin_um: float
    cell_um: float
    column_borders_um: FloatArray
    row_borders_um: FloatArray
    populations: Mapping[str, Places]

    @property
    def columns(self) -> int:
        """Number of columns of the routing grid."""
        return len(self.column_borders_um) - 1

    @property
    def rows(self) -> int:
        """Number of rows of the routing grid."""
        return len(self.row_borders_um) - 1
