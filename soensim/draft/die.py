"""The die: cells as small as the synapses and the inductor of the loop allow (SOEN-FP-004, 006), in a square."""

from __future__ import annotations

import math
from dataclasses import dataclass

from soensim.netlist.topology.lattice import lattice
from soensim.technology import Technology

MARGIN_UM = 150  # of optical-28; input ports and pads are in it
_STEP_UM = 10


@dataclass(frozen=True)
class Die:
    """A die and its cells.

    Attributes
    ----------
    width_um, height_um
        Of the die.
    cell_um
        Side of a cell.
    loop_um2
        Of the inductor of a loop; 0 where it is part of the neuron's circuit, no larger than a synapse.
    """

    width_um: int
    height_um: int
    cell_um: int
    loop_um2: float


def die_for(neurons: int, fan_in: int, beta_di: float, technology: Technology) -> Die:
    """Size cells and die.

    Parameters
    ----------
    neurons
        How many there are.
    fan_in
        Largest number of synapses of one neuron, those of inputs too.
    beta_di
        Of the integration loops.
    technology
        Pitches, planes of synapses and the film of the inductors.

    Raises
    ------
    TechnologyError
        A number has no value.
    """
    value = technology.value
    synapse_um2, planes = value("synapse_pitch_um") ** 2, value("electronic_planes")
    picohenries = float(technology.junction.henries_from_beta(beta_di)) * 1e12
    loop_um2 = (
        picohenries / value("sheet_inductance_ph_per_square") * value("inductor_width_um") * value("inductor_pitch_um")
    )
    loop_um2 = loop_um2 if loop_um2 > synapse_um2 else 0.0
    needed_um = math.sqrt(max((fan_in * synapse_um2 + loop_um2) / planes, loop_um2))
    cell_um = _up(needed_um)
    rows, columns = lattice(neurons)
    width, height = (_up(side * cell_um + 2 * MARGIN_UM) for side in (columns, rows))
    return Die(width, height, cell_um, loop_um2)


def _up(length_um: float) -> int:
    """Round up to ten micrometres; a length that is one, but for the last digit, stays."""
    return math.ceil(length_um / _STEP_UM - 1e-9) * _STEP_UM
