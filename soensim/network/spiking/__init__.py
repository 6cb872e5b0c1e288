"""RoutedNetlist -> SpikingNetwork: names and SI values become flat arrays, once."""

from soensim.network.spiking.compile import compile_spiking
from soensim.network.spiking.spiking_network import SpikingNetwork, SpikingPopulation, SynapseGroup

__all__ = ["SpikingNetwork", "SpikingPopulation", "SynapseGroup", "compile_spiking"]
