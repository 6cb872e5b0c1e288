"""What a routing strategy is given."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.routing.layer_stack import LayerStack
from soensim.routing.nets import Nets
from soensim.routing.placement import Placement


@dataclass(frozen=True, eq=False)
class OpticalProblem:
    """The nets of a chip, and what they can run on.

    Attributes
    ----------
    chip
        Name of the netlist, for messages.
    nets
        One per emitter or input port that sends light, with its detectors as sinks.
    placement
        Where emitters, ports and detectors are, and the routing grid.
    stack
        The planes of waveguides and their tracks.
    """

    chip: str
    nets: Nets
    placement: Placement
    stack: LayerStack
