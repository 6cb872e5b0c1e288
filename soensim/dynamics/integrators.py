"""One step of the rate dendrite, and the coefficients of its integrators."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.source_functions import Array, SourceFunction
from soensim.errors import SimulationError

Integrator = Literal["forward-euler", "heun", "exponential-euler"]

#: Largest dt gamma_plus of a SQUID dendrite: coarser steps do not follow it.
MAX_DRIVE_PER_STEP = 0.2
#: Largest dt gamma_plus and dt gamma_minus at which a training learns the chip and not the integrator. Measured on
#: chips of 40 SQUIDs (docs/physics.md): a step four times finer than the training's changes 1.9 % of the decisions at
#: most, and the accuracy by 0.6 points; at twice the step 3.6 % and 1.9 points.
SAFE_DRIVE_PER_STEP, SAFE_LEAK_PER_STEP = 0.05, 0.125


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
    squid_current = None if source.virtual else bias_current - state
    return retention * state + gain * source(flux, squid_current)


def coefficients(
    gamma_plus: NDArray[np.float64],
    gamma_minus: NDArray[np.float64],
    dt_tau: float,
    integrator: Integrator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute (retention, gain) per step of ``dt_tau``; gammas in 1/tau, shape (neurons,).

    Forward Euler: 1 - gamma_minus dt and gamma_plus dt; Heun takes two such steps (`unroll`). Exponential Euler (exact
    for a constant g): exp(-gamma_minus dt) and gamma_plus (1 - exp(-gamma_minus dt)) / gamma_minus.
    """
    leak = gamma_minus * dt_tau
    if integrator != "exponential-euler":
        return 1 - leak, gamma_plus * dt_tau
    decayed = np.where(leak > 0, -np.expm1(-leak) / np.where(leak > 0, leak, 1.0), 1.0)
    return np.exp(-leak), gamma_plus * dt_tau * decayed


def largest_step(source: SourceFunction, gamma_plus: float, gamma_minus: float, integrator: Integrator) -> float:
    """Compute the largest step (tau) that can follow a dendrite.

    dt gamma_plus <= 0.2 for a SQUID, whose g has slopes up to 11; dt gamma_minus <= 1 where the leak is explicit, which
    would overshoot beyond.
    """
    by_drive = math.inf if source.virtual else MAX_DRIVE_PER_STEP / gamma_plus
    by_leak = math.inf if integrator == "exponential-euler" or gamma_minus == 0 else 1 / gamma_minus
    return min(by_drive, by_leak)


def safe_step(source: SourceFunction, gamma_plus: float, gamma_minus: float, integrator: Integrator) -> float:
    """Compute the largest step (tau) whose training a finer step confirms, that of `largest_step` at most.

    dt gamma_plus <= 0.05 for a SQUID (0.2 with Heun's step, which is of order 2) and dt gamma_minus <= 0.125, also
    where the leak is exact: the states of others are held over a step. With a virtual source function the step is part
    of the model.
    """
    largest = largest_step(source, gamma_plus, gamma_minus, integrator)
    if source.virtual:
        return largest
    by_leak = math.inf if gamma_minus == 0 else SAFE_LEAK_PER_STEP / gamma_minus
    by_drive = largest if integrator == "heun" else SAFE_DRIVE_PER_STEP / gamma_plus
    return min(largest, by_drive, by_leak)


def substeps_needed(sample_tau: float, largest_tau: float) -> int:
    """Compute the fewest equal steps, none longer than ``largest_tau``, that make up a sample."""
    return max(1, math.ceil(sample_tau / largest_tau * (1 - 1e-9)))


def check_step(population: str, dt_tau: float, largest_tau: float, sample_tau: float) -> None:
    """Refuse a step that cannot follow the dendrites of a population.

    Raises
    ------
    SimulationError
        The step is longer than the largest one; the message says how many substeps it takes.
    """
    if dt_tau > largest_tau * (1 + 1e-9):
        raise SimulationError(
            f"population {population!r}: the step is {dt_tau:.4g} tau, at most {largest_tau:.4g} resolves its "
            f"dendrites; set timing.substeps to {substeps_needed(sample_tau, largest_tau)} or more, or leave it out"
        )
