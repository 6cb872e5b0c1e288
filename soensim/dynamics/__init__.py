"""The physics of one time step: pure functions of (state, parameters), for numpy arrays and torch tensors."""

from soensim.dynamics.source import SOURCE_FUNCTIONS, Array, SourceFunction, soft_slope
from soensim.dynamics.step import check_step, coefficients, step
from soensim.dynamics.unroll import Cell, Term, unroll

__all__ = [
    "SOURCE_FUNCTIONS",
    "Array",
    "Cell",
    "SourceFunction",
    "Term",
    "check_step",
    "coefficients",
    "soft_slope",
    "step",
    "unroll",
]
