"""The physics of one time step: pure functions of (state, parameters), for numpy arrays and torch tensors."""

from soensim.dynamics.source import SOURCE_FUNCTIONS, Array, SourceFunction, soft_slope, training_source
from soensim.dynamics.step import check_step, coefficients, largest_step, step, substeps_needed
from soensim.dynamics.unroll import Cell, Term, unroll

__all__ = [
    "SOURCE_FUNCTIONS",
    "Array",
    "Cell",
    "SourceFunction",
    "Term",
    "check_step",
    "coefficients",
    "largest_step",
    "soft_slope",
    "step",
    "substeps_needed",
    "training_source",
    "unroll",
]
