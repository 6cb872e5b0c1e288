"""Spiking networks: (SpikingNetwork, spike trains, seed) -> SpikingTrace."""

from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.rate import mean_flux, neuron_source, spike_interval
from soensim.simulation.spiking.trace import Recording, SpikingTrace

__all__ = [
    "Recording",
    "SpikingTrace",
    "mean_flux",
    "neuron_source",
    "simulate_spikes",
    "spike_interval",
]
