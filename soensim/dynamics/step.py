"""One step of the rate dendrite, and the coefficients of its integrators."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.source import Array, SourceFunction
from soensim.errors import SimulationError

Integrator = Literal["forward-euler", "exponential-euler"]

MAX_DRIVE_PER_STEP = 0.2  # dt gamma_plus of a SQUID dendrite; coarser steps train the integrator (SYSTEMS section 8)


def step(
    state: Array,
    flux: Array,
    *,
    retention: Array,
    gain: Array,
    bias_current: Array | float,
    source: SourceFunction,
) -> Array:
    """Advance a dendrite by one step: s <- retention s + gain g(phi, i_b - s).

    This is ds/dtau = gamma_plus g(phi, i_b - s) - gamma_minus s (arXiv:2210.09976, eq. for the dendrite) under
    either integrator of `coefficients`. With gamma_plus = gamma_minus and forward Euler it is the leaky
    integrator s <- a s + (1 - a) g, a = 1 - gamma_minus dt.

    Parameters
    ----------
    state, flux
        s (I_c) and phi (Phi_0), shape (batch, neurons).
    retention, gain
        Coefficients, shape (neurons,) or scalars.
    bias_current
        i_b (I_c), shape (neurons,) or a scalar; a virtual source does not look at it.
    source
        g(phi, i).

    Returns
    -------
    Array
        The next state, shape (batch, neurons).
    """
    return retention * state + gain * source(flux, bias_current - state)


def coefficients(
    gamma_plus: NDArray[np.float64],
    gamma_minus: NDArray[np.float64],
    dt_tau: float,
    integrator: Integrator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute (retention, gain) per step of ``dt_tau``; gammas in 1/tau, shape (neurons,).

    Forward Euler: 1 - gamma_minus dt and gamma_plus dt. Exponential Euler (exact for a constant g):
    exp(-gamma_minus dt) and gamma_plus (1 - exp(-gamma_minus dt)) / gamma_minus.
    """
    leak = gamma_minus * dt_tau
    if integrator == "forward-euler":
        return 1 - leak, gamma_plus * dt_tau
    decayed = np.where(leak > 0, -np.expm1(-leak) / np.where(leak > 0, leak, 1.0), 1.0)
    return np.exp(-leak), gamma_plus * dt_tau * decayed


def check_step(
    population: str,
    source: SourceFunction,
    gamma_plus: float,
    gamma_minus: float,
    dt_tau: float,
    substeps: int,
    integrator: Integrator,
) -> None:
    """Refuse a step that cannot follow the dendrite.

    Raises
    ------
    SimulationError
        dt gamma_plus > 0.2 for a SQUID, or dt gamma_minus > 1 under forward Euler (the leak would overshoot).
    """
    drive, leak = gamma_plus * dt_tau, gamma_minus * dt_tau
    if not source.virtual and drive > MAX_DRIVE_PER_STEP * (1 + 1e-9):
        needed = int(np.ceil(substeps * drive / MAX_DRIVE_PER_STEP * (1 - 1e-9)))
        raise SimulationError(
            f"population {population!r}: dt gamma_plus is {drive:.3g}, at most {MAX_DRIVE_PER_STEP} resolves a SQUID "
            f"dendrite; set timing.substeps to {needed} or more"
        )
    if integrator == "forward-euler" and leak > 1:
        raise SimulationError(
            f"population {population!r}: dt gamma_minus is {leak:.3g}, forward Euler needs at most 1; "
            f"set timing.substeps to {int(np.ceil(substeps * leak))} or more, or use exponential-euler"
        )
