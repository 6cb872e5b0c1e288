"""Projections: the synapses between two populations, or to one place in the arbors of a spiking one."""

from __future__ import annotations

from typing import Annotated, Literal

from soensim.netlist.base import Name, Part, legal
from soensim.netlist.schema.efficacy import Efficacy
from soensim.netlist.schema.spiking import SOMA
from soensim.netlist.topology.topology import Topology

#: Delay of a path: 67 ps per centimetre of waveguide.
PATH_DELAY = legal(1e-3, 1e9, "ps", "a micrometre of waveguide to 100 km of fibre", zero=True)


class Projection(Part):
    """The synapses from one population to another (or to itself)."""

    source: Name
    """Name of the population that drives."""
    target: Name
    """Name of the dendrite or spiking population that is driven; the same name for recurrent synapses."""
    topology: Topology
    """Which source drives which target; `all-to-all` and `one-to-one` may be given as plain words."""
    efficacy: Efficacy
    """The values that each synapse can hold. In a spiking chip: the factor on the response of a photon synapse."""
    medium: Literal["optical", "electrical"] | None = None
    """What carries the signals: waveguides, or wires with inductive coupling. Absent: the chip is not laid out, and its
    edges exist with the delay and loss stated here."""
    delay_ps: Annotated[float, PATH_DELAY] = 0.0
    """Delay of every edge (ps), where the chip is not laid out."""
    place: Name | None = None
    """Where in the arbor of a spiking target the synapses are; absent: at the soma."""
    loss_db: Annotated[float, legal(0, 1e3, "dB", "1000 dB is darkness", zero=True)] | None = None
    """Loss of every path to a spiking target (dB), where the chip is not laid out; absent: none."""

    @property
    def key(self) -> str:
        """`source->target`, the projection's name in programs; `source->target.place` where it ends in an arbor."""
        return f"{self.source}->{self.target}" + ("" if self.place in (None, SOMA) else f".{self.place}")
