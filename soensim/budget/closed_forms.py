"""Closed forms for how many synapses a neuron can have on a die, and how far apart neurons are in a random network.

With the area per neuron A_n = A / N, p photonic planes of pitch w, and p_e electronic planes of synapses of width w_sy:

    k_photonic = p sqrt(A_n) / w        k_electronic = p_e A_n / w_sy^2        N = A (p / (w k))^2

(soens_sim network scripts; arXiv:1805.01942). Mean path of a random network: (ln N - 0.5772) / ln k + 1/2, with Euler's
constant 0.5772 (A. Fronczak, P. Fronczak, J. A. Holyst, Phys. Rev. E 70 (2004) 056110; as in those scripts).
"""

from __future__ import annotations

import math

import numpy as np


def area_per_neuron(area_um2: float, neurons: int) -> float:
    """A_n = A / N (um^2)."""
    return area_um2 / neurons


def photonic_fan_in(area_per_neuron_um2: float, planes: float, pitch_um: float) -> float:
    """k_photonic = p sqrt(A_n) / w: synapses per neuron that the tracks over its area can bring."""
    return planes * math.sqrt(area_per_neuron_um2) / pitch_um


def electronic_fan_in(area_per_neuron_um2: float, planes: float, synapse_pitch_um: float) -> float:
    """k_electronic = p_e A_n / w_sy^2: synapses that fit under its area."""
    return planes * area_per_neuron_um2 / synapse_pitch_um**2


def neurons_on_die(area_um2: float, planes: float, pitch_um: float, fan_in: float) -> float:
    """N = A (p / (w k))^2: neurons on a die whose tracks bring k synapses to each."""
    return area_um2 * (planes / (pitch_um * fan_in)) ** 2


def photon_fan_out(photons_per_spike: float, photons_needed: float, loss_db: float) -> float:
    """Count equal detectors that n photons serve with m each, over paths of loss L: k = n 10^(-L/10) / m."""
    return photons_per_spike * 10 ** (-loss_db / 10) / photons_needed


def mean_path(neurons: int, fan_in: float) -> float:
    """(ln N - 0.5772) / ln k + 1/2: mean number of hops between two neurons of a random network; needs k > 1."""
    return (math.log(neurons) - float(np.euler_gamma)) / math.log(fan_in) + 0.5
