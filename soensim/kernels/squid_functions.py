"""SQUID source functions for numbers: `squid-fit`, the smooth form of a table, and their slopes.

Both are g(x, e) of a folded flux and the excess e = i - edge(x) over the threshold. A step takes the sharp g. The
backward pass takes its slopes at e = width softplus((i - edge) / width) + GUARD (`soensim.dynamics.soft_slope`):

    dg/di = g_e sigmoid((i - edge) / width),    dg/dx = g_x - edge'(x) dg/di.

Without a width, e = i - edge, and all slopes are zero where the SQUID is at rest.

Nothing is checked here: `soensim.kernels.supports` keeps currents within [0, current_max].
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.smooth import GUARD, LEAST_GAP, SmoothSquid
from soensim.dynamics.source_functions import FIT_RATE, FIT_THRESHOLD
from soensim.kernels.vector_math import exp_down, inlined, log1p_unit, pick

#: Room for the coefficients of either form.
SIZE = 98
# Coefficients of `squid-fit`, in the order in which `fit_form` reads them; `Numbers` follow.
_FIT_COEFFICIENTS = np.concatenate([FIT_THRESHOLD, np.ravel(FIT_RATE)])


@lru_cache(maxsize=64)
def squid_coefficients(form: SmoothSquid | None, width: float, dtype: type) -> Any:
    """Lay out the coefficients of a smooth form, or of `squid-fit` for None, shape (SIZE,)."""
    own = _FIT_COEFFICIENTS if form is None else _smooth_coefficients(form)
    surrogate = (width, 1 / width if width else 1.0, float(width > 0), GUARD, LEAST_GAP)
    values = np.concatenate([own, (0.0, 0.25, 0.5, 1.0, 2.0, 4.0), surrogate])
    return np.pad(values, (0, SIZE - len(values))).astype(dtype)


def _smooth_coefficients(form: SmoothSquid) -> NDArray[np.float64]:
    """Lay the coefficients out in the order in which `smooth_form` reads them, shape (87,); `Numbers` follow."""
    single = (*form.knots, form.corner, form.tangent, 2 * form.scale, form.skew)
    return np.concatenate([*form.shape, form.edge.T.ravel(), form.slope, form.shift, single])


class Numbers(NamedTuple):
    """Numbers of the type of the states: a literal would make float64 of float32."""

    zero: Any
    quarter: Any
    half: Any
    one: Any
    two: Any
    four: Any
    width: Any
    per_width: Any
    """1 / width, or 1 without a width."""
    soft: Any
    """1 with a width, 0 without."""
    guard: Any
    least_gap: Any


@inlined
def take2(a, k):  # type: ignore[no-untyped-def]
    """Elements k and k + 1 of an array, as numbers.

    Loops read coefficients from tuples: any store of the loop might change what is in an array.
    """
    return a[k], a[k + 1]


@inlined
def take3(a, k):  # type: ignore[no-untyped-def]
    """Elements k to k + 2."""
    return a[k], a[k + 1], a[k + 2]


@inlined
def take4(a, k):  # type: ignore[no-untyped-def]
    """Elements k to k + 3."""
    return a[k], a[k + 1], a[k + 2], a[k + 3]


@inlined
def numbers(a, k):  # type: ignore[no-untyped-def]
    """`Numbers` from place k on."""
    return Numbers(
        a[k], a[k + 1], a[k + 2], a[k + 3], a[k + 4], a[k + 5], a[k + 6], a[k + 7], a[k + 8], a[k + 9], a[k + 10]
    )


@inlined
def excess_and_slope(above, c):  # type: ignore[no-untyped-def]
    """Return the excess at which slopes are taken, its slope in i, and a factor that is 0 where there are none."""
    ratio = above * c.per_width
    e = exp_down(-abs(ratio))  # type: ignore[no-untyped-call]
    soft = c.width * (pick(ratio > c.zero, ratio, c.zero) + log1p_unit(e)) + c.guard  # type: ignore[no-untyped-call]
    sigmoid = pick(ratio >= c.zero, c.one, e) / (c.one + e)
    running, softened = above > c.zero, c.soft > c.zero
    sharp, live = pick(running, above, c.one), pick(running, c.one, c.zero)
    return pick(softened, soft, sharp), pick(softened, sigmoid, c.one), pick(softened, c.one, live)


class Fit(NamedTuple):
    """The coefficients as numbers."""

    threshold: Any
    row0: Any
    row1: Any
    row2: Any
    n: Numbers


@inlined
def fit_form(a):  # type: ignore[no-untyped-def]
    """Read the coefficients from an array."""
    return Fit(take4(a, 0), take3(a, 4), take3(a, 7), take3(a, 10), numbers(a, 13))


@inlined
def _fit_edge(p2, c):  # type: ignore[no-untyped-def]
    a, b, linear, square = c.threshold
    return c.n.two - a * (math.sqrt(p2 + b * b) - b) - p2 * (linear + square * p2)


@inlined
def _fit_row(row, u):  # type: ignore[no-untyped-def]
    return row[0] + u * (row[1] + u * row[2])


@inlined
def _fit_row_slope(row, u, two):  # type: ignore[no-untyped-def]
    return row[1] + two * u * row[2]


@inlined
def fit_value(phi, i, c):  # type: ignore[no-untyped-def]
    """g(phi, i)."""
    n = c.n
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _fit_edge(p2, c)
    above = i - edge
    above = pick(above <= n.zero, n.zero, above)  # nan stays nan
    u = math.sqrt(above)
    factor = _fit_row(c.row0, u) + p2 * (_fit_row(c.row1, u) + p2 * _fit_row(c.row2, u))
    return n.half * u * math.sqrt(n.two * edge + above) * factor


@inlined
def fit_slopes(phi, i, c):  # type: ignore[no-untyped-def]
    """Return (dg/dphi, dg/di)."""
    n = c.n
    a, b, linear, square = c.threshold
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _fit_edge(p2, c)
    edge_d = -d * (a / math.sqrt(p2 + b * b) + n.two * linear + n.four * square * p2)
    e, sigmoid, live = excess_and_slope(i - edge, n)
    u = math.sqrt(e)
    root = math.sqrt(n.two * edge + e)
    row1, row2 = _fit_row(c.row1, u), _fit_row(c.row2, u)
    factor = _fit_row(c.row0, u) + p2 * (row1 + p2 * row2)
    factor_u = _fit_row_slope(c.row1, u, n.two) + p2 * _fit_row_slope(c.row2, u, n.two)
    factor_u = _fit_row_slope(c.row0, u, n.two) + p2 * factor_u
    factor_d = n.two * d * (row1 + n.two * p2 * row2)
    g_e = n.quarter * (root * (factor / u + factor_u) + u * factor / root)
    g_d = n.half * u * (root * factor_d + factor * edge_d / root)
    return live * (g_d - g_e * sigmoid * edge_d), live * g_e * sigmoid


class Smooth(NamedTuple):
    """The coefficients as numbers: the rows of H, and by power of t those of the three pieces of the edge."""

    row0: Any
    row1: Any
    row2: Any
    row3: Any
    row4: Any
    row5: Any
    edge: Any
    slope: Any
    shift: Any
    knots: Any
    corner: Any
    tangent: Any
    scale: Any
    skew: Any
    n: Numbers


@inlined
def smooth_form(a):  # type: ignore[no-untyped-def]
    """Read the coefficients from an array."""
    row0 = take4(a, 0) + take4(a, 4) + take4(a, 8)
    row1 = take4(a, 12) + take4(a, 16) + take3(a, 20)
    row2 = take4(a, 23) + take3(a, 27) + take2(a, 30)
    row3 = take4(a, 32) + take3(a, 36)
    row4, row5 = take3(a, 39) + take2(a, 42), take4(a, 44)
    low = take3(a, 48), take3(a, 51), take3(a, 54), take3(a, 57)
    high = take3(a, 60), take3(a, 63), take3(a, 66), take3(a, 69), take3(a, 72)
    return Smooth(
        row0, row1, row2, row3, row4, row5, low + high, take3(a, 75), take3(a, 78), take2(a, 81),
        a[83], a[84], a[85], a[86], numbers(a, 87),
    )  # fmt: skip


@inlined
def _poly3(c, t):  # type: ignore[no-untyped-def]
    """Polynomial of degree 3; those of higher degree below."""
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]))


@inlined
def _poly6(c, t):  # type: ignore[no-untyped-def]
    return c[0] + t * (c[1] + t * (c[2] + t * _poly3(c[3:], t)))


@inlined
def _poly8(c, t):  # type: ignore[no-untyped-def]
    return c[0] + t * (c[1] + t * _poly6(c[2:], t))


@inlined
def _poly10(c, t):  # type: ignore[no-untyped-def]
    return c[0] + t * (c[1] + t * _poly8(c[2:], t))


@inlined
def _down(value, slope, t, c):  # type: ignore[no-untyped-def]
    """One stage of Horner's scheme for a polynomial and its derivative."""
    return value * t + c, slope * t + value


@inlined
def _slope3(c, t):  # type: ignore[no-untyped-def]
    """`_poly3` and its derivative; those of higher degree the same."""
    value, slope = _down(c[2] + t * c[3], c[3], t, c[1])
    return _down(value, slope, t, c[0])


@inlined
def _slope4(c, t):  # type: ignore[no-untyped-def]
    value, slope = _slope3(c[1:], t)
    return _down(value, slope, t, c[0])


@inlined
def _slope6(c, t):  # type: ignore[no-untyped-def]
    value, slope = _slope4(c[2:], t)
    value, slope = _down(value, slope, t, c[1])
    return _down(value, slope, t, c[0])


@inlined
def _slope8(c, t):  # type: ignore[no-untyped-def]
    value, slope = _slope6(c[2:], t)
    value, slope = _down(value, slope, t, c[1])
    return _down(value, slope, t, c[0])


@inlined
def _slope10(c, t):  # type: ignore[no-untyped-def]
    value, slope = _slope8(c[2:], t)
    value, slope = _down(value, slope, t, c[1])
    return _down(value, slope, t, c[0])


@inlined
def _slope11(c, t):  # type: ignore[no-untyped-def]
    value, slope = _slope10(c[1:], t)
    return _down(value, slope, t, c[0])


@inlined
def _piece(x, c, three):  # type: ignore[no-untyped-def]
    """Pick the number of the piece that x lies in."""
    return pick(x < c.knots[0], three[0], pick(x < c.knots[1], three[1], three[2]))


@inlined
def _edge_row(x, c):  # type: ignore[no-untyped-def]
    """Coefficients of the piece of the edge that x lies in."""
    e = c.edge
    low = _piece(x, c, e[0]), _piece(x, c, e[1]), _piece(x, c, e[2]), _piece(x, c, e[3])
    high = _piece(x, c, e[4]), _piece(x, c, e[5]), _piece(x, c, e[6]), _piece(x, c, e[7]), _piece(x, c, e[8])
    return low + high


@inlined
def smooth_value(phi, i, c):  # type: ignore[no-untyped-def]
    """g(phi, i)."""
    n = c.n
    x = phi - c.skew * i
    x = abs(x - np.rint(x))
    edge = _poly8(_edge_row(x, c), _piece(x, c, c.slope) * x + _piece(x, c, c.shift))
    above = i - edge
    above = pick(above <= n.zero, n.zero, above)  # nan stays nan
    gap = edge - c.corner - c.tangent * (n.half - x)
    gap = pick(gap < n.least_gap, n.least_gap, gap)
    w_a, w_b = math.sqrt(above), math.sqrt(above + gap)
    t, v = n.four * x - n.one, c.scale * w_a - n.one
    high = _poly6(c.row3, t) + v * (c.row4[0] + t * _poly3(c.row4[1:], t) + v * _poly3(c.row5, t))
    low = c.row0[0] + t * _poly10(c.row0[1:], t)
    h = low + v * (_poly10(c.row1, t) + v * (_poly8(c.row2, t) + v * high))
    return h * w_a * w_b / (w_a + w_b)


@inlined
def smooth_slopes(phi, i, c):  # type: ignore[no-untyped-def]
    """Return (dg/dphi, dg/di)."""
    n = c.n
    d = phi - c.skew * i
    d -= np.rint(d)
    side = pick(d > n.zero, n.one, pick(d < n.zero, -n.one, n.zero))
    x = abs(d)
    per_x = _piece(x, c, c.slope)
    edge, edge_x = _slope8(_edge_row(x, c), per_x * x + _piece(x, c, c.shift))
    edge_x = edge_x * per_x
    e, sigmoid, live = excess_and_slope(i - edge, n)
    gap = edge - c.corner - c.tangent * (n.half - x)
    gap_x = edge_x + c.tangent
    closed = gap < n.least_gap
    gap, gap_x = pick(closed, n.least_gap, gap), pick(closed, n.zero, gap_x)
    w_a, w_b = math.sqrt(e), math.sqrt(e + gap)
    t, v = n.four * x - n.one, c.scale * w_a - n.one

    h, h_t = _slope3(c.row5, t)
    h_v = h
    row, row_t = _slope4(c.row4, t)
    h, h_t = h * v + row, h_t * v + row_t
    row, row_t = _slope6(c.row3, t)
    h_v, h, h_t = h_v * v + h, h * v + row, h_t * v + row_t
    row, row_t = _slope8(c.row2, t)
    h_v, h, h_t = h_v * v + h, h * v + row, h_t * v + row_t
    row, row_t = _slope10(c.row1, t)
    h_v, h, h_t = h_v * v + h, h * v + row, h_t * v + row_t
    row, row_t = _slope11(c.row0, t)
    h_v, h, h_t = h_v * v + h, h * v + row, h_t * v + row_t

    # the mean m = 1 / (1/w_a + 1/w_b); m_a and m_b are its slopes in w_a^2 and w_b^2. One division serves all.
    both, product = w_a + w_b, w_a * w_b
    inverse = n.one / (both * product)
    mean = product * product * inverse
    ratio_a, ratio_b = w_b * product * inverse, w_a * product * inverse  # w_b / (w_a + w_b), and the other one
    per_a, per_b = w_b * both * inverse, w_a * both * inverse  # 1 / w_a and 1 / w_b
    m_a, m_b = n.half * ratio_a * ratio_a * per_a, n.half * ratio_b * ratio_b * per_b
    g_e = h_v * c.scale * n.half * per_a * mean + h * (m_a + m_b)
    g_x = n.four * h_t * mean + h * m_b * gap_x
    g_i = live * g_e * sigmoid
    g_phi = side * (live * g_x - g_i * edge_x)
    return g_phi, g_i - c.skew * g_phi
