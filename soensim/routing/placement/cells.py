"""Cells: how large a neuron is, and how many fit on a die."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Floorplan, Netlist
from soensim.netlist.topology.lattice import lattice

# Sums of lengths are rounded: a die that is as wide as its cells must not be too narrow by the last digit. In cells.
_SLACK = 1e-9


@dataclass(frozen=True)
class Cell:
    """The square that every neuron of the chip occupies.

    Attributes
    ----------
    side_um
        Its side.
    reason
        Where the side comes from, for messages.
    """

    side_um: float
    reason: str


@dataclass(frozen=True)
class Block:
    """A rectangle of places that is filled row by row from below; the last row may be short."""

    rows: int
    columns: int


def cell_of(netlist: Netlist, floorplan: Floorplan) -> Cell:
    """Find the side of the cells: the netlist's own, or what the synapses of the largest fan-in take.

    The synapses of a neuron, each a square of synapse_pitch_um, share a number of planes (arXiv:1805.01942):
    side = synapse_pitch_um sqrt(fan-in / electronic_planes).

    Parameters
    ----------
    netlist
        The chip; the fan-in of a neuron is counted over all its projections, and is at least one.
    floorplan
        Its floorplan.

    Raises
    ------
    TechnologyError
        Neither the netlist nor the technology gives a number.
    """
    if floorplan.cell_um is not None:
        return Cell(floorplan.cell_um, "cell_um")
    completed = floorplan.completed(netlist.device_technology)
    pitch_um, planes = completed.synapse_pitch_um, completed.electronic_planes
    if pitch_um is None or planes is None:  # `completed` gives both
        raise RoutingError("the floorplan has neither cell_um nor synapse_pitch_um and electronic_planes")
    fan_in, whose = 1, ""
    for name, population in netlist.populations.items():
        counts = np.zeros(population.size, dtype=np.int64)
        for projection in netlist.projections:
            if projection.target == name:
                counts += np.bincount(netlist.edges(projection).targets, minlength=population.size)
        if counts.max() > fan_in:
            fan_in, whose = int(counts.max()), f" of {name}[{counts.argmax()}]"
    return Cell(
        pitch_um * math.sqrt(fan_in / planes),
        f"synapse_pitch_um {pitch_um:.6g} x sqrt(fan-in {fan_in}{whose} / electronic_planes {planes})",
    )


def blocks_in(die_um: tuple[float, float], margin_um: float, cell: Cell, sizes: Sequence[int]) -> list[Block]:
    """Choose a block for each group of neurons so that they fit side by side on the die, each as square as it can be.

    Parameters
    ----------
    die_um
        Width and height of the die.
    margin_um
        The strip along its edge that has no cells.
    cell
        The cells.
    sizes
        Number of neurons of each group.

    Raises
    ------
    RoutingError
        They do not fit; the message gives the smallest die that would do.
    """
    width, height = (math.floor((side - 2 * margin_um) / cell.side_um + _SLACK) for side in die_um)
    blocks = _blocks(sizes, height, width)
    if blocks is None:
        raise RoutingError(_advice(die_um, margin_um, cell, sizes, (width, height)))
    return blocks


def _blocks(sizes: Sequence[int], max_rows: int, max_columns: int) -> list[Block] | None:
    """Choose the blocks; None if there is no way."""
    if max_rows < 1 or _width(sizes, max_rows) > max_columns:
        return None
    columns = [max(_square(size), -(-size // max_rows)) for size in sizes]
    while sum(columns) > max_columns:  # the block that stays the squarest gives up a column
        tall = [n / (c - 1) ** 2 if (c - 1) * max_rows >= n else math.inf for n, c in zip(sizes, columns, strict=True)]
        columns[tall.index(min(tall))] -= 1
    return [Block(-(-n // c), c) for n, c in zip(sizes, columns, strict=True)]


def _square(n: int) -> int:
    """Columns of the lattice for n neurons, as square as it can be."""
    return lattice(n)[1]


def _width(sizes: Sequence[int], rows: int) -> int:
    """Fewest columns of blocks that have at most ``rows`` rows."""
    return sum(-(-size // rows) for size in sizes)


def _fewest_rows(sizes: Sequence[int], columns: int) -> int:
    """Fewest rows of blocks that have at most ``columns`` columns together; at least one column for each block."""
    return 1 + bisect_left(range(1, max(sizes)), True, key=lambda rows: _width(sizes, rows) <= columns)


def _advice(
    die_um: tuple[float, float], margin_um: float, cell: Cell, sizes: Sequence[int], fit: tuple[int, int]
) -> str:
    largest = max(*sizes, len(sizes))
    square = 1 + bisect_left(range(1, largest), True, key=lambda side: _width(sizes, side) <= side)
    rows = _fewest_rows(sizes, square)
    dies = [f"{_least_um(_width(sizes, rows), margin_um, cell)} x {_least_um(rows, margin_um, cell)} um"]
    width, height = (max(n, 0) for n in fit)
    if width >= len(sizes):
        tall = _least_um(_fewest_rows(sizes, width), margin_um, cell)
        dies.append(f"{die_um[0]:.10g} x {tall} um with the width as it is")
    blocks = f" in {len(sizes)} blocks side by side" if len(sizes) > 1 else ""
    return (
        f"the {sum(sizes)} neurons{blocks} do not fit on the die: cells of {cell.side_um:.6g} um ({cell.reason}), of "
        f"which {width} x {height} = {width * height} fit inside the margins of {margin_um:.6g} um on "
        f"{die_um[0]:.10g} x {die_um[1]:.10g} um; the smallest die is {', or '.join(dies)}"
    )


def _least_um(n: int, margin_um: float, cell: Cell) -> int:
    """Side of the smallest die with n cells along it, in whole micrometres."""
    return math.ceil((n - _SLACK) * cell.side_um + 2 * margin_um)
