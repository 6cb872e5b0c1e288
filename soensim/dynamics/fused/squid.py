"""SQUID source functions in the time loop: `squid-fit`, and the smooth form of a table, with their slopes.

Both are g(x, e) of a folded flux and the excess e = i - edge(x) over the threshold. A step takes the sharp g. The way
back takes its slopes at e = width softplus((i - edge) / width) + GUARD (`soensim.dynamics.soft_slope`):

    dg/di = g_e sigmoid((i - edge) / width),    dg/dx = g_x - edge'(x) dg/di.

Without a width, e = i - edge, and all slopes are zero where the SQUID is at rest.

A step checks nothing: `soensim.dynamics.fused.supports` keeps currents within [0, current_max].
"""

import math

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple
from numpy.typing import NDArray

from soensim.dynamics.fused.block import ROWS
from soensim.dynamics.fused.elementary import FLAGS, exp_down, log1p_unit
from soensim.dynamics.smooth import GUARD, LEAST_GAP, SmoothSquid
from soensim.dynamics.source import FIT_RATE, FIT_THRESHOLD

Float64 = NDArray[np.float64]

SQUID_FIT, SQUID = 3, 4

# Places in the tuple of coefficients. Tuples live in registers or on the stack: no store can change them, so that
# loops over them become vector instructions, which those over an array do not. The same for numbers: a literal would
# make float64 of float32.
_EDGE, _LINES, _KNOT, _CORNER, _TANGENT, _SCALE, _SKEW = 72, 99, 105, 107, 108, 109, 110
_WIDTH, _INVERSE, _SOFT, _GUARD, _LEAST_GAP, _ZERO, _QUARTER, _HALF, _ONE, _TWO, _FOUR = range(111, 122)
_SIZE = 122


def coefficients(form: SmoothSquid | None, width: float) -> Float64:
    """Lay out the coefficients of a smooth form, or of `squid-fit` for None, shape (122,)."""
    if form is None:
        own = [FIT_THRESHOLD, *FIT_RATE, np.zeros(_WIDTH - 13)]
    else:
        lines = np.stack([form.slope, form.shift], 1)
        own = [form.shape, form.edge, lines, form.knots, (form.corner, form.tangent, 2 * form.scale, form.skew)]
    surrogate = (width, 1 / width if width else 1.0, float(width > 0), GUARD, LEAST_GAP)
    return np.concatenate([np.ravel(part) for part in (*own, surrogate, (0.0, 0.25, 0.5, 1.0, 2.0, 4.0))])


@njit(cache=True)
def as_tuple(coefs):  # type: ignore[no-untyped-def]
    """Return the coefficients as a tuple."""
    return to_fixed_tuple(coefs, _SIZE)


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def advance_squid(kind, flux, state, new, first, last, retention, gain, bias, c):  # type: ignore[no-untyped-def]
    """Take a step, new = retention s + gain g(phi, i_b - s), of neurons ``first`` to ``last``."""
    for n in range(first, last):
        keep, drive, bias_current = retention[n], gain[n], bias[n]
        if kind == SQUID_FIT:
            for r in range(ROWS):
                g = _fit_value(flux[n, r], bias_current - state[n, r], c)
                new[n, r] = keep * state[n, r] + drive * g
        else:
            for r in range(ROWS):
                g = _smooth_value(flux[n, r], bias_current - state[n, r], c)
                new[n, r] = keep * state[n, r] + drive * g


@njit(cache=True, fastmath=FLAGS, error_model="numpy")
def retreat_squid(  # type: ignore[no-untyped-def]
    kind, flux, state, adjoint, by_flux, carry, first, last, retention, gain, bias, c
):
    """Go back over a step: from dL/d new to dL/dphi, and what of it reaches the old state directly."""
    for n in range(first, last):
        keep, drive, bias_current = retention[n], gain[n], bias[n]
        if kind == SQUID_FIT:
            for r in range(ROWS):
                g_phi, g_i = _fit_slopes(flux[n, r], bias_current - state[n, r], c)
                by_flux[n, r] = drive * adjoint[n, r] * g_phi
                carry[n, r] = (keep - drive * g_i) * adjoint[n, r]
        else:
            for r in range(ROWS):
                g_phi, g_i = _smooth_slopes(flux[n, r], bias_current - state[n, r], c)
                by_flux[n, r] = drive * adjoint[n, r] * g_phi
                carry[n, r] = (keep - drive * g_i) * adjoint[n, r]


_inlined = njit(fastmath=FLAGS, error_model="numpy", forceinline=True)


@_inlined
def _excess(above, c):  # type: ignore[no-untyped-def]
    """Return the excess at which slopes are taken, its slope in i, and a factor that is 0 where there are none."""
    zero, one = c[_ZERO], c[_ONE]
    ratio = above * c[_INVERSE]
    e = exp_down(-abs(ratio))
    soft = c[_WIDTH] * ((ratio if ratio > zero else zero) + log1p_unit(e)) + c[_GUARD]
    sigmoid = (one if ratio >= zero else e) / (one + e)
    running = above > zero
    if c[_SOFT] > zero:
        return soft, sigmoid, one
    return (above if running else one), one, (one if running else zero)


# --- squid-fit: `soensim.dynamics.source` ----------------------------------------------------------------------------


@_inlined
def _fit_edge(p2, c):  # type: ignore[no-untyped-def]
    return c[_TWO] - c[0] * (math.sqrt(p2 + c[1] * c[1]) - c[1]) - p2 * (c[2] + c[3] * p2)


@_inlined
def _fit_value(phi, i, c):  # type: ignore[no-untyped-def]
    zero = c[_ZERO]
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _fit_edge(p2, c)
    above = i - edge
    above = zero if above <= zero else above  # nan stays nan
    u = math.sqrt(above)
    factor = c[4] + u * (c[5] + u * c[6])
    factor += p2 * ((c[7] + u * (c[8] + u * c[9])) + p2 * (c[10] + u * (c[11] + u * c[12])))
    return c[_HALF] * u * math.sqrt(c[_TWO] * edge + above) * factor


@_inlined
def _fit_slopes(phi, i, c):  # type: ignore[no-untyped-def]
    """Return (dg/dphi, dg/di)."""
    half, two = c[_HALF], c[_TWO]
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _fit_edge(p2, c)
    edge_d = -d * (c[0] / math.sqrt(p2 + c[1] * c[1]) + two * c[2] + c[_FOUR] * c[3] * p2)
    e, sigmoid, live = _excess(i - edge, c)
    u = math.sqrt(e)
    root = math.sqrt(two * edge + e)
    row1, row2 = c[7] + u * (c[8] + u * c[9]), c[10] + u * (c[11] + u * c[12])
    factor = c[4] + u * (c[5] + u * c[6]) + p2 * (row1 + p2 * row2)
    factor_u = c[5] + two * u * c[6] + p2 * (c[8] + two * u * c[9] + p2 * (c[11] + two * u * c[12]))
    factor_d = two * d * (row1 + two * p2 * row2)
    g_e = c[_QUARTER] * (root * (factor / u + factor_u) + u * factor / root)
    g_d = half * u * (root * factor_d + factor * edge_d / root)
    return live * (g_d - g_e * sigmoid * edge_d), live * g_e * sigmoid


# --- squid: `soensim.dynamics.smooth` --------------------------------------------------------------------------------


@_inlined
def _row(c, k, t):  # type: ignore[no-untyped-def]
    """Row of H: a polynomial of degree 11."""
    high = c[k + 6] + t * (c[k + 7] + t * (c[k + 8] + t * (c[k + 9] + t * (c[k + 10] + t * c[k + 11]))))
    return c[k] + t * (c[k + 1] + t * (c[k + 2] + t * (c[k + 3] + t * (c[k + 4] + t * (c[k + 5] + t * high)))))


@_inlined
def _down(value, slope, t, c):  # type: ignore[no-untyped-def]
    """One stage of Horner's scheme for a polynomial and its derivative."""
    return value * t + c, slope * t + value


@_inlined
def _row_slope(c, k, t):  # type: ignore[no-untyped-def]
    value, slope = c[k + 10] + t * c[k + 11], c[k + 11]
    value, slope = _down(value, slope, t, c[k + 9])
    value, slope = _down(value, slope, t, c[k + 8])
    value, slope = _down(value, slope, t, c[k + 7])
    value, slope = _down(value, slope, t, c[k + 6])
    value, slope = _down(value, slope, t, c[k + 5])
    value, slope = _down(value, slope, t, c[k + 4])
    value, slope = _down(value, slope, t, c[k + 3])
    value, slope = _down(value, slope, t, c[k + 2])
    value, slope = _down(value, slope, t, c[k + 1])
    return _down(value, slope, t, c[k])


@_inlined
def _piece(x, c, k, stride):  # type: ignore[no-untyped-def]
    """Pick the coefficient of the piece that x lies in."""
    return c[k] if x < c[_KNOT] else (c[k + stride] if x < c[_KNOT + 1] else c[k + 2 * stride])


@_inlined
def _edge(x, c):  # type: ignore[no-untyped-def]
    t = _piece(x, c, _LINES, 2) * x + _piece(x, c, _LINES + 1, 2)
    high = _piece(x, c, _EDGE + 7, 9) + t * _piece(x, c, _EDGE + 8, 9)
    high = _piece(x, c, _EDGE + 5, 9) + t * (_piece(x, c, _EDGE + 6, 9) + t * high)
    high = _piece(x, c, _EDGE + 3, 9) + t * (_piece(x, c, _EDGE + 4, 9) + t * high)
    high = _piece(x, c, _EDGE + 1, 9) + t * (_piece(x, c, _EDGE + 2, 9) + t * high)
    return _piece(x, c, _EDGE, 9) + t * high


@_inlined
def _edge_slope(x, c):  # type: ignore[no-untyped-def]
    per_x = _piece(x, c, _LINES, 2)
    t = per_x * x + _piece(x, c, _LINES + 1, 2)
    slope = _piece(x, c, _EDGE + 8, 9)
    value = _piece(x, c, _EDGE + 7, 9) + t * slope
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 6, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 5, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 4, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 3, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 2, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE + 1, 9))
    value, slope = _down(value, slope, t, _piece(x, c, _EDGE, 9))
    return value, slope * per_x


@_inlined
def _smooth_value(phi, i, c):  # type: ignore[no-untyped-def]
    zero, one = c[_ZERO], c[_ONE]
    x = phi - c[_SKEW] * i
    x = abs(x - np.rint(x))
    edge = _edge(x, c)
    above = i - edge
    above = zero if above <= zero else above  # nan stays nan
    gap = edge - c[_CORNER] - c[_TANGENT] * (c[_HALF] - x)
    gap = c[_LEAST_GAP] if gap < c[_LEAST_GAP] else gap
    w_a, w_b = math.sqrt(above), math.sqrt(above + gap)
    t, v = c[_FOUR] * x - one, c[_SCALE] * w_a - one
    high = _row(c, 36, t) + v * (_row(c, 48, t) + v * _row(c, 60, t))
    h = _row(c, 0, t) + v * (_row(c, 12, t) + v * (_row(c, 24, t) + v * high))
    return h * w_a * w_b / (w_a + w_b)


@_inlined
def _smooth_slopes(phi, i, c):  # type: ignore[no-untyped-def]
    """Return (dg/dphi, dg/di)."""
    zero, half, one = c[_ZERO], c[_HALF], c[_ONE]
    d = phi - c[_SKEW] * i
    d -= np.rint(d)
    side = (one if d > zero else -one) if d != zero else zero
    x = abs(d)
    edge, edge_x = _edge_slope(x, c)
    e, sigmoid, live = _excess(i - edge, c)
    gap = edge - c[_CORNER] - c[_TANGENT] * (half - x)
    open_gap = gap >= c[_LEAST_GAP]
    gap, gap_x = (gap, edge_x + c[_TANGENT]) if open_gap else (c[_LEAST_GAP], zero)
    w_a, w_b = math.sqrt(e), math.sqrt(e + gap)
    t, v = c[_FOUR] * x - one, c[_SCALE] * w_a - one

    h, h_t = _row_slope(c, 60, t)
    h_v = h
    row, row_t = _row_slope(c, 48, t)
    h, h_t = h * v + row, h_t * v + row_t
    h_v, row_3 = h_v * v + h, _row_slope(c, 36, t)
    h, h_t = h * v + row_3[0], h_t * v + row_3[1]
    h_v, row_2 = h_v * v + h, _row_slope(c, 24, t)
    h, h_t = h * v + row_2[0], h_t * v + row_2[1]
    h_v, row_1 = h_v * v + h, _row_slope(c, 12, t)
    h, h_t = h * v + row_1[0], h_t * v + row_1[1]
    h_v, row_0 = h_v * v + h, _row_slope(c, 0, t)
    h, h_t = h * v + row_0[0], h_t * v + row_0[1]

    # the mean m = 1 / (1/w_a + 1/w_b): m_a and m_b are its slopes in w_a^2 and w_b^2
    inverse = one / (w_a + w_b)
    mean = w_a * w_b * inverse
    m_a = half * w_b * w_b * inverse * inverse / w_a
    m_b = half * w_a * w_a * inverse * inverse / w_b
    g_e = h_v * c[_SCALE] * half / w_a * mean + h * (m_a + m_b)
    g_x = c[_FOUR] * h_t * mean + h * m_b * gap_x
    by_i = live * g_e * sigmoid
    by_phi = side * (live * g_x - by_i * edge_x)
    return by_phi, by_i - c[_SKEW] * by_phi
