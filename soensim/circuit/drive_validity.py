"""How well the phenomenological dendrite describes the circuit under the drive of a given chip.

One dendrite is solved as its circuit and as the model, with the bias, the loop and the leak of the chip, while its flux
is held over one input sample after the other at another level. Levels are spread evenly over [0, Phi_0 / 2], which is
all that a SQUID tells apart. chi^2 = sum (s_model - s_circuit)^2 / sum s_circuit^2 over the states after every sample,
as everywhere (`model_validity`).

Two things keep it short. A sample counts for ten times the shortest time in which the loop comes to rest (beta_di, or
tau_di) at most: what follows is steady. And a chip whose samples last longer than LONGEST is taken as one whose
samples, loop and leak are all faster by one factor: the model of both is the same, but single fluxons are larger by
this factor, so that the chi^2 found is more than that of the chip (about by its square).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from soensim.circuit.device import Device

Array = NDArray[np.float64]

#: Input samples of a sequence, and sequences.
SAMPLES, ROWS = 8, 16
#: Longest sample (tau_0) that is solved as it is.
LONGEST = 10_000.0
_RESTING = 10.0
# Steps of the model per sample, and the largest product of a step and the fastest rate of the loop.
_FEWEST, _PER_RATE = 64, 0.5
_STEEPEST = 11.0  # slope dg/di, at most


@dataclass(frozen=True)
class SampledDrive:
    """A dendrite, and how long each input sample is held.

    Attributes
    ----------
    bias_current
        i_b (I_c).
    beta_di, gamma_minus
        Inductance of the loop, and its leak 1 / tau_di (1 / tau_0).
    sample_tau
        How long a level of flux is held (tau_0).
    """

    bias_current: float
    beta_di: float
    gamma_minus: float
    sample_tau: float


@dataclass(frozen=True)
class DriveValidity:
    """What the comparison found.

    Attributes
    ----------
    chi_squared
        See the module; None where the dendrite was never active.
    faster
        The factor by which the chip was taken faster: with more than 1 the chip's own chi^2 is smaller.
    """

    chi_squared: float | None
    faster: float


@cache
def drive_validity(device: Device, drive: SampledDrive) -> DriveValidity:
    """Compare model and circuit of one dendrite under a drive; 0.05 to 0.1 s.

    Raises
    ------
    CircuitError
        The solvers do not take the device, or its source function cannot be tabulated.
    """
    rest = min(drive.beta_di, 1.0 / drive.gamma_minus if drive.gamma_minus > 0.0 else math.inf)
    held = min(drive.sample_tau, _RESTING * rest)
    faster = max(1.0, held / LONGEST)
    taken = SampledDrive(drive.bias_current, drive.beta_di / faster, drive.gamma_minus * faster, held / faster)
    flux = flux_levels()
    circuit, model = circuit_states(device, taken, flux), model_states(device, taken, flux)
    if not model.any():
        return DriveValidity(None, faster)
    return DriveValidity(float(((model - circuit) ** 2).sum() / (circuit**2).sum()), faster)


def flux_levels() -> Array:
    """Levels of flux (Phi_0), shape (ROWS, SAMPLES): multiples of the golden ratio, which spread evenly."""
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    spread: Array = np.modf((np.arange(ROWS * SAMPLES) + 0.5) * golden)[0]
    return 0.5 * spread.reshape(ROWS, SAMPLES)


def circuit_states(device: Device, drive: SampledDrive, flux: Array) -> Array:
    """States (I_c) of the circuit after every sample, shape (rows, samples) as the flux."""
    from soensim.circuit.coupled import CoupledCircuits, Edges  # numba: loaded only where it is measured

    none, first, one = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.ones(1)
    circuit = CoupledCircuits(
        device,
        bias_current=drive.bias_current * one,
        beta_di=drive.beta_di * one,
        gamma_minus=drive.gamma_minus * one,
        flux_offset=0.0 * one,
        recurrent=Edges(none, none, np.zeros(0), np.zeros(0)),
        inputs=Edges(first, first, 0.0 * one, one),
        sample_tau=drive.sample_tau,
    )
    return circuit.states(flux[:, :, None])[:, :, 0]


def model_states(device: Device, drive: SampledDrive, flux: Array) -> Array:
    """States (I_c) of the model after every sample, by the classical Runge-Kutta method."""
    from soensim.circuit._held_flux import held_states  # numba, as above
    from soensim.circuit.table_builder import source_table

    gamma_plus, gamma_minus = 1.0 / drive.beta_di, drive.gamma_minus
    rate = _STEEPEST * gamma_plus + gamma_minus
    steps = max(_FEWEST, math.ceil(drive.sample_tau * rate / _PER_RATE))
    dendrite, states = (drive.bias_current, gamma_plus, gamma_minus), np.empty(flux.shape)
    held_states(flux, steps, drive.sample_tau / steps, dendrite, source_table(device).arrays, states)
    return states
