"""(Network, Program, inputs, seeds) -> Trace."""

from soensim.simulate.engine import Trace, simulate
from soensim.simulate.fabricate import FabricatedChip, fabricate
from soensim.simulate.readout import goodness, linear_scores

__all__ = ["FabricatedChip", "Trace", "fabricate", "goodness", "linear_scores", "simulate"]
