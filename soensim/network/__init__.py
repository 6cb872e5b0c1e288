"""RoutedNetlist -> Network: masks, signs, gains, delays as read-only arrays; compile once."""

from soensim.network.compile import compile_network, edge_signs, step_coefficients
from soensim.network.dendrite_parameters import gammas, sample_duration
from soensim.network.inputs import check_fit, data_lines, encode_data, present, signals, split_channels
from soensim.network.light import Light
from soensim.network.network import (
    CountOutput,
    Die,
    FluxOutput,
    GoodnessOutput,
    InputLines,
    LinearOutput,
    Network,
    Population,
)
from soensim.network.substeps import step_limits, substeps_of
from soensim.network.synapses import DelayLayout, Synapses
from soensim.network.time_step import at_training_step, refined, with_average_light, with_delay_factor

__all__ = [
    "CountOutput",
    "DelayLayout",
    "Die",
    "FluxOutput",
    "GoodnessOutput",
    "InputLines",
    "Light",
    "LinearOutput",
    "Network",
    "Population",
    "Synapses",
    "at_training_step",
    "check_fit",
    "compile_network",
    "data_lines",
    "edge_signs",
    "encode_data",
    "gammas",
    "present",
    "refined",
    "sample_duration",
    "signals",
    "split_channels",
    "step_coefficients",
    "step_limits",
    "substeps_of",
    "with_average_light",
    "with_delay_factor",
]
