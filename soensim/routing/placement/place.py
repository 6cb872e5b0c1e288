"""From a netlist to the places of its neurons and ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Floorplan, Netlist, OptimisedPlacement
from soensim.netlist.floorplan import ByPopulationPlacement
from soensim.netlist.parts import MAX_NEURONS
from soensim.routing.placement.cells import Block, Cell, blocks_in, cell_of
from soensim.routing.placement.result import FloatArray, IntArray, Placement, Places


@dataclass(frozen=True, eq=False)
class _Core:
    """The neurons, and a uniform grid of cells over them.

    Attributes
    ----------
    left_um, bottom_um
        Lower left corner of the grid.
    width_um, height_um
        Size of the rectangle that the cells cover, from that corner on.
    columns, rows
        Size of the grid.
    x_um, y_um, column, row
        Shape (neurons,): centre and place on the grid, in file order.
    """

    left_um: float
    bottom_um: float
    width_um: float
    height_um: float
    columns: int
    rows: int
    x_um: FloatArray
    y_um: FloatArray
    column: IntArray
    row: IntArray


@dataclass(frozen=True, eq=False)
class _Ports:
    """Input ports, shape (ports,), in file order, and where they are on the core's grid; -1 or one beyond it across."""

    x_um: FloatArray
    y_um: FloatArray
    column: IntArray
    row: IntArray


def place(netlist: Netlist) -> Placement:
    """Place neurons and input ports on the die, and lay the routing grid over them.

    All cells are squares of one side (`soensim.routing.placement.cells`), on one uniform grid in the middle of the die;
    `explicit` cells are where the netlist says, and the grid begins at the lower left corner of them all. Row 0 is
    below. Ports are half the margin from the edge of the die, evenly spread along the cells, in file order from the
    bottom up or from left to right; the grid has one more column or row for them.

    Explicit cells that overlap or leave the die are placed as they are given: that is for the design rules to find.

    Parameters
    ----------
    netlist
        A chip with a floorplan.

    Returns
    -------
    Placement
        All arrays are read-only.

    Raises
    ------
    RoutingError
        The netlist has no floorplan; the neurons do not fit on the die (the message gives the smallest that would do);
        or explicit cells are so far apart that the grid would have more than MAX_NEURONS places.
    TechnologyError
        The cell's size needs a number that neither the netlist nor the technology gives.
    """
    floorplan = netlist.floorplan
    if floorplan is None:
        raise RoutingError(
            f"netlist {netlist.name!r} has no floorplan, so nothing can be placed; add one (die, margin, placement)"
        )
    inputs = {**netlist.inputs, **netlist.spike_inputs}
    sizes = {name: p.size for name, p in netlist.populations.items() if name not in inputs}
    port_sizes = {name: p.size for name, p in netlist.populations.items() if name in inputs}
    n_ports = sum(port_sizes.values())
    try:
        cell = cell_of(netlist, floorplan)
        if netlist.positions is not None:
            core = _explicit_core(netlist.positions, sizes, cell)
        else:
            core = _core(netlist, floorplan, cell, list(sizes.values()), n_ports)
    except RoutingError as error:
        raise RoutingError(f"netlist {netlist.name!r}: {error}") from error
    ports = _ports(floorplan, core, cell, n_ports)
    borders, shift = _grid(floorplan, core, cell, bool(port_sizes))
    places = {**_split(core, sizes, shift), **_split(ports, port_sizes, shift)}
    return Placement(
        die_width_um=floorplan.die_width_um,
        die_height_um=floorplan.die_height_um,
        margin_um=floorplan.margin_um,
        cell_um=cell.side_um,
        column_borders_um=borders[0],
        row_borders_um=borders[1],
        populations={name: places[name] for name in netlist.populations},
    )


def _core(netlist: Netlist, floorplan: Floorplan, cell: Cell, sizes: list[int], n_ports: int) -> _Core:
    """Place the cells on a grid in the middle of the die."""
    die_um = floorplan.die_width_um, floorplan.die_height_um
    one_block = not isinstance(floorplan.placement, ByPopulationPlacement)
    blocks = blocks_in(die_um, floorplan.margin_um, cell, [sum(sizes)] if one_block else sizes)
    column, row = _filled(blocks, [sum(sizes)] if one_block else sizes)
    columns, rows = sum(block.columns for block in blocks), max(block.rows for block in blocks)
    width_um, height_um = columns * cell.side_um, rows * cell.side_um
    left_um, bottom_um = (die_um[0] - width_um) / 2, (die_um[1] - height_um) / 2

    def core() -> _Core:
        x_um: FloatArray = left_um + (column + 0.5) * cell.side_um
        y_um: FloatArray = bottom_um + (row + 0.5) * cell.side_um
        return _Core(left_um, bottom_um, width_um, height_um, columns, rows, x_um, y_um, column, row)

    if isinstance(floorplan.placement, OptimisedPlacement):
        from soensim.routing.placement.optimise import optimised  # scipy, numba: loaded only by chips that ask for it

        ports = _ports(floorplan, core(), cell, n_ports)
        x, y = (ports.x_um - left_um) / cell.side_um - 0.5, (ports.y_um - bottom_um) / cell.side_um - 0.5
        site = optimised(netlist, floorplan.placement, column, row, x, y)
        column, row = column[site], row[site]
    return core()


def _filled(blocks: list[Block], sizes: list[int]) -> tuple[IntArray, IntArray]:
    """Column and row of every neuron: blocks side by side, each filled row by row from below."""
    columns, rows, left = [], [], 0
    for block, size in zip(blocks, sizes, strict=True):
        row, column = np.divmod(np.arange(size), block.columns)
        columns.append(left + column)
        rows.append(row)
        left += block.columns
    return np.concatenate(columns), np.concatenate(rows)


def _explicit_core(positions: Mapping[str, FloatArray], sizes: Mapping[str, int], cell: Cell) -> _Core:
    """Lay a grid over cells that are where the netlist says."""
    x_um, y_um = np.concatenate([positions[name] for name in sizes]).T.copy()
    left_um, bottom_um = float(x_um.min()) - cell.side_um / 2, float(y_um.min()) - cell.side_um / 2
    width_um, height_um = float(np.ptp(x_um)) + cell.side_um, float(np.ptp(y_um)) + cell.side_um
    # The slack keeps cells that touch in different places of the grid, though lengths are rounded.
    columns, rows = (np.ceil(length / cell.side_um - 1e-9) for length in (width_um, height_um))
    if not columns * rows <= MAX_NEURONS:
        raise RoutingError(
            f"the cells of {cell.side_um:.6g} um ({cell.reason}) are spread over {width_um:.6g} x {height_um:.6g} um, "
            f"a grid of {columns * rows:.3g} places; the limit is {MAX_NEURONS}: move them closer together"
        )
    column, row = (
        np.floor((at - start) / cell.side_um + 1e-9).astype(np.int64)
        for at, start in ((x_um, left_um), (y_um, bottom_um))
    )
    return _Core(left_um, bottom_um, width_um, height_um, int(columns), int(rows), x_um, y_um, column, row)


def _ports(floorplan: Floorplan, core: _Core, cell: Cell, n: int) -> _Ports:
    """Spread the ports along one side of the core."""
    side = floorplan.input_side
    upright = side in ("left", "right")  # the row of ports is
    start_um, length_um = (core.bottom_um, core.height_um) if upright else (core.left_um, core.width_um)
    places = core.rows if upright else core.columns
    along_um: FloatArray = start_um + (np.arange(n) + 0.5) * (length_um / max(n, 1))
    along = np.clip(np.floor((along_um - start_um) / cell.side_um + 1e-9), 0, places - 1).astype(np.int64)
    low = side in ("left", "bottom")
    far_um = floorplan.die_width_um if upright else floorplan.die_height_um
    across_um = np.full(n, floorplan.margin_um / 2 if low else far_um - floorplan.margin_um / 2)
    across = np.full(n, -1 if low else core.columns if upright else core.rows)
    return _Ports(across_um, along_um, across, along) if upright else _Ports(along_um, across_um, along, across)


def _grid(
    floorplan: Floorplan, core: _Core, cell: Cell, ports: bool
) -> tuple[tuple[FloatArray, FloatArray], tuple[int, int]]:
    """Make the borders of columns and rows of the routing grid, and by how many places the core is shifted on it."""
    columns_um: FloatArray = core.left_um + cell.side_um * np.arange(core.columns + 1)
    rows_um: FloatArray = core.bottom_um + cell.side_um * np.arange(core.rows + 1)
    shift = 0, 0
    # The strip of the ports reaches to the die's edge. Explicit cells may be beyond it: then the strip is beyond them,
    # as wide as the margin, so that borders ascend.
    margin_um = floorplan.margin_um
    if ports:
        match floorplan.input_side:
            case "left":
                columns_um, shift = np.insert(columns_um, 0, _below(columns_um[0], margin_um)), (1, 0)
            case "bottom":
                rows_um, shift = np.insert(rows_um, 0, _below(rows_um[0], margin_um)), (0, 1)
            case "right":
                columns_um = np.append(columns_um, _above(columns_um[-1], floorplan.die_width_um, margin_um))
            case "top":
                rows_um = np.append(rows_um, _above(rows_um[-1], floorplan.die_height_um, margin_um))
    for borders in (columns_um, rows_um):
        borders.setflags(write=False)
    return (columns_um, rows_um), shift


def _below(start_um: float, margin_um: float) -> float:
    return 0.0 if start_um > 0 else start_um - margin_um


def _above(end_um: float, die_um: float, margin_um: float) -> float:
    return die_um if end_um < die_um else end_um + margin_um


def _split(parts: _Core | _Ports, sizes: Mapping[str, int], shift: tuple[int, int]) -> dict[str, Places]:
    """Cut arrays over all neurons, or all ports, into populations."""
    result, start = {}, 0
    for name, size in sizes.items():
        own = slice(start, start + size)
        result[name] = Places(
            parts.x_um[own].copy(), parts.y_um[own].copy(), parts.column[own] + shift[0], parts.row[own] + shift[1]
        )
        for array in (result[name].x_um, result[name].y_um, result[name].column, result[name].row):
            array.setflags(write=False)
        start += size
    return result
