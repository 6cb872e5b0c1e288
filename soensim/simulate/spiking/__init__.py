"""Spiking networks: (SpikingNetwork, spike trains, seed) -> SpikingTrace."""

from soensim.simulate.spiking.chip import SpikingNetwork, SpikingPopulation, SynapseGroup
from soensim.simulate.spiking.compile import compile_spiking
from soensim.simulate.spiking.engine import simulate_spikes
from soensim.simulate.spiking.trace import Recording, SpikingTrace

__all__ = [
    "Recording",
    "SpikingNetwork",
    "SpikingPopulation",
    "SpikingTrace",
    "SynapseGroup",
    "compile_spiking",
    "simulate_spikes",
]
