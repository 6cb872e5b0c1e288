"""The source function g(phi, i) as a table, and its lookup.

Why the table is not one of g. Just above threshold g rises as sqrt(i - i_th), and at phi = 1/2 two folds meet,
so that g has a conical point there that no polynomial follows. Both come from the same cause: each passage of
a junction through the remnant of a fold takes a time proportional to 1/sqrt(distance). Hence

    g(phi, i) = H(phi, w_a) / (1/w_a + 1/w_b),   w_a = sqrt(i - edge(phi)),  w_b = sqrt(i - edge_b(phi)),

with H smooth everywhere; u = w_a / sqrt(i_max - edge(1/2)) is the coordinate of its table. `edge` is the
threshold i_th; edge_b is the threshold of the neighbouring lobe, replaced by its tangent at phi = 1/2.

Measured for the default device, largest error over all i in (i_th, 2.5) including the corner: bilinear in H on
129 x 65 nodes 4e-5 (rms 1e-5); bilinear in g on 101 x 101 nodes 5e-3, bicubic in g 3e-3, monotone cubic in g on
51 x 51 5e-3. Bicubic in H on 65 x 65 has 3e-5 (rms 3e-7), at four times the memory traffic per lookup; the corner
limits both, so bilinear it is.

For i > i_max a second solved table holds K(phi, z) = i^2/4 - g^2 over z = i_max / i; each junction then carries
about i/2 and runs nearly freely, so that K is small, smooth, and zero at z = 0. It has 33, 65 or 129 nodes in z, the
fewest that do; for the default device 33, off by 3.3e-4. No table is off by more than 1e-3 at the points of its check,
up to 20 I_c; beyond that g tends to i/2. g is odd in i. Below the edge
g = 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim._runtime.kernel_cache import njit
from soensim._runtime.table_access import table_load
from soensim.circuit.device import Device
from soensim.circuit.solvable import real_array
from soensim.circuit.threshold_current import threshold
from soensim.errors import CircuitError

Array = NDArray[np.float64]
# Unsigned indices spare numba the test for negative ones: a third of a lookup's time.
_Index = np.uint64
# Of the cells: what vector instructions convert to.
_Cell = np.int32
_LEAST = 1e-300  # above 0

_part = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


class SourceArrays(NamedTuple):
    """What an engine needs to evaluate g: plain arrays and floats, accepted by numba.

    Parameters
    ----------
    edge
        (n_phi - 1, 4): per cell of phi in [0, 1/2], with r in [0, 1] across it, the coefficients of
        edge = e0 + r (e1 + r (e2 + r e3)) in I_c.
    shape
        (n_phi, n_u): H at equidistant nodes of phi in [0, 1/2] and of u in [0, 1]; bilinear in between.
    beyond
        (n_phi, n_z): K at equidistant nodes of phi and of z = i_max / i in [0, 1]; bilinear in between.
    skew
        phi_eff = phi - skew i, before folding into [0, 1/2].
    scale
        u = scale sqrt(i - edge).
    current_max
        i_max: above it `beyond` serves.
    corner, tangent
        edge_b = corner + tangent (1/2 - phi).
    """

    edge: Array
    shape: Array
    beyond: Array
    skew: float
    scale: float
    current_max: float
    corner: float
    tangent: float


@_part
def cell_of(phi, i, arrays):  # type: ignore[no-untyped-def]
    """Fold phi - skew i into x in [0, 1/2]; return x, its cell of the table and its place in the cell."""
    x = phi - arrays.skew * i
    x = abs(x - math.floor(x + 0.5))
    n_cells = arrays.edge.shape[0]
    at = x * (2.0 * n_cells)
    last = n_cells - 1.0
    cell = _Cell(at if at < last else last)  # nan is in the last one
    return x, cell, at - cell


@_part
def edge_at(cell, r, arrays):  # type: ignore[no-untyped-def]
    """Threshold current at a place of the table."""
    e, at = arrays.edge, np.intp(cell) * 4
    high = table_load(e, at + 2) + r * table_load(e, at + 3)
    return table_load(e, at) + r * (table_load(e, at + 1) + r * high)


@_part
def running_value(above, magnitude, place, arrays):  # type: ignore[no-untyped-def]
    """Look the main table up at a current that is ``above`` its threshold by 0 or more, at the place of `cell_of`."""
    x, cell, r = place
    w_a = math.sqrt(above)
    gap = magnitude - arrays.corner - arrays.tangent * (0.5 - x)
    w_b = math.sqrt(gap if gap > _LEAST else _LEAST)  # negative only below the threshold, where w_a is 0
    h = arrays.shape
    n_u = h.shape[1]
    bt = w_a * arrays.scale * (n_u - 1)
    last = n_u - 2.0
    b = _Cell(bt if bt < last else last)
    q = bt - b
    at = np.intp(cell) * n_u + b
    t00, t01 = table_load(h, at), table_load(h, at + 1)
    t10, t11 = table_load(h, at + n_u), table_load(h, at + n_u + 1)
    low, high = t00 + q * (t01 - t00), t10 + q * (t11 - t10)
    return (low + r * (high - low)) * w_a * w_b / (w_a + w_b)


@njit(cache=True, error_model="numpy", inline="always")
def source_value(phi, i, arrays):  # type: ignore[no-untyped-def]
    """Mean voltage g at one point: the scalar kernel for engines, to be called from numba code.

    It is inlined, since a call would cost as much as a lookup below threshold; callers should say
    `error_model="numpy"` too, which spares the test for division by zero.
    """
    magnitude = abs(i)
    place = cell_of(phi, i, arrays)
    if magnitude > arrays.current_max:
        excess = _bilinear(arrays.beyond, place[1], place[2], arrays.current_max / magnitude)[0]
        return math.copysign(math.sqrt(0.25 * i * i - excess), i)
    above = magnitude - edge_at(place[1], place[2], arrays)
    if above <= 0.0:
        return 0.0
    return math.copysign(running_value(above, magnitude, place, arrays), i)


@_part
def main_value(phi, i, arrays):  # type: ignore[no-untyped-def]
    """`source_value` at |i| <= current_max, to the bit, without a branch: loops over it become vector instructions.

    The loop loads and stores its own arrays by `own_load` and `own_store`.
    """
    magnitude = abs(i)
    place = cell_of(phi, i, arrays)
    above = magnitude - edge_at(place[1], place[2], arrays)
    g = running_value(0.0 if above <= 0.0 else above, magnitude, place, arrays)  # nan stays nan
    return g if i >= 0.0 else -g


@njit(cache=True, error_model="numpy")
def _bilinear(table, a, r, z):  # type: ignore[no-untyped-def]
    """Value of a table at cell a + r and z in [0, 1], its slopes in r and in z."""
    n, a = table.shape[1], _Index(a)
    at = z * (n - 1)
    b = min(_Index(at), _Index(n - 2))
    q = at - b
    a1, b1 = a + _Index(1), b + _Index(1)
    t00, t01, t10, t11 = table[a, b], table[a, b1], table[a1, b], table[a1, b1]
    low, high = t00 + q * (t01 - t00), t10 + q * (t11 - t10)
    return low + r * (high - low), high - low, (t01 - t00 + r * (t11 - t10 - t01 + t00)) * (n - 1)


@njit(cache=True, error_model="numpy")
def source_value_and_gradient(phi, i, arrays):  # type: ignore[no-untyped-def]
    """Return (g, dg/dphi, dg/di) at one point; g is the same as that of `source_value`, to rounding."""
    magnitude = abs(i)
    x = phi - arrays.skew * i
    x -= math.floor(x + 0.5)
    # g(x, i) is even in x and odd in i: the slope in x takes the signs of both, the slope in i neither.
    side = math.copysign(1.0, x) * math.copysign(1.0, i)
    x = abs(x)
    n_cells = arrays.edge.shape[0]
    at = x * (2.0 * n_cells)
    a = min(_Index(at), _Index(n_cells - 1))
    r = at - a
    per_x = 2.0 * n_cells
    if magnitude > arrays.current_max:
        z = arrays.current_max / magnitude
        excess, excess_r, excess_z = _bilinear(arrays.beyond, a, r, z)
        g = math.sqrt(0.25 * i * i - excess)
        g_x = -0.5 * excess_r * per_x / g
        g_i = (0.25 * magnitude + 0.5 * excess_z * z / magnitude) / g
    else:
        e = arrays.edge
        above = magnitude - (e[a, 0] + r * (e[a, 1] + r * (e[a, 2] + r * e[a, 3])))
        if above <= 0.0:
            return 0.0, 0.0, 0.0
        edge_x = (e[a, 1] + r * (2.0 * e[a, 2] + 3.0 * r * e[a, 3])) * per_x
        w_a = math.sqrt(above)
        w_b = math.sqrt(magnitude - arrays.corner - arrays.tangent * (0.5 - x))
        h, h_r, h_u = _bilinear(arrays.shape, a, r, w_a * arrays.scale)
        inv = 1.0 / (w_a + w_b)
        mean = w_a * w_b * inv
        # d mean / d w_a and d w_a / d i, likewise for b.
        mean_a = 0.5 * w_b * w_b * inv * inv / w_a
        mean_b = 0.5 * w_a * w_a * inv * inv / w_b
        u_i = 0.5 * arrays.scale / w_a
        g = h * mean
        g_i = h_u * u_i * mean + h * (mean_a + mean_b)
        g_x = (h_r * per_x - h_u * u_i * edge_x) * mean - h * (mean_a * edge_x - mean_b * arrays.tangent)
    g_x *= side
    return math.copysign(g, i), g_x, g_i - arrays.skew * g_x


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
        """End of the main table; above it the table over 1/i serves."""
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
        phi, i = (real_array("source table", x, "flux and current") for x in (phi, i))
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
