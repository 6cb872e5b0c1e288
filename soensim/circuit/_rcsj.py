"""Numba kernels of the circuit: right-hand side, one Runge-Kutta step, the running period, the transient.

State y = (d1, v1, d2, v2, s): junction phases, phase velocities, loop current. The circuit is that of
docs/physics.md:

    beta_c d1'' + d1' + sin d1 = i1        beta_c d2'' + d2' + sin d2 = i2        i1 + i2 = i_b - s
    d1 - d2 + beta_1 i1 - beta_2 i2 = 2 pi phi        beta_p = beta_1 beta_2 / (beta_1 + beta_2)
    (beta_di + beta_p) s' = (beta_2 d1' + beta_1 d2') / (beta_1 + beta_2) - alpha s + beta_p i_b'

The mean phase D = (beta_2 d1 + beta_1 d2) / (beta_1 + beta_2) grows by 2 pi per fluxon.

Steps are those of Dormand and Prince, J. Comput. Appl. Math. 6, 19 (1980), order 5(4).
"""

import math

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit

TWO_PI = 2.0 * math.pi

# Parameters of a circuit as one flat array (numba compiles one signature): see `pack`.
_BETA_C, _BETA_1, _BETA_2, _INV_L, _ALPHA = 0, 1, 2, 3, 4


def pack(beta_c: float, beta_1: float, beta_2: float, beta_di: float, alpha: float) -> NDArray[np.float64]:
    """Kernel parameters; beta_di = inf disconnects the integration loop."""
    beta_p = beta_1 * beta_2 / (beta_1 + beta_2)
    return np.array([beta_c, beta_1, beta_2, 1.0 / (beta_di + beta_p), alpha])


@njit(cache=True, inline="always")
def _slope(d1, v1, d2, v2, s, flux, bias, bias_slope, p):  # type: ignore[no-untyped-def]
    """Right-hand side; `flux` and `bias` are instantaneous values."""
    beta_1, beta_2 = p[1], p[2]
    inv_sum = 1.0 / (beta_1 + beta_2)
    current = bias - s
    i1 = (TWO_PI * flux - d1 + d2 + beta_2 * current) * inv_sum
    i2 = current - i1
    inv_c = 1.0 / p[0]
    a1 = (i1 - v1 - math.sin(d1)) * inv_c
    a2 = (i2 - v2 - math.sin(d2)) * inv_c
    ds = p[3] * ((beta_2 * v1 + beta_1 * v2) * inv_sum - p[4] * s + beta_1 * beta_2 * inv_sum * bias_slope)
    return v1, a1, v2, a2, ds


@njit(cache=True)
def step(y, k1, h, flux, dflux, bias, dbias, p, out, k_out):  # type: ignore[no-untyped-def]
    """One Dormand-Prince step from y (with slope k1) to out (with slope k_out); returns the error estimate.

    `flux`, `bias` are the values at the start, `dflux`, `dbias` their constant slopes over the step. The
    estimate is the largest absolute error over the junction phases and velocities and 10^2 times that of s,
    whose increments are that much smaller.
    """
    y0, y1, y2, y3, y4 = y[0], y[1], y[2], y[3], y[4]
    a0, a1, a2, a3, a4 = k1[0], k1[1], k1[2], k1[3], k1[4]
    c = h / 5.0
    b0, b1, b2, b3, b4 = _slope(
        y0 + c * a0,
        y1 + c * a1,
        y2 + c * a2,
        y3 + c * a3,
        y4 + c * a4,
        flux + c * dflux,
        bias + c * dbias,
        dbias,
        p,
    )
    c = h * 3.0 / 10.0
    w1, w2 = h * 3.0 / 40.0, h * 9.0 / 40.0
    c0, c1, c2, c3, c4 = _slope(
        y0 + w1 * a0 + w2 * b0, y1 + w1 * a1 + w2 * b1, y2 + w1 * a2 + w2 * b2, y3 + w1 * a3 + w2 * b3,
        y4 + w1 * a4 + w2 * b4, flux + c * dflux, bias + c * dbias, dbias, p,
    )  # fmt: skip
    c = h * 4.0 / 5.0
    w1, w2, w3 = h * 44.0 / 45.0, -h * 56.0 / 15.0, h * 32.0 / 9.0
    d0, d1, d2, d3, d4 = _slope(
        y0 + w1 * a0 + w2 * b0 + w3 * c0, y1 + w1 * a1 + w2 * b1 + w3 * c1, y2 + w1 * a2 + w2 * b2 + w3 * c2,
        y3 + w1 * a3 + w2 * b3 + w3 * c3, y4 + w1 * a4 + w2 * b4 + w3 * c4,
        flux + c * dflux, bias + c * dbias, dbias, p,
    )  # fmt: skip
    c = h * 8.0 / 9.0
    w1, w2, w3, w4 = h * 19372.0 / 6561.0, -h * 25360.0 / 2187.0, h * 64448.0 / 6561.0, -h * 212.0 / 729.0
    e0, e1, e2, e3, e4 = _slope(
        y0 + w1 * a0 + w2 * b0 + w3 * c0 + w4 * d0, y1 + w1 * a1 + w2 * b1 + w3 * c1 + w4 * d1,
        y2 + w1 * a2 + w2 * b2 + w3 * c2 + w4 * d2, y3 + w1 * a3 + w2 * b3 + w3 * c3 + w4 * d3,
        y4 + w1 * a4 + w2 * b4 + w3 * c4 + w4 * d4, flux + c * dflux, bias + c * dbias, dbias, p,
    )  # fmt: skip
    w1, w2, w3 = h * 9017.0 / 3168.0, -h * 355.0 / 33.0, h * 46732.0 / 5247.0
    w4, w5 = h * 49.0 / 176.0, -h * 5103.0 / 18656.0
    f0, f1, f2, f3, f4 = _slope(
        y0 + w1 * a0 + w2 * b0 + w3 * c0 + w4 * d0 + w5 * e0, y1 + w1 * a1 + w2 * b1 + w3 * c1 + w4 * d1 + w5 * e1,
        y2 + w1 * a2 + w2 * b2 + w3 * c2 + w4 * d2 + w5 * e2, y3 + w1 * a3 + w2 * b3 + w3 * c3 + w4 * d3 + w5 * e3,
        y4 + w1 * a4 + w2 * b4 + w3 * c4 + w4 * d4 + w5 * e4, flux + h * dflux, bias + h * dbias, dbias, p,
    )  # fmt: skip
    w1, w3, w4 = h * 35.0 / 384.0, h * 500.0 / 1113.0, h * 125.0 / 192.0
    w5, w6 = -h * 2187.0 / 6784.0, h * 11.0 / 84.0
    z0 = y0 + w1 * a0 + w3 * c0 + w4 * d0 + w5 * e0 + w6 * f0
    z1 = y1 + w1 * a1 + w3 * c1 + w4 * d1 + w5 * e1 + w6 * f1
    z2 = y2 + w1 * a2 + w3 * c2 + w4 * d2 + w5 * e2 + w6 * f2
    z3 = y3 + w1 * a3 + w3 * c3 + w4 * d3 + w5 * e3 + w6 * f3
    z4 = y4 + w1 * a4 + w3 * c4 + w4 * d4 + w5 * e4 + w6 * f4
    g0, g1, g2, g3, g4 = _slope(z0, z1, z2, z3, z4, flux + h * dflux, bias + h * dbias, dbias, p)
    out[0], out[1], out[2], out[3], out[4] = z0, z1, z2, z3, z4
    k_out[0], k_out[1], k_out[2], k_out[3], k_out[4] = g0, g1, g2, g3, g4
    # Difference between the solutions of order 5 and 4.
    w1, w3, w4 = h * 71.0 / 57600.0, -h * 71.0 / 16695.0, h * 71.0 / 1920.0
    w5, w6, w7 = -h * 17253.0 / 339200.0, h * 22.0 / 525.0, -h / 40.0
    r0 = w1 * a0 + w3 * c0 + w4 * d0 + w5 * e0 + w6 * f0 + w7 * g0
    r1 = w1 * a1 + w3 * c1 + w4 * d1 + w5 * e1 + w6 * f1 + w7 * g1
    r2 = w1 * a2 + w3 * c2 + w4 * d2 + w5 * e2 + w6 * f2 + w7 * g2
    r3 = w1 * a3 + w3 * c3 + w4 * d3 + w5 * e3 + w6 * f3 + w7 * g3
    r4 = 100.0 * (w1 * a4 + w3 * c4 + w4 * d4 + w5 * e4 + w6 * f4 + w7 * g4)
    return max(abs(r0), abs(r1), abs(r2), abs(r3), abs(r4))


@njit(cache=True)
def first_slope(y, flux, bias, bias_slope, p, k):  # type: ignore[no-untyped-def]
    """Slope at the start of a smooth segment."""
    k[0], k[1], k[2], k[3], k[4] = _slope(y[0], y[1], y[2], y[3], y[4], flux, bias, bias_slope, p)


@njit(cache=True)
def running_period(y, flux, current, p, tolerance, settle, max_time, periods):  # type: ignore[no-untyped-def]
    """Mean period of the running state at constant flux and current, by timing the mean phase.

    The mean phase is timed at D = 3 pi / 2 (mod 2 pi), where the SQUID runs fastest and no bottleneck is near.
    The section's crossing is found by repeating the step with another size until D is met (secant). The orbit
    has settled when two successive periods agree to `settle`; else the mean over `periods` periods counts.

    Parameters
    ----------
    y
        Start; overwritten by the state at the section, which is a warm start for a neighbouring point.

    Returns
    -------
    float
        Period in tau_0; 0.0 if the phase does not advance within `max_time` (no running state).
    """
    k, out, k_out = np.empty(5), np.empty(5), np.empty(5)
    weight_1, weight_2 = p[2] / (p[1] + p[2]), p[1] / (p[1] + p[2])
    first_slope(y, flux, current, 0.0, p, k)
    phase = weight_1 * y[0] + weight_2 * y[2]
    target = 1.5 * math.pi + TWO_PI * math.floor((phase - 1.5 * math.pi) / TWO_PI + 1.0 + 1e-9)
    h, t, t_cross, count, last, total = 0.1, 0.0, 0.0, 0, 0.0, 0.0
    while t - t_cross < max_time:
        error = step(y, k, h, flux, 0.0, current, 0.0, p, out, k_out)
        factor = 0.9 * (tolerance / (error + 1e-300)) ** 0.2
        if error > tolerance:
            h *= max(0.2, factor)
            continue
        after = weight_1 * out[0] + weight_2 * out[2]
        if after < target:
            t += h
            phase = after
            y[:] = out
            k[:] = k_out
            h = min(h * min(4.0, factor), 1.0)
            continue
        # The section lies inside this step: find the step size that ends on it.
        low, low_gap, high, high_gap = 0.0, phase - target, h, after - target
        part = h
        for _ in range(20):
            if abs(high_gap) < 1e-12 or high - low < 1e-13:
                break
            velocity = weight_1 * k_out[0] + weight_2 * k_out[2]
            part = high - high_gap / velocity if velocity > 0.0 else 0.5 * (low + high)
            if not low < part < high:
                part = low - low_gap * (high - low) / (high_gap - low_gap)
            step(y, k, part, flux, 0.0, current, 0.0, p, out, k_out)
            gap = weight_1 * out[0] + weight_2 * out[2] - target
            if gap < 0.0:
                low, low_gap = part, gap
                if gap > -1e-12:
                    break
            else:
                high, high_gap = part, gap
        t += part
        y[:] = out
        k[:] = k_out
        phase = target
        target += TWO_PI
        if count > 0:
            period = t - t_cross
            # The first period carries the transient.
            if count > 1 and abs(period - last) < settle * period:
                shift = TWO_PI * math.floor(phase / TWO_PI)
                y[0] -= shift
                y[2] -= shift
                return period
            if count > periods:
                total += period
            last = period
        if count == 2 * periods:
            return total / periods
        t_cross = t
        count += 1
    return 0.0


@njit(cache=True)
def _hermite(x, h, y0, k0, y1, k1):  # type: ignore[no-untyped-def]
    """Cubic through both ends of a step with their slopes, at the fraction x of the step."""
    z = 1.0 - x
    return z * z * ((1.0 + 2.0 * x) * y0 + x * h * k0) + x * x * ((3.0 - 2.0 * x) * y1 - z * h * k1)


@njit(cache=True)
def transient(y, knot_t, knot_flux, knot_bias, t_out, p, tolerance, state, phase, energy):  # type: ignore[no-untyped-def]
    """Integrate the circuit through piecewise-linear flux and bias; record at the times t_out.

    Parameters
    ----------
    y
        State at knot_t[0]; overwritten.
    knot_t, knot_flux, knot_bias
        The waveforms; steps end on every knot, so that each step sees smooth forcing.
    t_out
        Increasing times inside [knot_t[0], knot_t[-1]].
    state, phase, energy
        Filled with s, the mean phase D and the supply's work int i_b V_tap dtau, where
        V_tap = D' + beta_p (i_b - s)'.

    Returns
    -------
    int
        Number of steps taken; negative if the step size fell below 1e-9 (the state diverges).
    """
    k, out, k_out = np.empty(5), np.empty(5), np.empty(5)
    weight_1, weight_2 = p[2] / (p[1] + p[2]), p[1] / (p[1] + p[2])
    beta_p = p[1] * p[2] / (p[1] + p[2])
    h, steps, o, work = 0.05, 0, 0, 0.0
    n_out = t_out.size
    for j in range(knot_t.size - 1):
        t0, t1 = knot_t[j], knot_t[j + 1]
        dflux = (knot_flux[j + 1] - knot_flux[j]) / (t1 - t0)
        dbias = (knot_bias[j + 1] - knot_bias[j]) / (t1 - t0)
        t = t0
        first_slope(y, knot_flux[j], knot_bias[j], dbias, p, k)
        while t < t1:
            last = t + h >= t1 - 1e-9
            size = t1 - t if last else h
            bias = knot_bias[j] + (t - t0) * dbias
            error = step(y, k, size, knot_flux[j] + (t - t0) * dflux, dflux, bias, dbias, p, out, k_out)
            factor = 0.9 * (tolerance / (error + 1e-300)) ** 0.2
            if not error <= tolerance:
                h = size * max(0.2, factor if factor == factor else 0.2)
                if h < 1e-9:
                    return -1
                continue
            steps += 1
            end = t1 if last else t + size
            phase_0 = weight_1 * y[0] + weight_2 * y[2]
            phase_1 = weight_1 * out[0] + weight_2 * out[2]
            while o < n_out and t_out[o] <= end:
                x = (t_out[o] - t) / size
                s = _hermite(x, size, y[4], k[4], out[4], k_out[4])
                d = _hermite(
                    x,
                    size,
                    phase_0,
                    weight_1 * k[0] + weight_2 * k[2],
                    phase_1,
                    weight_1 * k_out[0] + weight_2 * k_out[2],
                )
                state[o], phase[o] = s, d
                here = dbias * (t_out[o] - t)
                energy[o] = work + (bias + 0.5 * here) * (d - phase_0 + beta_p * (here - (s - y[4])))
                o += 1
            rise = dbias * size
            work += (bias + 0.5 * rise) * (phase_1 - phase_0 + beta_p * (rise - (out[4] - y[4])))
            y[:] = out
            k[:] = k_out
            t = end
            if not last or factor < 1.0:
                h = size * min(4.0, factor)
    return steps
