"""The photon synapse: what one detection adds to the flux of a dendrite, and when a detector is dead.

A detection at age 0 drives the synapse for a hotspot time t_h, after which its current decays (docs/physics.md;
arXiv:2210.09976, the synapse of sim_soens):

    c = phi_peak (1 - tau_rise / tau_fall)
    phi(age) = c (1 - exp(-age / tau_rise))                                          0 <= age <= t_h
    phi(age) = c (1 - exp(-t_h / tau_rise)) exp(-(age - t_h) / tau_fall)             t_h <= age < cut
    phi(age) = 0                                                                     otherwise

Within the dead time after a detection further photons are lost: they do not restart the response. A detection after
it starts a new one, and the flux is the larger of the two: one synapse, one current, never a sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim._runtime.kernel_cache import njit
from soensim.errors import SimulationError


@dataclass(frozen=True)
class SynapseResponse:
    """Parameters of a photon synapse.

    Parameters
    ----------
    phi_peak
        Scale of the flux (Phi_0); the peak is a few percent lower, see the module.
    tau_rise_ns, tau_fall_ns
        Time constants; tau_rise < tau_fall.
    hotspot_ns
        t_h: how long the current rises.
    cut_ns
        Age from which the response counts as zero.
    dead_time_ns
        How long after a detection the detector is blind.

    Raises
    ------
    SimulationError
        A value is not positive and finite (dead time: negative), tau_rise >= tau_fall, or hotspot >= cut.
    """

    phi_peak: float
    tau_rise_ns: float
    tau_fall_ns: float
    hotspot_ns: float
    cut_ns: float
    dead_time_ns: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low = value >= 0 if field.name == "dead_time_ns" else value > 0
            if not (math.isfinite(value) and low):
                raise SimulationError(f"synapse: {field.name} is {value!r}; it must be a positive finite number")
        if self.tau_rise_ns >= self.tau_fall_ns:
            raise SimulationError(
                f"synapse: tau_rise_ns {self.tau_rise_ns} must be below tau_fall_ns {self.tau_fall_ns}; "
                "the closed form has no peak otherwise"
            )
        if self.hotspot_ns >= self.cut_ns:
            raise SimulationError(f"synapse: hotspot_ns {self.hotspot_ns} must be below cut_ns {self.cut_ns}")

    def flux(self, age_ns: ArrayLike) -> NDArray[np.float64]:
        """Flux (Phi_0) at ages (ns) after a detection, any shape; zero before it and from the cut on."""
        age = np.asarray(age_ns, dtype=np.float64)
        inside = (age >= 0) & (age < self.cut_ns)
        safe = np.where(inside, age, 0.0)
        scale = self.phi_peak * (1 - self.tau_rise_ns / self.tau_fall_ns)
        rise = -np.expm1(-np.minimum(safe, self.hotspot_ns) / self.tau_rise_ns)
        fall = np.exp(-np.maximum(safe - self.hotspot_ns, 0.0) / self.tau_fall_ns)
        return np.where(inside, scale * rise * fall, 0.0)


@njit(cache=True, error_model="numpy")
def response_flux(age_ns, phi_peak, tau_rise_ns, tau_fall_ns, hotspot_ns):  # type: ignore[no-untyped-def]
    """Closed form at one age >= 0 below the cut (Phi_0); the scalar kernel of `SynapseResponse.flux`."""
    scale = phi_peak * (1.0 - tau_rise_ns / tau_fall_ns)
    if age_ns <= hotspot_ns:
        return scale * (1.0 - math.exp(-age_ns / tau_rise_ns))
    return scale * (1.0 - math.exp(-hotspot_ns / tau_rise_ns)) * math.exp(-(age_ns - hotspot_ns) / tau_fall_ns)
