"""(Network, Program, inputs, seeds) -> Trace."""

from soensim.simulate.engine import Trace, simulate
from soensim.simulate.fabricate import Deviations, FabricatedChip, deviations, fabricate, stream
from soensim.simulate.readout import goodness, linear_scores

__all__ = [
    "Deviations",
    "FabricatedChip",
    "Trace",
    "deviations",
    "fabricate",
    "goodness",
    "linear_scores",
    "simulate",
    "stream",
]
