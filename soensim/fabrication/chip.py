"""One fabricated chip, as simulation (numpy, float64) and training (torch) use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array
from soensim.network import Network

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SquidFactors:
    """What the SQUIDs of a population have, in parts of the drawing's; shape (neurons,)."""

    critical_current: FloatArray
    arm_1: FloatArray
    arm_2: FloatArray

    @classmethod
    def ones(cls, size: int) -> SquidFactors:
        """Make the factors of the drawing."""
        return cls(*(np.ones(size) for _ in range(3)))


@dataclass(frozen=True)
class FabricatedChip:
    """What one chip has: its efficacies and the parameters of its devices.

    Training differentiates in the values alone, so these may be torch tensors; the device parameters are numpy arrays
    everywhere, since the coefficients of the time step are computed from them in float64.

    Attributes
    ----------
    values
        Efficacies (Phi_0 per I_c) and flux trims (Phi_0) by program key: numpy arrays, or torch tensors of one dtype.
    gamma_plus, gamma_minus, bias_current, flux_offset
        Per population, shape (neurons,): drive gain and leak (1/tau), bias (I_c), static flux without the trim (Phi_0).
    squids
        What the SQUIDs of each population have, in parts of the drawing's; empty: the drawing's.
    delay_factor
        Factor on every delay of the chip.
    edge_delay_factor
        Factor on the delay of each edge, shape (edges,), by projection; absent: 1.
    photons
        Factor on the photons that each detector counts of a spike, shape (edges,), by optical projection; absent: 1.
    stray_light
        Stray photons at a detector, in parts of those of a spike of its own emitter.
    read_seed
        Seed of the noise; None: no noise.
    read_noise_flux
        Flux noise (Phi_0), one sigma, fresh for every neuron and sample; without effect where there is no seed.
    thermal_noise, shot_noise
        Gamma of the resistors in the loops, and Fano factor of the fluxons that enter them; as above.
    dac_noise, adc_noise
        Noise of the converters at the inputs and at the readout, one sigma in parts of their full scale; as above.
    dac_bits, adc_bits
        Bits of these converters; 0: exact.
    light_seed
        Training: seed of the spikes of the batch that this chip sees; without effect on an electrical chip.
    """

    values: Mapping[str, Array]
    gamma_plus: tuple[FloatArray, ...]
    gamma_minus: tuple[FloatArray, ...]
    bias_current: tuple[FloatArray, ...]
    flux_offset: tuple[FloatArray, ...]
    squids: tuple[SquidFactors, ...] = ()
    delay_factor: float = 1.0
    edge_delay_factor: Mapping[str, FloatArray] = field(default_factory=dict)
    photons: Mapping[str, FloatArray] = field(default_factory=dict)
    stray_light: float = 0.0
    read_seed: int | None = None
    read_noise_flux: float = 0.0
    thermal_noise: float = 0.0
    shot_noise: float = 0.0
    dac_noise: float = 0.0
    adc_noise: float = 0.0
    dac_bits: int = 0
    adc_bits: int = 0
    light_seed: int = 0

    def devices(self) -> list[list[FloatArray]]:
        """Return the device parameters of each population, arrays of shape (neurons,)."""
        kinds = (self.gamma_plus, self.gamma_minus, self.bias_current, self.flux_offset)
        return [list(arrays) for arrays in zip(*kinds, strict=True)]

    @classmethod
    def nominal(cls, network: Network, values: Mapping[str, Array]) -> FabricatedChip:
        """Make the chip as it was drawn, with these values by program key."""
        return cls(
            values=values,
            gamma_plus=tuple(p.gamma_plus for p in network.populations),
            gamma_minus=tuple(p.gamma_minus for p in network.populations),
            bias_current=tuple(p.bias_current for p in network.populations),
            flux_offset=tuple(p.flux_offset for p in network.populations),
        )
