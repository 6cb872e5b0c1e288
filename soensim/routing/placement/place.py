"""From a netlist to the places of its neurons and ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Floorplan, Netlist, OptimisedPlacement
from soensim.netlist.floorplan import ByPopulationPlacement
from soensim.routing.placement.cells import Block, blocks_in, cell_of
from soensim.routing.placement.result import FloatArray, IntArray, Placement, Places


@dataclass(frozen=True, eq=False)
class _Core:
    """The grid of cells: its lower left corner, the side of a cell, and the column and row of each neuron."""

    x_um: float
    y_um: float
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
        The chip has no floorplan, or its cells do not fit the die; the message gives the smallest die that would do.
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
        core = _around(x_um, y_um, cell_of(netlist, floorplan).side_um)
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
        column, row = (_place_in(borders, at) for borders, at in ((columns, port_x), (rows, port_y)))
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
        cell.side_um,
        columns,
        rows,
        column,
        row,
    )
    if not isinstance(placement, OptimisedPlacement):
        return core
    site = _optimised(netlist, floorplan, placement, core)
    return _Core(core.x_um, core.y_um, core.cell_um, columns, rows, site % columns, site // columns)


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
    from soensim.routing.placement.spectral import spectral_order

    count = sum(netlist.populations[name].size for name in (*netlist.inputs, *netlist.spike_inputs))
    port_x, port_y = _ports(floorplan, core, count)
    graph = graph_of(netlist, (port_x - core.x_um) / core.cell_um - 0.5, (port_y - core.y_um) / core.cell_um - 0.5)
    in_order = core.row * core.columns + core.column
    spectral = spectral_order(graph, core.columns)
    # the order of the file may be better than any other, as on a chip that was laid out by its designer
    site = min((spectral, in_order), key=lambda s: graph.length(s % core.columns, s // core.columns))
    if placement.method == "annealing":
        from soensim.routing.placement.annealing import annealed  # numba: loaded only by chips that need it

        site = annealed(graph, site, core.columns, placement.seed, placement.sweeps)
    return site


def _around(x_um: FloatArray, y_um: FloatArray, cell_um: float) -> _Core:
    """Lay the routing grid around cells that are where the netlist says."""
    left, bottom = float(x_um.min()) - cell_um / 2, float(y_um.min()) - cell_um / 2
    # a centre on a border, but for the last digit, belongs to the place on its right or above
    column, row = (
        np.floor((at - start) / cell_um + 1e-9).astype(np.int64) for at, start in ((x_um, left), (y_um, bottom))
    )
    return _Core(left, bottom, cell_um, int(column.max()) + 1, int(row.max()) + 1, column, row)


def _um(start_um: float, cells: FloatArray | IntArray, cell_um: float) -> FloatArray:
    """Coordinates of so many cells from a start."""
    return np.asarray(start_um + cells * cell_um, dtype=np.float64)


def _ports(floorplan: Floorplan, core: _Core, count: int) -> tuple[FloatArray, FloatArray]:
    """Where the input ports are (um), each array of shape (count,): in the middle of the margin, along the cells."""
    spread = (np.arange(count) + 0.5) / max(count, 1)
    along_x = core.x_um + spread * core.columns * core.cell_um
    along_y = core.y_um + spread * core.rows * core.cell_um
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


def _place_in(borders_um: FloatArray, at_um: FloatArray) -> IntArray:
    """Place of the grid that holds each coordinate."""
    return np.clip(np.searchsorted(borders_um, at_um, side="right") - 1, 0, len(borders_um) - 2)


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
