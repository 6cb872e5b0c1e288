"""`squid-fit` (`soensim.dynamics.source_functions`) for numbers: g, and its slopes."""

import math
from typing import Any, NamedTuple

import numpy as np

from soensim.dynamics.source_functions import FIT_RATE, FIT_THRESHOLD
from soensim.kernels.surrogate import Numbers, excess_and_slope, inlined, numbers, take3, take4

#: Its coefficients, in the order in which `fit_form` reads them; `Numbers` follow.
FIT_COEFFICIENTS = np.concatenate([FIT_THRESHOLD, np.ravel(FIT_RATE)])


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
def _edge(p2, c):  # type: ignore[no-untyped-def]
    a, b, linear, square = c.threshold
    return c.n.two - a * (math.sqrt(p2 + b * b) - b) - p2 * (linear + square * p2)


@inlined
def _row(row, u):  # type: ignore[no-untyped-def]
    return row[0] + u * (row[1] + u * row[2])


@inlined
def _row_slope(row, u, two):  # type: ignore[no-untyped-def]
    return row[1] + two * u * row[2]


@inlined
def fit_value(phi, i, c):  # type: ignore[no-untyped-def]
    """g(phi, i)."""
    n = c.n
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _edge(p2, c)
    above = i - edge
    above = n.zero if above <= n.zero else above  # nan stays nan
    u = math.sqrt(above)
    factor = _row(c.row0, u) + p2 * (_row(c.row1, u) + p2 * _row(c.row2, u))
    return n.half * u * math.sqrt(n.two * edge + above) * factor


@inlined
def fit_slopes(phi, i, c):  # type: ignore[no-untyped-def]
    """Return (dg/dphi, dg/di)."""
    n = c.n
    a, b, linear, square = c.threshold
    d = phi - np.rint(phi)
    p2 = d * d
    edge = _edge(p2, c)
    edge_d = -d * (a / math.sqrt(p2 + b * b) + n.two * linear + n.four * square * p2)
    e, sigmoid, live = excess_and_slope(i - edge, n)
    u = math.sqrt(e)
    root = math.sqrt(n.two * edge + e)
    row1, row2 = _row(c.row1, u), _row(c.row2, u)
    factor = _row(c.row0, u) + p2 * (row1 + p2 * row2)
    factor_u = _row_slope(c.row1, u, n.two) + p2 * _row_slope(c.row2, u, n.two)
    factor_u = _row_slope(c.row0, u, n.two) + p2 * factor_u
    factor_d = n.two * d * (row1 + n.two * p2 * row2)
    g_e = n.quarter * (root * (factor / u + factor_u) + u * factor / root)
    g_d = n.half * u * (root * factor_d + factor * edge_d / root)
    return live * (g_d - g_e * sigmoid * edge_d), live * g_e * sigmoid
