"""The physics of one time step: pure functions of (state, parameters), for numpy arrays and torch tensors."""

from soensim.dynamics.input_flux import HeldFrames, InputFlux, InputSignal, Term, alike
from soensim.dynamics.integrators import (
    check_step,
    coefficients,
    largest_step,
    safe_step,
    step,
    substeps_needed,
)
from soensim.dynamics.light import Detectors, Emission, LightDraws, SpikingLight
from soensim.dynamics.normalisation import LEAST_FLOOR, Normalisation, normalise
from soensim.dynamics.source_functions import (
    SOURCE_FUNCTIONS,
    Array,
    SourceFunction,
    array_namespace,
    holds_for,
    soft_slope,
    training_source,
)
from soensim.dynamics.time_loop import Cell, CellStep, TimeLoop, unroll

__all__ = [
    "LEAST_FLOOR",
    "SOURCE_FUNCTIONS",
    "Array",
    "Cell",
    "CellStep",
    "Detectors",
    "Emission",
    "HeldFrames",
    "InputFlux",
    "InputSignal",
    "LightDraws",
    "Normalisation",
    "SourceFunction",
    "SpikingLight",
    "Term",
    "TimeLoop",
    "alike",
    "array_namespace",
    "check_step",
    "coefficients",
    "holds_for",
    "largest_step",
    "normalise",
    "safe_step",
    "soft_slope",
    "step",
    "substeps_needed",
    "training_source",
    "unroll",
]
