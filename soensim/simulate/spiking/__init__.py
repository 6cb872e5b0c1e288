"""Spiking networks: (SpikingNetwork, spike trains, seed) -> SpikingTrace."""

from soensim.simulate.spiking.chip import SpikingNetwork, SpikingPopulation, SynapseGroup
from soensim.simulate.spiking.engine import simulate_spikes
from soensim.simulate.spiking.trace import Recording, SpikingTrace

__all__ = [
    "Recording",
    "SpikingNetwork",
    "SpikingPopulation",
    "SpikingTrace",
    "SynapseGroup",
    "simulate_spikes",
]
