"""RoutedNetlist -> Network: masks, signs, gains, delays as read-only arrays; compile once."""

from soensim.network.chip import DelayLine, GoodnessOutput, InputLines, LinearOutput, Network, Population, Synapses
from soensim.network.compile import compile_network, edge_signs, step_coefficients
from soensim.network.dendrites import gammas, sample_duration
from soensim.network.restep import refined, with_delay_factor

__all__ = [
    "DelayLine",
    "GoodnessOutput",
    "InputLines",
    "LinearOutput",
    "Network",
    "Population",
    "Synapses",
    "compile_network",
    "edge_signs",
    "gammas",
    "refined",
    "sample_duration",
    "step_coefficients",
    "with_delay_factor",
]
