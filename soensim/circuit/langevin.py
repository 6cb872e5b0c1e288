"""The SQUID with thermal noise: direct Langevin simulation, and the rounding of the threshold.

Each shunt adds a noise current xi with <xi(tau) xi(tau')> = 2 Gamma delta(tau - tau'),
Gamma = 2 pi k_B T / (Phi_0 I_c), to its junction (1.76e-3 at 4.2 K and 100 uA).

Near a fold the circuit is slow along one direction x, n = (n1, n2) in the phases, and obeys
x' = a (i - i_th) + q x^2 + sqrt(2 Gamma) xi with a = (n1 + n2) / 2, q = (n1^3 sin d1 + n2^3 sin d2) / 2. With
mu = a q (i - i_th) and D = q^2 Gamma the mean passage time is known exactly,

    T(mu, D) = pi^2 D^(-1/3) (Ai^2(z) + Bi^2(z)),   z = -mu D^(-2/3),

which tends to pi / sqrt(mu) without noise. The noisy period is the noise-free one with this exchanged for both
folds that a fluxon passes; the rest of the period is continued below threshold as a straight line. That is within
1e-3 of the simulation for phi > 0.2 and within 7e-3 at phi = 0 (where both junctions slip nearly together); a
coarse grid of simulations supplies the difference.

What it does to training: with noise g no longer starts as a square root. The slope dg/di stays below about 4 at
4.2 K instead of diverging, and g, with its gradient, is non-zero down to about 0.05 I_c below threshold, so that
a slightly sub-threshold dendrite still learns. Far below (0.1 I_c) nothing changes: it stays silent.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim._runtime.kernel_cache import njit
from soensim.circuit._rcsj import TWO_PI
from soensim.circuit.device import Device
from soensim.circuit.solvable import (
    CURRENT_MOST,
    FLUX_MOST,
    TEMPERATURE_MOST_K,
    check_device,
    check_range,
    check_values,
    real_array,
)
from soensim.circuit.squid import period_settings, solve_row, squid_circuit
from soensim.circuit.threshold_current import fold_phases
from soensim.errors import CircuitError

Array = NDArray[np.float64]

#: Depth below threshold, in units of Gamma^(2/3), where g is negligible (below 1e-6): the table starts there.
DEPTH = 6.0
# Grid of simulations, denser near phi = 0 where the correction varies; i - i_th in units of Gamma^(2/3).
_PHI = 0.5 * np.linspace(0.0, 1.0, 10) ** 1.7
_OFFSET = np.array([-4.0, -2.5, -1.5, -0.75, 0.0, 0.75, 1.5, 3.0, 5.0, 8.0, 14.0, 25.0])
_DURATION = 2e5  # tau_0 per point: standard error at threshold 5e-4
_STEP = 0.1  # changes g by less than 1e-4
_DURATION_MOST = 1e9  # tau_0 of all points, some minutes


class _NoisySquid(NamedTuple):
    """Parameters of `_simulate`: capacitance and inductance of the loop, noise Gamma."""

    beta_c: float
    beta_sum: float
    noise: float


@njit(cache=True)
def _simulate(phi, i, squid, h, steps, rng):  # type: ignore[no-untyped-def]
    """Mean phase velocity of a symmetric SQUID: half drift, exact friction and noise, half drift (order 2)."""
    beta_c, beta_sum, noise = squid
    decay = math.exp(-h / beta_c)
    kick = math.sqrt((1.0 - decay * decay) * noise / beta_c)
    gain, half, coupling = 1.0 - decay, 0.5 * h, 1.0 / beta_sum
    d1, v1, d2, v2, start = 1.0, 0.0, 0.0, 0.0, 0.0
    settle = steps // 20
    for k in range(steps + settle):
        if k == settle:
            start = 0.5 * (d1 + d2)
        d1 += half * v1
        d2 += half * v2
        around = (TWO_PI * phi - d1 + d2) * coupling
        v1 = decay * v1 + gain * (0.5 * i + around - math.sin(d1)) + kick * rng.standard_normal()
        v2 = decay * v2 + gain * (0.5 * i - around - math.sin(d2)) + kick * rng.standard_normal()
        d1 += half * v1
        d2 += half * v2
    return (0.5 * (d1 + d2) - start) / (steps * h)


class NoisyVoltage(NamedTuple):
    """Mean voltage with thermal noise, and its standard error."""

    g: Array
    error: Array


def langevin_voltage(
    device: Device,
    phi: ArrayLike,
    i: ArrayLike,
    *,
    temperature_k: float,
    duration: float = _DURATION,
    read_seed: int = 0,
) -> NoisyVoltage:
    """Simulate the noisy SQUID, point by point, and average its voltage.

    Parameters
    ----------
    device
        The SQUID.
    phi, i
        Flux in Phi_0 and current in I_c; shapes that broadcast.
    temperature_k
        Temperature in K.
    duration
        Simulated time per point, in tau_0, in four independent parts.
    read_seed
        Seed of the noise.

    Returns
    -------
    NoisyVoltage
        g in units of I_c r_jj and its standard error, from the four parts.

    Raises
    ------
    CircuitError
        If the temperature is negative or a flux or current is not finite.
    """
    phi, i = np.broadcast_arrays(*(real_array("langevin", x, "flux and current") for x in (phi, i)))
    check_device(device)
    check_values("langevin", "the flux (Phi_0)", phi, FLUX_MOST)
    check_values("langevin", "the current (I_c)", i, CURRENT_MOST)
    check_range("langevin", "temperature_k", temperature_k, (0.0, TEMPERATURE_MOST_K))
    check_range("langevin", "duration", duration, (4.0, _DURATION_MOST))
    if not isinstance(read_seed, int | np.integer) or read_seed < 0:
        raise CircuitError(f"langevin: read_seed is {read_seed!r}; it must be a whole number, 0 or more")
    if phi.size * duration > _DURATION_MOST:
        raise CircuitError(
            f"langevin: {phi.size} points of {duration:g} tau_0 each; together they may take {_DURATION_MOST:g} tau_0"
        )
    squid = _NoisySquid(device.junction.beta_c, device.beta_sum, device.junction.thermal_noise(temperature_k))
    steps = int(duration / _STEP / 4)
    rng = np.random.default_rng(read_seed)
    parts = np.empty((phi.size, 4))
    for j, (flux, current) in enumerate(zip(phi.flat, i.flat, strict=True)):
        for k in range(4):
            parts[j, k] = _simulate(flux - device.skew * current, current, squid, _STEP, steps, rng)
    if not np.isfinite(parts).all():
        raise CircuitError("langevin: the simulation diverges: the arms are too short for its step of 0.1 tau_0")
    return NoisyVoltage(parts.mean(1).reshape(phi.shape), parts.std(1, ddof=1).reshape(phi.shape) / 2.0)


def passage_time(mu: Array, diffusion: Array | float) -> Array:
    """Mean passage time of x' = mu + x^2 + sqrt(2 D) xi from -infinity to infinity."""
    # scipy is imported where noise is asked for: it is half of this room's import time.
    from scipy.special import airy, airye

    root = np.cbrt(diffusion)
    z = -mu / root**2
    # Above the fold (z < 0) the Airy functions oscillate, below it Bi^2 grows as exp(4/3 z^1.5).
    ai, _, bi, _ = airy(np.minimum(z, 0.0))
    below = np.maximum(z, 0.0)
    ai_scaled, _, bi_scaled, _ = airye(below)
    grown = np.exp(np.minimum(4.0 / 3.0 * below**1.5, 600.0))
    squares = np.where(z > 0.0, ai_scaled**2 / grown + bi_scaled**2 * grown, ai**2 + bi**2)
    # Far above, where the oscillating functions lose digits, their asymptotic sum of squares.
    squares = np.where(z < -100.0, 1.0 / (math.pi * np.sqrt(np.maximum(-z, 1.0))), squares)
    return np.asarray(math.pi**2 / root * squares)


class _Fold(NamedTuple):
    """Coefficients of the slow motion at a fold."""

    current: Array
    rate: Array  # a q
    curvature: Array  # q


def _fold(phi: Array, beta_sum: float) -> _Fold:
    d1, d2 = fold_phases(phi, beta_sum)
    n1, n2 = np.full(phi.shape, 1.0 / beta_sum), np.cos(d1) + 1.0 / beta_sum
    norm = np.hypot(n1, n2)
    n1, n2 = n1 / norm, n2 / norm
    q = 0.5 * (n1**3 * np.sin(d1) + n2**3 * np.sin(d2))
    return _Fold(np.sin(d1) + np.sin(d2), 0.5 * (n1 + n2) * q, q)


def _rounded(device: Device, phi: Array, i: Array, noise: float) -> Array:
    """Noisy g by exchanging the passage times of both folds; phi (n,) of the symmetric SQUID, i (n, m)."""
    near, far = _fold(phi, device.beta_sum), _fold(1.0 - phi, device.beta_sum)
    # A narrow lobe ends before 1 - phi: then there is no second fold.
    far_exists = 1.0 - phi < 0.5 + device.beta_sum / TWO_PI

    def passages(current: Array, row: int, diffusion: float) -> Array:
        total = np.zeros(current.shape)
        for fold, exists in ((near, True), (far, bool(far_exists[row]))):
            if exists:
                mu = fold.rate[row] * (current - fold.current[row])
                noisy = diffusion > 0.0
                total += passage_time(mu, diffusion * fold.curvature[row] ** 2) if noisy else np.pi / np.sqrt(mu)
        return total

    g, circuit, settings = np.empty(i.shape), squid_circuit(device.symmetric), period_settings(1e-6)
    for row, flux in enumerate(phi):
        edge = near.current[row]
        above = i[row] > edge + 0.02
        # Three points just above threshold give the straight line below it.
        currents = np.concatenate([np.sort(i[row][above])[::-1], edge + np.array([0.06, 0.04, 0.02])])
        solved = np.empty(currents.size)
        for j in range(currents.size):
            solve_row(flux, currents[j : j + 1], circuit, settings, solved[j : j + 1])
        rest = TWO_PI / solved - passages(currents, row, 0.0)
        line = np.polyfit(currents[-3:] - edge, rest[-3:], 1)
        regular = np.polyval(line, i[row] - edge)
        regular[above] = np.interp(i[row][above], currents[::-1], rest[::-1])
        g[row] = TWO_PI / (regular + passages(i[row], row, noise))
    return g


def thermal_voltage(device: Device, phi: Array, i: Array, temperature_k: float) -> Array:
    """Langevin average of g: the rounded threshold, corrected by a coarse grid of simulations.

    Parameters
    ----------
    phi
        (n,) fluxes in [0, 1/2] of the symmetric SQUID, in Phi_0.
    i
        (n, m) currents in I_c.
    temperature_k
        Temperature, above 0.

    Returns
    -------
    array
        (n, m) mean voltages; standard error at most about 5e-4, at threshold.
    """
    from scipy.interpolate import RectBivariateSpline

    noise = device.junction.thermal_noise(temperature_k)
    width = noise ** (2.0 / 3.0)
    currents = _fold(_PHI, device.beta_sum).current[:, None] + width * _OFFSET
    simulated = langevin_voltage(
        device, _PHI[:, None] + device.skew * currents, currents, temperature_k=temperature_k
    ).g
    missing = simulated - _rounded(device, _PHI, currents, noise)
    # Nothing is missing at the lower end of the table.
    offsets = np.concatenate([[-DEPTH], _OFFSET])
    spline = RectBivariateSpline(_PHI, offsets, np.pad(missing, ((0, 0), (1, 0))), kx=3, ky=1)
    at = (i - _fold(phi, device.beta_sum).current[:, None]) / width
    correction = spline.ev(np.broadcast_to(phi[:, None], i.shape), np.clip(at, offsets[0], offsets[-1]))
    return np.maximum(_rounded(device, phi, i, noise) + correction, 0.0)
