"""Area of the integration loops: a kinetic inductor is a meander of so many squares of a thin film.

squares = L / sheet inductance, L = beta_di Phi_0 / (2 pi I_c); area = squares x width x pitch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.netlist import Netlist
from soensim.network import gammas
from soensim.routing import Layout

GROUP = "area"
_MM2_PER_UM2, _PH_PER_H, _UH_PER_H = 1e-6, 1e12, 1e6
_NUMBERS = ("sheet_inductance_ph_per_square", "inductor_width_um", "inductor_pitch_um")


@dataclass(frozen=True)
class LoopInductor:
    """Inductor of the integration loop of each neuron of one population.

    Attributes
    ----------
    inductance_h, squares, area_um2
        Of one loop.
    neurons
        How many there are.
    numbers
        What enters: sheet inductance, width, pitch.
    """

    inductance_h: float
    squares: float
    area_um2: float
    neurons: int
    numbers: tuple[Number, ...]


def loop_inductors(netlist: Netlist) -> dict[str, LoopInductor]:
    """Size the loops of the rate neurons with SQUIDs, by population.

    Raises
    ------
    TechnologyError
        The sheet inductance, the width or the pitch has no value.
    """
    squids = {name: population for name, population in netlist.dendrites.items() if not population.virtual}
    if not squids:
        return {}
    sheet, width, pitch = numbers = tuple(stated(netlist, key) for key in _NUMBERS)
    loops = {}
    for name, population in squids.items():
        henries = float(netlist.device_technology.junction.henries_from_beta(1 / gammas(netlist, population)[0]))
        squares = henries * _PH_PER_H / sheet.value
        loops[name] = LoopInductor(henries, squares, squares * width.value * pitch.value, population.size, numbers)
    return loops


def inductor_entries(netlist: Netlist, layout: Layout) -> Iterator[BudgetEntry]:
    """Say what the integration loops of rate neurons take of their cells and of the die.

    Raises
    ------
    TechnologyError
        As `loop_inductors`.
    """
    cell_um2 = layout.placement.cell_um**2
    loops = loop_inductors(netlist)
    for name, loop in loops.items():
        device = Number(
            "I_c", netlist.device_technology.junction.critical_current_a, "A", f"{netlist.technology}: its junction"
        )
        formula = "Phi_0 / (2 pi I_c gamma_plus)"
        yield entry(
            GROUP, f"loop inductance, {name}", loop.inductance_h * _UH_PER_H, "uH", formula, (device,), "netlist"
        )
        formula = "loop inductance / sheet_inductance_ph_per_square"
        yield entry(
            GROUP, f"squares of a loop, {name}", loop.squares, "1", formula, (device, loop.numbers[0]), "netlist"
        )
        formula = "squares x inductor_width_um x inductor_pitch_um"
        entering = (device, *loop.numbers)
        yield entry(GROUP, f"area of a loop, {name}", loop.area_um2, "um^2", formula, entering, "netlist")
        share = 100 * loop.area_um2 / cell_um2
        formula = "area of a loop / cell_um^2"
        yield entry(GROUP, f"area of a loop, of the cell, {name}", share, "%", formula, entering, "routes")
    if loops:
        total = sum(loop.neurons * loop.area_um2 for loop in loops.values()) * _MM2_PER_UM2
        yield entry(GROUP, "loops of all neurons", total, "mm^2", "neurons x area of a loop", entering, "netlist")
