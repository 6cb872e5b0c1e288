"""From a netlist to the places of its neurons and ports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Floorplan, Netlist, OptimisedPlacement
from soensim.netlist.base import MAX_NEURONS
from soensim.netlist.schema.floorplan import ByPopulationPlacement
from soensim.netlist.schema.strategies import PLACEMENT_METHODS
from soensim.routing.placement.cells import Block, Cell, blocks_in, cell_of
from soensim.routing.placement.placed import FloatArray, IntArray, Placement, Places


@dataclass(frozen=True, eq=False)
class _Core:
    """The grid of cells: its lower left corner, the size of what cells cover from there on, columns and rows."""

    x_um: float
    y_um: float
    width_um: float
    height_um: float
    cell_um: float
    columns: int
    rows: int
    column: IntArray
    row: IntArray


def place(netlist: Netlist) -> Placement:
    """Place the neurons and the input ports of a chip on its die.

    Parameters
    ----------
    netlist
        A chip with a floorplan.

    Returns
    -------
    Placement
        Arrays are read-only; the same netlist gives the same placement.

    Raises
    ------
    RoutingError
        The chip has no floorplan; its cells do not fit the die (the message gives the smallest die that would do); or
        they are given so far apart that the grid has more than MAX_NEURONS places.
    TechnologyError
        Neither the netlist nor the technology gives a number that the side of a cell follows from.
    """
    floorplan = netlist.floorplan
    if floorplan is None:
        raise RoutingError(f"netlist {netlist.name!r} has no floorplan, so nothing can be placed; add one")
    ports = {name: netlist.populations[name].size for name in (*netlist.inputs, *netlist.spike_inputs)}
    neurons = {name: population.size for name, population in netlist.populations.items() if name not in ports}
    positions = netlist.positions
    if positions is None:
        core = _packed(netlist, floorplan, neurons)
        x_um = _um(core.x_um + core.cell_um / 2, core.column, core.cell_um)
        y_um = _um(core.y_um + core.cell_um / 2, core.row, core.cell_um)
    else:
        given = np.concatenate([positions[name] for name in neurons])
        x_um, y_um = given[:, 0], given[:, 1]
        core = _around(netlist, x_um, y_um, cell_of(netlist, floorplan))
    populations = _members(neurons, x_um, y_um, core.column, core.row)
    port_x, port_y = _ports(floorplan, core, sum(ports.values()))
    columns = _um(core.x_um, np.arange(core.columns + 1), core.cell_um)
    rows = _um(core.y_um, np.arange(core.rows + 1), core.cell_um)
    if ports:
        columns, rows = _with_strip(floorplan, columns, rows)
        populations = {
            name: Places(p.x_um, p.y_um, p.column + (columns[0] < core.x_um), p.row + (rows[0] < core.y_um))
            for name, p in populations.items()
        }
        column, row = _ports_on_grid(floorplan, columns, rows, port_x, port_y)
        populations |= _members(ports, port_x, port_y, column, row)
    for array in (columns, rows, *(a for p in populations.values() for a in (p.x_um, p.y_um, p.column, p.row))):
        array.setflags(write=False)
    return Placement(
        floorplan.die_width_um,
        floorplan.die_height_um,
        floorplan.margin_um,
        core.cell_um,
        columns,
        rows,
        {name: populations[name] for name in netlist.populations},
    )


def _packed(netlist: Netlist, floorplan: Floorplan, neurons: Mapping[str, int]) -> _Core:
    """Put the neurons on a grid in the middle of the die."""
    cell = cell_of(netlist, floorplan)
    placement = floorplan.placement
    sizes = list(neurons.values()) if isinstance(placement, ByPopulationPlacement) else [sum(neurons.values())]
    die_um = floorplan.die_width_um, floorplan.die_height_um
    try:
        blocks = blocks_in(die_um, floorplan.margin_um, cell, sizes)
    except RoutingError as error:
        raise RoutingError(f"netlist {netlist.name!r}: {error}") from error
    columns, rows = sum(block.columns for block in blocks), max(block.rows for block in blocks)
    column, row = _filled(blocks, sizes)
    core = _Core(
        (die_um[0] - columns * cell.side_um) / 2,
        (die_um[1] - rows * cell.side_um) / 2,
        columns * cell.side_um,
        rows * cell.side_um,
        cell.side_um,
        columns,
        rows,
        column,
        row,
    )
    if not isinstance(placement, OptimisedPlacement):
        return core
    site = _optimised(netlist, floorplan, placement, core)
    return replace(core, column=site % columns, row=site // columns)


def _filled(blocks: list[Block], sizes: list[int]) -> tuple[IntArray, IntArray]:
    """Column and row of each neuron: block by block from the left, each row by row from below."""
    column, row, left = [], [], 0
    for block, size in zip(blocks, sizes, strict=True):
        k = np.arange(size)
        column.append(left + k % block.columns)
        row.append(k // block.columns)
        left += block.columns
    return np.concatenate(column), np.concatenate(row)


def _optimised(netlist: Netlist, floorplan: Floorplan, placement: OptimisedPlacement, core: _Core) -> IntArray:
    """Site of each neuron, shape (neurons,), a permutation."""
    from soensim.routing.placement.graph import graph_of
    from soensim.routing.placement.problem import PlacementProblem

    count = sum(netlist.populations[name].size for name in (*netlist.inputs, *netlist.spike_inputs))
    port_x, port_y = _ports(floorplan, core, count)
    graph = graph_of(netlist, (port_x - core.x_um) / core.cell_um - 0.5, (port_y - core.y_um) / core.cell_um - 0.5)
    in_order = core.row * core.columns + core.column
    method = PLACEMENT_METHODS[placement.method].load()
    site: IntArray = method(PlacementProblem(graph, in_order, core.columns, placement.seed, placement.sweeps))
    return site


def _around(netlist: Netlist, x_um: FloatArray, y_um: FloatArray, cell: Cell) -> _Core:
    """Lay the routing grid around cells that are where the netlist says."""
    side = cell.side_um
    # Python's floats: sums of coordinates that are far too large become infinite without a warning
    low, high = ((float(x_um.min()), float(y_um.min())), (float(x_um.max()), float(y_um.max())))
    width, height = (b - a + side for a, b in zip(low, high, strict=True))
    if not (width / side) * (height / side) <= MAX_NEURONS:
        raise RoutingError(
            f"netlist {netlist.name!r}: the cells of {side:.6g} um ({cell.reason}) are spread over {width:.6g} x "
            f"{height:.6g} um, {width / side:.3g} x {height / side:.3g} cells; the limit is {MAX_NEURONS} places: "
            "move them closer together"
        )
    left, bottom = (at - side / 2 for at in low)
    # a centre on a border, but for the last digit, belongs to the place on its right or above
    column, row = (
        np.floor((at - start) / side + 1e-9).astype(np.int64) for at, start in ((x_um, left), (y_um, bottom))
    )
    columns, rows = (math.ceil(length / side - 1e-9) for length in (width, height))
    return _Core(left, bottom, width, height, side, columns, rows, column, row)


def _um(start_um: float, cells: FloatArray | IntArray, cell_um: float) -> FloatArray:
    """Coordinates (um) that are a number of cells away from a start."""
    return np.asarray(start_um + cells * cell_um, dtype=np.float64)


def _ports(floorplan: Floorplan, core: _Core, count: int) -> tuple[FloatArray, FloatArray]:
    """Where the input ports are (um), each array of shape (count,): in the middle of the margin, along the cells."""
    spread = (np.arange(count) + 0.5) / max(count, 1)
    along_x = core.x_um + spread * core.width_um
    along_y = core.y_um + spread * core.height_um
    half = floorplan.margin_um / 2
    match floorplan.input_side:
        case "left":
            return np.full(count, half), along_y
        case "right":
            return np.full(count, floorplan.die_width_um - half), along_y
        case "bottom":
            return along_x, np.full(count, half)
        case "top":
            return along_x, np.full(count, floorplan.die_height_um - half)


def _with_strip(floorplan: Floorplan, columns: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add the strip between the die's edge and the cells on the side of the ports to the borders of the grid."""
    match floorplan.input_side:
        case "left":
            return np.concatenate(([min(0.0, columns[0] - floorplan.margin_um)], columns)), rows
        case "right":
            return np.append(columns, max(floorplan.die_width_um, columns[-1] + floorplan.margin_um)), rows
        case "bottom":
            return columns, np.concatenate(([min(0.0, rows[0] - floorplan.margin_um)], rows))
        case "top":
            return columns, np.append(rows, max(floorplan.die_height_um, rows[-1] + floorplan.margin_um))


def _ports_on_grid(
    floorplan: Floorplan, columns: FloatArray, rows: FloatArray, port_x: FloatArray, port_y: FloatArray
) -> tuple[IntArray, IntArray]:
    """Column and row of each port: in the strip, even where cells in the margin push it outward."""
    column, row = (
        np.clip(np.searchsorted(borders, at, side="right") - 1, 0, len(borders) - 2)
        for borders, at in ((columns, port_x), (rows, port_y))
    )
    match floorplan.input_side:
        case "left":
            column[:] = 0
        case "right":
            column[:] = len(columns) - 2
        case "bottom":
            row[:] = 0
        case "top":
            row[:] = len(rows) - 2
    return column, row


def _members(
    sizes: Mapping[str, int], x_um: FloatArray, y_um: FloatArray, column: IntArray, row: IntArray
) -> dict[str, Places]:
    """Cut flat arrays into populations."""
    found, start = {}, 0
    for name, size in sizes.items():
        part = slice(start, start + size)
        found[name] = Places(x_um[part].copy(), y_um[part].copy(), column[part].copy(), row[part].copy())
        start += size
    return found
