"""The phenomenological dendrite, integrated finely: what the circuit is compared with.

    (beta_di + beta_p) ds/dtau = g(phi, i_b - s) - alpha s + beta_p di_b/dtau

(Shainline, Primavera, Khan, arXiv:2210.09976). This is a reference, with drives as the circuit's; networks are
stepped by `soensim.dynamics`.
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from soensim.circuit._rcsj import _hermite
from soensim.circuit.source import SourceTable, source_value
from soensim.circuit.transient import check_loop
from soensim.circuit.waveform import Drive, Waveform

# Largest step: a fraction of beta_di (slopes of g reach 10) and, on fast corners of the drive, a few tau_0. Far
# below the model's own error: halving both changes chi^2 by 2 % at most.
_STEP_PER_BETA, _STEP_MAX = 0.01, 5.0


@njit(cache=True)
def _slope(s, t, flux, dflux, bias, dbias, alpha, beta_p, inv_l, arrays):  # type: ignore[no-untyped-def]
    g = source_value(flux + t * dflux, bias + t * dbias - s, arrays)
    return inv_l * (g - alpha * s + beta_p * dbias)


@njit(cache=True)
def _integrate(knots, flux, bias, t_out, alpha, beta_p, inv_l, h_max, arrays, out):  # type: ignore[no-untyped-def]
    """Runge-Kutta steps of order 4 that end on the knots; cubic in between."""
    s, o = 0.0, 0
    for j in range(knots.size - 1):
        span = knots[j + 1] - knots[j]
        n = max(1, int(np.ceil(span / h_max)))
        h = span / n
        dflux, dbias = (flux[j + 1] - flux[j]) / span, (bias[j + 1] - bias[j]) / span
        for m in range(n):
            t = m * h
            k1 = _slope(s, t, flux[j], dflux, bias[j], dbias, alpha, beta_p, inv_l, arrays)
            k2 = _slope(s + 0.5 * h * k1, t + 0.5 * h, flux[j], dflux, bias[j], dbias, alpha, beta_p, inv_l, arrays)
            k3 = _slope(s + 0.5 * h * k2, t + 0.5 * h, flux[j], dflux, bias[j], dbias, alpha, beta_p, inv_l, arrays)
            k4 = _slope(s + h * k3, t + h, flux[j], dflux, bias[j], dbias, alpha, beta_p, inv_l, arrays)
            after = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            end = _slope(after, t + h, flux[j], dflux, bias[j], dbias, alpha, beta_p, inv_l, arrays)
            last = j == knots.size - 2 and m == n - 1
            while o < t_out.size and (t_out[o] <= knots[j] + t + h or last):
                out[o] = _hermite((t_out[o] - knots[j] - t) / h, h, s, k1, after, end)
                o += 1
            s = after


def phenomenological(
    table: SourceTable,
    *,
    t_ns: ArrayLike,
    flux: Waveform | ArrayLike,
    bias_current: Waveform | ArrayLike,
    beta_di: float,
    tau_di_ns: float,
    bias_rise_ns: float = 0.1,
) -> NDArray[np.float64]:
    """Integrate the phenomenological dendrite with the drive of `dendrite`.

    Parameters
    ----------
    table
        Source function of the SQUID.
    t_ns, flux, bias_current, beta_di, tau_di_ns, bias_rise_ns
        As for `soensim.circuit.dendrite`.

    Returns
    -------
    array
        State s at t_ns, in I_c.

    Raises
    ------
    CircuitError
        On a bad parameter or waveform.
    """
    drive = Drive.of(t_ns, flux, bias_current, bias_rise_ns)
    check_loop(beta_di, tau_di_ns)
    tau_per_ns = table.device.junction.tau_from_seconds(1e-9)
    beta_p = table.device.beta_p
    state = np.zeros(drive.t_ns.size)
    _integrate(
        drive.knots_ns * tau_per_ns,
        drive.knot_flux,
        drive.knot_bias,
        drive.t_ns * tau_per_ns,
        beta_di / (tau_di_ns * tau_per_ns),
        beta_p,
        1.0 / (beta_di + beta_p),
        min(_STEP_PER_BETA * beta_di, _STEP_MAX),
        table.arrays,
        state,
    )
    return state
