"""The SQUID at constant flux and current: its mean voltage, solved directly from the RCSJ equations."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim._runtime.kernel_cache import njit
from soensim.circuit._rcsj import TWO_PI, Circuit, PeriodSettings, running_period
from soensim.circuit.device import Device
from soensim.circuit.threshold_current import lobe
from soensim.errors import CircuitError

# Longest period that is waited for, in tau_0: g = 2 pi / 1e5 = 6e-5 is as good as silent.
MAX_PERIOD = 1e5
# Where an orbit does not repeat after one period, the mean over this many counts.
_PERIODS = 50


@njit(cache=True)
def solve_row(flux, currents, circuit, settings, g):  # type: ignore[no-untyped-def]
    """Mean voltages at one flux for a falling sequence of currents; each point starts from its neighbour."""
    y = np.empty(5)
    cold = True
    for j in range(currents.size):
        if cold:
            y[0], y[1], y[2], y[3], y[4] = 1.5 * math.pi, 1.0, 1.5 * math.pi, 1.0, 0.0
        period = running_period(y, flux, currents[j], circuit, settings)
        cold = period == 0.0
        g[j] = 0.0 if cold else TWO_PI / period


def period_settings(tolerance: float, settle: float = 1e-6) -> PeriodSettings:
    """Settings of the kernel for a local error of a step and a relative error of the period."""
    return PeriodSettings(tolerance, settle, MAX_PERIOD, _PERIODS)


def squid_circuit(device: Device) -> Circuit:
    """Kernel parameters of a device without an integration loop."""
    return Circuit.of(device.junction.beta_c, device.beta_1, device.beta_2, math.inf, 0.0)


def mean_voltage(device: Device, phi: ArrayLike, i: ArrayLike, *, tolerance: float = 1e-8) -> NDArray[np.float64]:
    """Solve for the mean voltage g(phi, i) of the running SQUID, point by point.

    The four first-order equations of the two junctions are integrated from a running start until the period of
    the mean phase repeats; g = 2 pi / period. This is the slow reference for every table.

    Parameters
    ----------
    device
        The SQUID.
    phi, i
        Flux in Phi_0 and current in I_c; any shapes that broadcast.
    tolerance
        Local error of an integration step. At 1e-8, g is accurate to about 1e-9.

    Returns
    -------
    array
        g in units of I_c r_jj; 0 where the SQUID does not run.

    Raises
    ------
    CircuitError
        If phi or i is not finite.
    """
    phi, i = np.broadcast_arrays(np.asarray(phi, dtype=np.float64), np.asarray(i, dtype=np.float64))
    if not (np.isfinite(phi).all() and np.isfinite(i).all()):
        raise CircuitError("mean_voltage: flux and current must be finite numbers")
    circuit, settings, g = squid_circuit(device), period_settings(tolerance, settle=1e-8), np.zeros(phi.size)
    for j, (flux, current) in enumerate(zip(phi.flat, i.flat, strict=True)):
        # With all signs changed the circuit is the same: g(-phi, -i) = -g(phi, i).
        sign = -1.0 if current < 0.0 else 1.0
        solve_row(sign * flux, np.array([abs(current)]), circuit, settings, g[j : j + 1])
        g[j] *= sign
    return g.reshape(phi.shape)


def check_single_valued(device: Device) -> None:
    """Refuse a SQUID that keeps running below its threshold: its mean voltage is not a function of (phi, i).

    Raises
    ------
    CircuitError
        If a running state persists one per cent below the static threshold (beta_c near 0.8 and above).
    """
    fluxes = np.array([0.0, 0.25, 0.5])
    currents = 0.99 * lobe(fluxes, device.beta_sum)[0]
    running = mean_voltage(device, fluxes + device.skew * currents, currents, tolerance=1e-6) > 0.0
    if running.any():
        flux, current = fluxes[running][0], currents[running][0]
        raise CircuitError(
            f"device: hysteretic: at flux {flux} it still runs at {current:.3f} I_c, below its threshold, so that "
            f"it has no source function; beta_c is {device.junction.beta_c}, make it smaller (0.7 is safe)"
        )
