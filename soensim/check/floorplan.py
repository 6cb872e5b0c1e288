"""Rules on the floorplan: cells on the die, apart, and large enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soensim.budget import fan_in, stated
from soensim.check.finding import Box, Finding
from soensim.check.grouped_findings import Group
from soensim.check.rules import RULES
from soensim.netlist import Netlist
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.placement import FloatArray, IntArray

#: Cells may touch; positions are in um, and what rounding leaves is no overlap.
TOLERANCE_UM = 1e-6
#: Squares of one bin that each other square is compared with.
DEEPEST = 16


def prunes(netlist: Netlist) -> bool:
    """Whether the chip may do without edges that have no route."""
    return netlist.routing is not None and netlist.routing.absent_edges == "prune"


def floorplan_groups(routed: RoutedNetlist, layout: Layout) -> Iterator[Group]:
    """Apply SOEN-FP-002 to 004.

    Raises
    ------
    TechnologyError
        The pitch of synapses or the number of their planes has no value.
    """
    cells = Cells(routed.netlist, layout)
    yield _overlaps(cells, layout)
    yield _outside(cells, layout)
    if routed.netlist.floorplan is not None and routed.netlist.floorplan.cell_um is not None:
        yield from _too_small(routed, layout, routed.netlist.floorplan.cell_um)


def bend_findings(netlist: Netlist, layout: Layout) -> Iterator[Finding]:
    """Apply SOEN-FP-005.

    Raises
    ------
    TechnologyError
        The bend radius has no value.
    """
    if not netlist.has_waveguides:
        return
    cell_um, bends_um = layout.placement.cell_um, 2 * stated(netlist, "bend_radius_um").value
    if not cell_um >= bends_um:
        yield Finding(
            "SOEN-FP-005",
            "warning",
            "floorplan.cell_um",
            cell_um,
            bends_um,
            "um",
            f"a waveguide cannot turn around within a cell; {RULES['SOEN-FP-005'].fix}",
        )


class Cells:
    """All neurons of a chip as flat arrays; input ports have no cell."""

    def __init__(self, netlist: Netlist, layout: Layout) -> None:
        ports = {**netlist.inputs, **netlist.spike_inputs}
        self.names = [name for name in netlist.populations if name not in ports]
        places = [layout.placement.populations[name] for name in self.names]
        self.side_um = layout.placement.cell_um
        self.x_um: FloatArray = np.concatenate([p.x_um for p in places])
        self.y_um: FloatArray = np.concatenate([p.y_um for p in places])
        self._first = np.cumsum([0, *(len(p.x_um) for p in places)])

    def name(self, k: int) -> str:
        """Name of a neuron, such as ``hidden[3]``."""
        population = int(np.searchsorted(self._first, k, side="right")) - 1
        return f"{self.names[population]}[{k - self._first[population]}]"

    def box(self, k: int) -> Box:
        """Cell of a neuron."""
        return Box.around(float(self.x_um[k]), float(self.y_um[k]), self.side_um)


def overlapping(x_um: FloatArray, y_um: FloatArray, side_um: float) -> tuple[IntArray, IntArray]:
    """Find pairs of equal squares that share area.

    Squares are sorted into bins of their own size, so that partners are in the same bin or in one of the eight around.
    Two in one bin overlap. A square is compared with `DEEPEST` squares of a bin at most: of fuller bins not all pairs
    are found.

    Parameters
    ----------
    x_um, y_um
        Centres, shape (squares,).
    side_um
        Side.

    Returns
    -------
    first, second
        Shape (pairs,), first < second, each pair once.
    """
    pairs = [np.empty((2, 0), dtype=np.int64)]
    if not len(x_um):
        return pairs[0][0], pairs[0][1]
    reach = side_um - TOLERANCE_UM
    column, row = (np.floor(a / side_um).astype(np.int64) for a in (x_um, y_um))
    column, row = column - column.min() + 1, row - row.min() + 1
    width = int(column.max()) + 2
    key = row * width + column
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    for offset in (0, 1, width - 1, width, width + 1):  # the other four neighbours find the same pairs
        start, stop = (np.searchsorted(ordered, key + offset, side=side) for side in ("left", "right"))
        if offset == 0:
            start = np.argsort(order) + 1  # those after itself
        for deep in range(min(int((stop - start).max(initial=0)), DEEPEST)):
            one = np.flatnonzero(start + deep < stop)
            other = order[start[one] + deep]
            near = (np.abs(x_um[one] - x_um[other]) < reach) & (np.abs(y_um[one] - y_um[other]) < reach)
            pairs.append(np.stack([one[near], other[near]]))
    joined = np.sort(np.concatenate(pairs, axis=1), axis=0)
    return joined[0], joined[1]


def _overlaps(cells: Cells, layout: Layout) -> Group:
    half, die = cells.side_um / 2, layout.placement
    # what lies beside the die is SOEN-FP-003's
    inside = (np.abs(cells.x_um - die.die_width_um / 2) < die.die_width_um / 2 + half) & (
        np.abs(cells.y_um - die.die_height_um / 2) < die.die_height_um / 2 + half
    )
    on_die = np.flatnonzero(inside)
    first, second = (on_die[k] for k in overlapping(cells.x_um[on_die], cells.y_um[on_die], cells.side_um))
    gap_um = np.maximum(*(np.abs(a[first] - a[second]) for a in (cells.x_um, cells.y_um)))
    depth_um = cells.side_um - gap_um

    def shared(k: int) -> Box:
        one, other = cells.box(int(first[k])), cells.box(int(second[k]))
        return Box(*map(max, one[:2], other[:2]), *map(min, one[2:], other[2:]))

    return Group(
        rule="SOEN-FP-002",
        severity="error",
        unit="um",
        value=depth_um,
        limit=np.zeros(len(first)),
        excess=depth_um,
        name=lambda k: f"{cells.name(int(first[k]))}, {cells.name(int(second[k]))}",
        locate=shared,
        message=lambda k, _: f"the cells overlap by {depth_um[k]:.4g} um; {RULES['SOEN-FP-002'].fix}",
        the_rest="cells *",
    )


def _outside(cells: Cells, layout: Layout) -> Group:
    die, half = layout.placement, cells.side_um / 2
    by_um = np.full(len(cells.x_um), -np.inf)
    for centre, extent in ((cells.x_um, die.die_width_um), (cells.y_um, die.die_height_um)):
        by_um = np.maximum(by_um, np.maximum(die.margin_um + half - centre, centre + half - (extent - die.margin_um)))
    out = np.flatnonzero(~(by_um <= TOLERANCE_UM))  # not finite: over the limit

    def message(k: int, _: int) -> str:
        return (
            f"the cell is {by_um[out[k]]:.4g} um out of the area for cells (the die without {die.margin_um:.6g} um "
            f"along its edge); {RULES['SOEN-FP-003'].fix}"
        )

    return Group(
        rule="SOEN-FP-003",
        severity="error",
        unit="um",
        value=by_um[out],
        limit=np.zeros(len(out)),
        excess=by_um[out],
        name=lambda k: cells.name(int(out[k])),
        locate=lambda k: cells.box(int(out[k])),
        message=message,
        the_rest="cells *",
    )


def _too_small(routed: RoutedNetlist, layout: Layout, cell_um: float) -> Iterator[Group]:
    pitch_um = stated(routed.netlist, "synapse_pitch_um").value
    planes = stated(routed.netlist, "electronic_planes").value
    # where absent edges are an error, the designer wants all of them
    for name, inputs in fan_in(routed, asked=not prunes(routed.netlist)).items():
        yield _small_cells(name, layout, inputs, pitch_um * np.sqrt(inputs / planes), cell_um)


def _small_cells(name: str, layout: Layout, inputs: IntArray, needed_um: FloatArray, cell_um: float) -> Group:
    small = np.flatnonzero(~(needed_um <= cell_um + TOLERANCE_UM))
    places = layout.placement.populations[name]
    return Group(
        rule="SOEN-FP-004",
        severity="error",
        unit="um",
        value=np.full(len(small), cell_um),
        limit=needed_um[small],
        excess=needed_um[small],
        name=lambda k: f"{name}[{small[k]}]",
        locate=lambda k: Box.around(float(places.x_um[small[k]]), float(places.y_um[small[k]]), cell_um),
        message=lambda k, count: (
            f"{count} of {len(inputs)} cells of {name} are too small for their synapses, the worst for "
            f"{inputs[small[k]]}; {RULES['SOEN-FP-004'].fix}"
        ),
    )
