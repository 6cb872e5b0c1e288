"""(Network, Program, inputs, seeds) -> Trace."""

from soensim.simulate.classify import class_scores
from soensim.simulate.engine import Trace, simulate
from soensim.simulate.fabricate import Deviations, FabricatedChip, deviations, fabricate, stream
from soensim.simulate.readout import goodness, label_scores, linear_scores

__all__ = [
    "Deviations",
    "FabricatedChip",
    "Trace",
    "class_scores",
    "deviations",
    "fabricate",
    "goodness",
    "label_scores",
    "linear_scores",
    "simulate",
    "stream",
]
