"""The SQUID at constant flux and current: its mean voltage, solved directly from the RCSJ equations."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim._runtime.kernel_cache import njit
from soensim.circuit._rcsj import TWO_PI, Circuit, PeriodSettings, running_period
from soensim.circuit.device import Device
from soensim.circuit.solvable import (
    CURRENT_MOST,
    FLUX_MOST,
    TOLERANCES,
    check_device,
    check_range,
    check_values,
    real_array,
)
from soensim.circuit.threshold_current import lobe
from soensim.errors import CircuitError

# Longest period that is waited for, in tau_0: g = 2 pi / 1e5 = 6e-5 is as good as silent.
MAX_PERIOD = 1e5
#: Up to these every device has a source table: measured on a grid of both.
SAFE_BETA_C, SAFE_ARM = 0.5, 10.0
# Where an orbit does not repeat after one period, the mean over this many counts.
_PERIODS = 50
# Decay time of the loop's currents times the bias, from which on two periods may agree, or `_PERIODS` end, too early.
_SLOW = 25.0


@njit(cache=True)
def solve_row(flux, currents, circuit, settings, g):  # type: ignore[no-untyped-def]
    """Mean voltages at one flux for a falling sequence of currents; each point starts from its neighbour."""
    y = np.empty(5)
    cold = True
    for j in range(currents.size):
        if cold:
            y[0], y[1], y[2], y[3], y[4] = 1.5 * math.pi, 1.0, 1.5 * math.pi, 1.0, 0.0
        period = running_period(y, flux, currents[j], circuit, settings)
        cold = not period > 0.0
        g[j] = period if cold else TWO_PI / period


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
        Local error of an integration step. At 1e-8, g is accurate to about 1e-9; to 2e-5 where arms or bias are so
        large that the loop's currents hardly decay within a period.

    Returns
    -------
    array
        g in units of I_c r_jj; 0 where the SQUID does not run.

    Raises
    ------
    CircuitError
        If phi or i is not finite or too large, or the period takes too many steps.
    """
    phi, i = np.broadcast_arrays(*(real_array("mean_voltage", x, "flux and current") for x in (phi, i)))
    check_device(device)
    check_values("mean_voltage", "the flux (Phi_0)", phi, FLUX_MOST)
    check_values("mean_voltage", "the current (I_c)", i, CURRENT_MOST)
    check_range("mean_voltage", "tolerance", tolerance, TOLERANCES)
    circuit, settings, g = squid_circuit(device), period_settings(tolerance, settle=1e-8), np.zeros(phi.size)
    decay = max(0.5 * device.beta_sum, device.junction.beta_c)
    for j, (flux, current) in enumerate(zip(phi.flat, i.flat, strict=True)):
        # With all signs changed the circuit is the same: g(-phi, -i) = -g(phi, i).
        sign = -1.0 if current < 0.0 else 1.0
        at = np.array([abs(current)])
        if decay * abs(current) > _SLOW:
            shifted = np.array([sign * flux - device.skew * abs(current)])
            g[j] = running_voltage(device.symmetric, shifted, at, tolerance)[0, 0]
        else:
            solve_row(sign * flux, at, circuit, settings, g[j : j + 1])
        g[j] *= sign
        if math.isnan(g[j]):
            raise CircuitError(
                f"mean_voltage: no period is found at flux {flux} and current {current} within the steps taken"
            )
    return g.reshape(phi.shape)


@njit(cache=True)
def _solve_running(phi, currents, circuit, settings, g):  # type: ignore[no-untyped-def]
    y = np.empty(5)
    for a in range(phi.size):
        # The loop holds the flux, and both junctions carry the same: nothing is left to decay.
        half, v = math.pi * phi[a], 0.5 * currents[0]
        y[0], y[1], y[2], y[3], y[4] = 1.5 * math.pi + half, v, 1.5 * math.pi - half, v, 0.0
        for b in range(currents.size):
            period = running_period(y, phi[a], currents[b], circuit, settings)
            g[a, b] = TWO_PI / period if period > 0.0 else period


def running_voltage(
    device: Device, phi: NDArray[np.float64], currents: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """Mean voltages of a SQUID of equal arms, (fluxes, currents), from a start that leaves nothing to decay.

    The currents fall, each starts from its neighbour.
    """
    g = np.empty((phi.size, currents.size))
    _solve_running(phi, np.ascontiguousarray(currents), squid_circuit(device), period_settings(tolerance, 1e-8), g)
    return g


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
            f"it has no source function; {less_hysteresis(device)}"
        )


def less_hysteresis(device: Device) -> str:
    """Say how to change a SQUID that is refused so that it is not."""
    beta_c, longest = device.junction.beta_c, max(device.beta_1, device.beta_2)
    change = []
    if beta_c > SAFE_BETA_C:
        change.append(f"beta_c is {beta_c}, make it {SAFE_BETA_C} or smaller")
    if longest > SAFE_ARM:
        change.append(f"beta_1 is {device.beta_1}, beta_2 {device.beta_2}, make both {SAFE_ARM:g} or smaller")
    return "; ".join(change) or "devices like it were found to work: please report it"
