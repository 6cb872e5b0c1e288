"""Area by layer, and lengths of waveguides and wires, of a chip that is laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from soensim.budget.counts import neurons, synapses
from soensim.budget.entry import BudgetEntry, entry, stated
from soensim.netlist import Netlist
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.wiring import recurrent_keys, wiring_of

GROUP = "area"
_MM2_PER_UM2, _M_PER_UM = 1e-6, 1e-6


def die_area_um2(layout: Layout) -> float:
    """Area of the die (um^2)."""
    return layout.placement.die_width_um * layout.placement.die_height_um


def area_entries(routed: RoutedNetlist, layout: Layout) -> Iterator[BudgetEntry]:
    """Say what each layer takes of the die.

    Raises
    ------
    TechnologyError
        A pitch has no value.
    """
    netlist, die_um2 = routed.netlist, die_area_um2(layout)
    yield entry(GROUP, "die", die_um2 * _MM2_PER_UM2, "mm^2", "die_width_um x die_height_um", basis="netlist")

    def layer(name: str, area_um2: float, formula: str, *numbers: str) -> Iterator[BudgetEntry]:
        entering = [stated(netlist, key) for key in numbers]
        yield entry(GROUP, name, area_um2 * _MM2_PER_UM2, "mm^2", formula, entering, "routes")
        share = 100 * area_um2 / die_um2
        yield entry(GROUP, f"{name}, of the die", share, "%", "area / die", entering, "routes")

    yield from layer("cells", neurons(netlist) * layout.placement.cell_um**2, "neurons x cell_um^2")
    pitch, planes = stated(netlist, "synapse_pitch_um").value, stated(netlist, "electronic_planes").value
    yield from layer(
        "synapses per plane",
        synapses(routed) * pitch**2 / planes,
        "synapses x synapse_pitch_um^2 / electronic_planes",
        *("synapse_pitch_um", "electronic_planes"),
    )
    yield from _waveguides(netlist, layout, layer)
    if synapses(routed, "electrical"):
        length_um = wire_length_um(routed)
        yield entry(GROUP, "wire length", length_um * _M_PER_UM, "m", "sum over electrical edges", basis="routes")
        pitch = stated(netlist, "wire_pitch_um").value
        yield from layer("wires", length_um * pitch, "wire length x wire_pitch_um", "wire_pitch_um")
    for key in recurrent_keys(routed):
        wiring = wiring_of(routed, [key])
        length_um = wiring.taken_um(np.ones(len(wiring), dtype=bool))
        formula = "segments that lead to its edges alone"
        yield entry(GROUP, f"length of {key}", length_um * _M_PER_UM, "m", formula, basis="routes")


def _waveguides(netlist: Netlist, layout: Layout, layer: Callable[..., Iterator[BudgetEntry]]) -> Iterator[BudgetEntry]:
    guides = layout.waveguides
    if guides is None:
        return
    total_um = float(guides.length_um.sum())
    yield entry(GROUP, "waveguide length", total_um * _M_PER_UM, "m", "sum over all segments", basis="routes")
    pitch = stated(netlist, "waveguide_pitch_um").value
    planes = int(stated(netlist, "photonic_planes").value)
    # a segment that climbs through planes counts in the plane that it arrives in
    by_plane_um = np.bincount(guides.plane, weights=guides.length_um, minlength=planes)
    for plane, length_um in enumerate(by_plane_um):
        yield from layer(
            f"waveguides on plane {plane}",
            float(length_um) * pitch,
            "length on it x waveguide_pitch_um",
            "waveguide_pitch_um",
        )


def wire_length_um(routed: RoutedNetlist) -> float:
    """Length of all electrical edges (um)."""
    return sum(
        float(found.ledger.length_um.sum())
        for p in routed.netlist.projections
        if p.medium == "electrical" and (found := routed.projections[p.key]).ledger is not None
    )
