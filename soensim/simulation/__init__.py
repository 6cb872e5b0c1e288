"""(Network, Program, inputs, seeds) -> Trace."""

from soensim.simulation.activity import measure_activity
from soensim.simulation.classify import class_scores
from soensim.simulation.engine import Trace, checked_signals, simulate
from soensim.simulation.readout import goodness, label_scores, linear_scores
from soensim.simulation.samples import Samples

__all__ = [
    "Samples",
    "Trace",
    "checked_signals",
    "class_scores",
    "goodness",
    "label_scores",
    "linear_scores",
    "measure_activity",
    "simulate",
]
