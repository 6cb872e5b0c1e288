"""Estimates: spreads and offsets of devices from measured chips, a dendrite's parameters from its trace."""

from soensim.fit.dendrite import DendriteFit, Parameter, fit_dendrite
from soensim.fit.deviations import Deviations, Share, deviations_of
from soensim.fit.spread_fit import SpreadFit, estimate
from soensim.fit.trace import Trace, read_trace

__all__ = [
    "DendriteFit",
    "Deviations",
    "Parameter",
    "Share",
    "SpreadFit",
    "Trace",
    "deviations_of",
    "estimate",
    "fit_dendrite",
    "read_trace",
]
