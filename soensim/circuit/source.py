"""The source function g(phi, i) as a table, and its lookup.

Why the table is not one of g. Just above threshold g rises as sqrt(i - i_th), and at phi = 1/2 two folds meet,
so that g has a conical point there that no polynomial follows. Both come from the same cause: each passage of
a junction through the remnant of a fold takes a time proportional to 1/sqrt(distance). Hence

    g(phi, i) = H(phi, u) / (1/w_a + 1/w_b),   w_a = sqrt(i - edge(phi)),  w_b = sqrt(i - edge_b(phi)),
    u = w_a / sqrt(i_max - edge(phi)),

with H smooth everywhere. `edge` is the threshold i_th; edge_b is the threshold of the neighbouring lobe,
replaced by its tangent at phi = 1/2. Bilinear interpolation of H on 81 x 81 nodes has an rms error of 8e-6 and
a largest one of 5e-5 including the corner; bilinear in g on 101 x 101 has 5e-3 there, bicubic in g 3e-3.
(Bicubic in H has 2e-7 and 2e-5 at four times the memory traffic; nothing here needs it.)

For i > i_max, where each junction carries about i/2 and runs nearly freely (v^2 = (i/2)^2 - 1 for a single one),

    g(phi, i)^2 = g(phi, i_max)^2 + (i^2 - i_max^2) / 4,

continuous, and exact in the limit. g is odd in i. Below the edge g = 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from soensim.circuit.device import Device
from soensim.circuit.threshold import threshold
from soensim.errors import CircuitError

Array = NDArray[np.float64]


class SourceArrays(NamedTuple):
    """What an engine needs to evaluate g: plain arrays and floats, accepted by numba.

    Parameters
    ----------
    edge, edge_slope
        edge(phi) in I_c and d edge / d phi at n_phi equidistant nodes in [0, 1/2]; in between a cubic Hermite
        interpolant.
    shape
        H at (n_phi, n_u) nodes, u equidistant in [0, 1]; bilinear in between.
    skew
        phi_eff = phi - skew i before folding into [0, 1/2].
    current_max
        i_max, end of the table.
    """

    edge: Array
    edge_slope: Array
    shape: Array
    skew: float
    current_max: float


@njit(cache=True)
def _inside(x, i, arrays):  # type: ignore[no-untyped-def]
    """Value and both derivatives of g at folded flux x in [0, 1/2] and edge(x) < i <= i_max."""
    n_phi, n_u = arrays.shape.shape
    at = x * (2.0 * (n_phi - 1))
    a = min(int(at), n_phi - 2)
    r = at - a
    width = 0.5 / (n_phi - 1)
    # Edge and its slope: cubic Hermite.
    e0, e1 = arrays.edge[a], arrays.edge[a + 1]
    m0, m1 = width * arrays.edge_slope[a], width * arrays.edge_slope[a + 1]
    c2, c3 = 3.0 * (e1 - e0) - 2.0 * m0 - m1, 2.0 * (e0 - e1) + m0 + m1
    edge = e0 + r * (m0 + r * (c2 + r * c3))
    edge_dx = (m0 + r * (2.0 * c2 + 3.0 * r * c3)) / width
    above = i - edge
    if above <= 0.0:
        return 0.0, 0.0, 0.0
    tangent = arrays.edge_slope[n_phi - 1]
    above_b = i - arrays.edge[n_phi - 1] - tangent * (0.5 - x)
    w_a, w_b = math.sqrt(above), math.sqrt(above_b)
    span = arrays.current_max - edge
    u = math.sqrt(above / span)
    # H: bilinear.
    bt = u * (n_u - 1)
    b = min(int(bt), n_u - 2)
    q = bt - b
    h00, h01 = arrays.shape[a, b], arrays.shape[a, b + 1]
    h10, h11 = arrays.shape[a + 1, b], arrays.shape[a + 1, b + 1]
    low, high = h00 + q * (h01 - h00), h10 + q * (h11 - h10)
    shape = low + r * (high - low)
    shape_x = (high - low) / width
    shape_u = ((h01 - h00) * (1.0 - r) + (h11 - h10) * r) * (n_u - 1)
    # g = H w_a w_b / (w_a + w_b)
    inv = 1.0 / (w_a + w_b)
    mean = w_a * w_b * inv
    mean_a, mean_b = 0.5 * w_b * w_b * inv * inv / w_a, 0.5 * w_a * w_a * inv * inv / w_b
    u_i = 0.5 * u / above
    u_x = edge_dx * 0.5 * u * (1.0 / span - 1.0 / above)
    g_i = shape_u * u_i * mean + shape * (mean_a + mean_b)
    g_x = (shape_x + shape_u * u_x) * mean - shape * (mean_a * edge_dx - mean_b * tangent)
    return shape * mean, g_x, g_i


@njit(cache=True)
def source_value_and_gradient(phi, i, arrays):  # type: ignore[no-untyped-def]
    """g, dg/dphi and dg/di at one point; the scalar kernel for engines (call it from numba code)."""
    sign = 1.0
    if i < 0.0:
        phi, i, sign = -phi, -i, -1.0
    x = phi - arrays.skew * i
    x -= math.floor(x + 0.5)
    side = 1.0
    if x < 0.0:
        x, side = -x, -1.0
    i_max = arrays.current_max
    if i <= i_max:
        g, g_x, g_i = _inside(x, i, arrays)
    else:
        end, end_x, _ = _inside(x, i_max, arrays)
        g = math.sqrt(end * end + 0.25 * (i * i - i_max * i_max))
        g_x, g_i = end * end_x / g, 0.25 * i / g
    g_x *= side
    # d/dphi and d/di at fixed phi; the three signs of (phi, i, g) cancel in dg/di only.
    return sign * g, g_x, g_i - arrays.skew * g_x


@njit(cache=True)
def source_value(phi, i, arrays):  # type: ignore[no-untyped-def]
    """g at one point; the scalar kernel for engines without gradients."""
    return source_value_and_gradient(phi, i, arrays)[0]


@njit(cache=True)
def _evaluate(phi, i, arrays, g, g_phi, g_i):  # type: ignore[no-untyped-def]
    for j in range(phi.size):
        g[j], g_phi[j], g_i[j] = source_value_and_gradient(phi[j], i[j], arrays)


@dataclass(frozen=True, eq=False)
class SourceTable:
    """Source function g(phi, i) of a device at a temperature: callable, with gradient and threshold.

    Parameters
    ----------
    device
        The SQUID.
    temperature_k
        Temperature of its shunts, in K.
    arrays
        The table itself, for engines.
    """

    device: Device
    temperature_k: float
    arrays: SourceArrays

    @property
    def current_max(self) -> float:
        """End of the solved table; above it the extension of the module's docstring holds."""
        return self.arrays.current_max

    def __call__(self, phi: ArrayLike, i: ArrayLike) -> Any:
        """Mean voltage g in units of I_c r_jj.

        Parameters
        ----------
        phi, i
            Flux in Phi_0 and SQUID current i_b - s in I_c; scalars or arrays that broadcast.

        Returns
        -------
        float or array
            A float for two scalars.

        Raises
        ------
        CircuitError
            If a flux or current is not finite.
        """
        return self._on_shape(phi, i, lambda g, _phi, _i: g)

    def gradient(self, phi: ArrayLike, i: ArrayLike) -> Any:
        """Return (dg/dphi, dg/di): the exact derivatives of the interpolant, 0 below threshold.

        At the threshold itself both are infinite from above; 0 is returned there.
        """
        return self._on_shape(phi, i, lambda _, g_phi, g_i: (g_phi, g_i))

    def value_and_gradient(self, phi: ArrayLike, i: ArrayLike) -> Any:
        """Return (g, dg/dphi, dg/di) in one pass."""
        return self._on_shape(phi, i, lambda g, g_phi, g_i: (g, g_phi, g_i))

    def threshold(self, phi: ArrayLike) -> Any:
        """Threshold current i_th(phi) at zero temperature, closed form, in I_c."""
        result = threshold(phi, self.device.beta_1, self.device.beta_2)
        return float(result) if result.ndim == 0 else result

    def _on_shape(self, phi: ArrayLike, i: ArrayLike, pick: Callable[[Any, Any, Any], Any]) -> Any:
        phi, i = np.asarray(phi, dtype=np.float64), np.asarray(i, dtype=np.float64)
        wide_phi, wide_i = np.broadcast_arrays(phi, i)
        if not (np.isfinite(wide_phi).all() and np.isfinite(wide_i).all()):
            raise CircuitError("source table: flux and current must be finite numbers")
        out = np.empty((3, wide_phi.size))
        _evaluate(
            np.ascontiguousarray(wide_phi).ravel(),
            np.ascontiguousarray(wide_i).ravel(),
            self.arrays,
            out[0],
            out[1],
            out[2],
        )
        if wide_phi.ndim == 0:
            return pick(float(out[0, 0]), float(out[1, 0]), float(out[2, 0]))
        shaped = out.reshape(3, *wide_phi.shape)
        return pick(shaped[0], shaped[1], shaped[2])
