"""What a designer wants of a first chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soensim.data import Shape

Medium = Literal["electrical", "optical"]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a chip shall have; the rules of this room choose the rest.

    Attributes
    ----------
    name
        Of the chip, legal in a netlist.
    neurons
        Number of SQUID dendrites.
    data
        What it reads; it has a line for every channel.
    topology
        Kind of the recurrent topology, a key of `soensim.draft.topology.TOPOLOGIES`.
    density
        Part of all neurons^2 recurrent edges that exist; None: 1 of `all-to-all`, else `DEFAULT_DENSITY`.
    bits
        Of every efficacy; 1 or more.
    leak_ns
        Decay time of the integration loops (ns); None: what suits the data.
    medium
        What carries the signals.
    seed
        Of what is drawn at fabrication: topology, signs, placement.
    """

    name: str
    neurons: int
    data: Shape
    topology: str = "all-to-all"
    density: float | None = None
    bits: int = 4
    leak_ns: float | None = None
    medium: Medium = "electrical"
    seed: int = 1
