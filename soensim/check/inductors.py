"""Rule SOEN-FP-006: the inductor of a large integration loop needs room in the cell, beside the synapses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soensim.budget import fan_in, stated
from soensim.budget.inductors import LoopInductor, loop_inductors
from soensim.check.finding import Box
from soensim.check.floorplan import TOLERANCE_UM, prunes
from soensim.check.grouped_findings import Group
from soensim.check.rules import RULES
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.placement import FloatArray, IntArray


def inductor_groups(routed: RoutedNetlist, layout: Layout) -> Iterator[Group]:
    """Apply SOEN-FP-006 to the rate neurons with SQUIDs.

    A loop that takes no more than the square of a synapse is part of the neuron's circuit, which has no area of its
    own in a cell. A larger one lies on one of the planes of the synapses, beside them.

    Raises
    ------
    TechnologyError
        A pitch, the number of planes or the sheet inductance has no value.
    """
    netlist = routed.netlist
    loops = loop_inductors(netlist)
    if not loops:
        return
    pitch_um, planes = stated(netlist, "synapse_pitch_um").value, stated(netlist, "electronic_planes").value
    counts = fan_in(routed, asked=not prunes(netlist))
    for name, loop in loops.items():
        if loop.area_um2 <= pitch_um**2:
            continue
        together_um2 = counts[name] * pitch_um**2 + loop.area_um2
        needed_um = np.sqrt(np.maximum(together_um2 / planes, loop.area_um2))
        yield _crowded(name, layout, counts[name], loop, needed_um)


def _crowded(name: str, layout: Layout, counts: IntArray, loop: LoopInductor, needed_um: FloatArray) -> Group:
    cell_um, places = layout.placement.cell_um, layout.placement.populations[name]
    small = np.flatnonzero(~(needed_um <= cell_um + TOLERANCE_UM))
    rule = RULES["SOEN-FP-006"]

    def message(k: int, count: int) -> str:
        return (
            f"{count} of {len(counts)} cells of {name} have no room for the inductor of their loop, "
            f"{loop.inductance_h * 1e6:.4g} uH or {loop.squares:,.0f} squares or {loop.area_um2:,.0f} um^2, beside "
            f"{counts[small[k]]} synapses: {needed_um[small[k]]:.4g} um would do; {rule.fix}"
        )

    return Group(
        rule=rule.id,
        severity=rule.severity,
        unit="um",
        value=np.full(len(small), cell_um),
        limit=needed_um[small],
        excess=needed_um[small],
        name=lambda k: f"{name}[{small[k]}]",
        locate=lambda k: Box.around(float(places.x_um[small[k]]), float(places.y_um[small[k]]), cell_um),
        message=message,
    )
