"""Spiking networks: (SpikingNetwork, spike trains, seed) -> SpikingTrace."""

from soensim.simulation.spiking.batch import SampleCounts, SpikeBatch, count_spikes, read_seed_of
from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.rate import mean_flux, neuron_source, spike_interval
from soensim.simulation.spiking.trace import Recording, SpikingTrace

__all__ = [
    "Recording",
    "SampleCounts",
    "SpikeBatch",
    "SpikingTrace",
    "count_spikes",
    "mean_flux",
    "neuron_source",
    "read_seed_of",
    "simulate_spikes",
    "spike_interval",
]
