"""The physics of one time step: pure functions of (state, parameters), for numpy arrays and torch tensors."""

from soensim.dynamics.drive import Drive, InputSignal, Term, alike
from soensim.dynamics.normalise import Normalisation, normalise
from soensim.dynamics.source import (
    SOURCE_FUNCTIONS,
    Array,
    SourceFunction,
    array_namespace,
    soft_slope,
    training_source,
)
from soensim.dynamics.step import check_step, coefficients, largest_step, step, substeps_needed
from soensim.dynamics.unroll import Cell, unroll

__all__ = [
    "SOURCE_FUNCTIONS",
    "Array",
    "Cell",
    "Drive",
    "InputSignal",
    "Normalisation",
    "SourceFunction",
    "Term",
    "alike",
    "array_namespace",
    "check_step",
    "coefficients",
    "largest_step",
    "normalise",
    "soft_slope",
    "step",
    "substeps_needed",
    "training_source",
    "unroll",
]
