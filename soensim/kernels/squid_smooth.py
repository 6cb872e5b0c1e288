"""The smooth form of a SQUID (`soensim.dynamics.smooth`) for numbers: g, and its slopes."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.smooth import SmoothSquid
from soensim.kernels.surrogate import Numbers, excess_and_slope, inlined, numbers, take2, take3, take4


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


def smooth_coefficients(form: SmoothSquid) -> NDArray[np.float64]:
    """Lay the coefficients out in the order in which `smooth_form` reads them, shape (87,); `Numbers` follow."""
    single = (*form.knots, form.corner, form.tangent, 2 * form.scale, form.skew)
    return np.concatenate([*form.shape, form.edge.T.ravel(), form.slope, form.shift, single])


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
    return three[0] if x < c.knots[0] else (three[1] if x < c.knots[1] else three[2])


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
    above = n.zero if above <= n.zero else above  # nan stays nan
    gap = edge - c.corner - c.tangent * (n.half - x)
    gap = n.least_gap if gap < n.least_gap else gap
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
    side = (n.one if d > n.zero else -n.one) if d != n.zero else n.zero
    x = abs(d)
    per_x = _piece(x, c, c.slope)
    edge, edge_x = _slope8(_edge_row(x, c), per_x * x + _piece(x, c, c.shift))
    edge_x = edge_x * per_x
    e, sigmoid, live = excess_and_slope(i - edge, n)
    gap = edge - c.corner - c.tangent * (n.half - x)
    gap_x = edge_x + c.tangent
    gap, gap_x = (n.least_gap, n.zero) if gap < n.least_gap else (gap, gap_x)
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
    by_i = live * g_e * sigmoid
    by_phi = side * (live * g_x - by_i * edge_x)
    return by_phi, by_i - c.skew * by_phi
