"""Spiking networks: (SpikingNetwork, spike trains, seed) -> SpikingTrace."""

from soensim.simulate.spiking.chip import SpikingNetwork, SpikingPopulation, SynapseGroup
from soensim.simulate.spiking.compile import compile_spiking
from soensim.simulate.spiking.engine import simulate_spikes
from soensim.simulate.spiking.rate import mean_flux, neuron_source, spike_interval
from soensim.simulate.spiking.trace import Recording, SpikingTrace

__all__ = [
    "Recording",
    "SpikingNetwork",
    "SpikingPopulation",
    "SpikingTrace",
    "SynapseGroup",
    "compile_spiking",
    "mean_flux",
    "neuron_source",
    "simulate_spikes",
    "spike_interval",
]
