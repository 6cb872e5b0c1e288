"""A smooth form of a SQUID's source function: polynomials in place of its table, for training.

Training evaluates g and its slopes for many neurons at once. A table wants one memory address per neuron, which no
vector unit fetches quickly; polynomials need arithmetic alone, and their slopes are continuous. With x = |phi_eff|
folded into [0, 1/2], the excess e = i - edge(x) and w_a = sqrt(e), w_b = sqrt(e + edge(x) - edge_b(x))
(`soensim.circuit.source`):

    g = H(x, u) / (1/w_a + 1/w_b),    u = w_a scale,

with H a polynomial in x and u (of degree 11, 10, 8, 6, 4, 3 in x at the powers 0 to 5 of u; the rest is too small to
matter), and edge one of degree 8 in x in each of three pieces. Both are fitted to the nodes of the table, H weighted by
its share in g, so that the largest error is nearly the least possible.

Measured for the default device over all x and i up to 2.5: against the table between its nodes the largest difference
is 9e-5, rms 3e-5, about the same everywhere; the table itself is off by 4e-5. The edge is off by 3e-8 I_c.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import Chebyshev, cheb2poly, chebvander
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.cache_directory import cache_directory
from soensim._runtime.source_stamp import source_stamp
from soensim.circuit import SourceTable
from soensim.dynamics.source_functions import Array, array_namespace
from soensim.errors import SoensimError

Float64 = NDArray[np.float64]

#: Degree of H in x at each power of u, and of a piece of the edge.
DEGREES, DEGREE_EDGE = (11, 10, 8, 6, 4, 3), 8
#: Largest difference from its table, away from the threshold, up to which a smooth form replaces it.
ERROR_MAX = 5e-4
#: The slope of sqrt(e) is taken at e + GUARD: it is infinite at 0.
GUARD = 1e-9
# The gap between the two edges closes at phi = 1/2, where an error of rounding must not make it negative.
LEAST_GAP = 1e-12
_ROUNDS = 25  # of the fit; the largest error no longer falls after about 20
_KNOTS = list(product((0.04, 0.06, 0.08, 0.11, 0.15), (0.17, 0.2, 0.25, 0.3)))


@dataclass(frozen=True, eq=False)
class SmoothSquid:
    """Polynomials in place of a source table.

    Parameters
    ----------
    shape
        H = sum_jk shape[k][j] (4 x - 1)^j (2 u - 1)^k; six rows of falling length.
    edge
        edge(x) = sum_j edge[p, j] t^j in piece p, t = slope[p] x + shift[p] in [-1, 1], shape (3, 9).
    knots, slope, shift
        Ends of the first two pieces, and the scaled coordinate of each.
    corner, tangent, scale, skew, current_max
        As in `SourceArrays`; it holds up to i = current_max.
    error_max, error_rms
        Against the table, between its nodes and at 1e-3 or more above the edge.
    """

    shape: tuple[Float64, ...]
    edge: Float64
    knots: tuple[float, float]
    slope: Float64
    shift: Float64
    corner: float
    tangent: float
    scale: float
    skew: float
    current_max: float
    error_max: float = np.nan
    error_rms: float = np.nan

    def __call__(self, flux: Array, squid_current: Array) -> Array:
        """Evaluate g(phi, i) for 0 <= i <= current_max."""
        xp = array_namespace(flux)
        x = self.folded(flux, squid_current)
        excess = squid_current - self.threshold(x)
        running = excess > 0
        # the square root sees 1 where the SQUID is at rest, so that its infinite slope at 0 never meets a gradient
        rate = self.rate(x, xp.where(running, excess, xp.ones_like(excess)))
        return xp.where(running, rate, xp.zeros_like(rate))

    def soft(self, flux: Array, squid_current: Array, width: float) -> Array:
        """Evaluate g with the surrogate slopes of `soft_slope`; torch only."""
        from torch.nn.functional import softplus

        sharp = self(flux.detach(), squid_current.detach())
        x = self.folded(flux, squid_current)
        excess = width * softplus((squid_current - self.threshold(x)) / width, threshold=40.0)
        soft = self.rate(x, excess + GUARD)
        return soft + (sharp - soft).detach()

    def folded(self, flux: Array, squid_current: Array) -> Array:
        """Distance x of the effective flux from the nearest integer (Phi_0)."""
        effective = flux - self.skew * squid_current
        return abs(effective - array_namespace(flux).round(effective))

    def threshold(self, x: Array) -> Array:
        """Threshold current edge(x) (I_c)."""
        where = array_namespace(x).where
        first, second, third = (
            _horner(row, slope * x + shift) for row, slope, shift in zip(self.edge, self.slope, self.shift, strict=True)
        )
        return where(x < self.knots[0], first, where(x < self.knots[1], second, third))

    def rate(self, x: Array, excess: Array) -> Array:
        """Evaluate g at a current that exceeds the threshold by ``excess`` > 0."""
        w_a = excess**0.5
        gap = self.threshold(x) - self.corner - self.tangent * (0.5 - x)
        w_b = (excess + array_namespace(x).clip(gap, LEAST_GAP, None)) ** 0.5
        t, v = 4 * x - 1, 2 * self.scale * w_a - 1
        h = _horner(self.shape[-1], t)
        for row in self.shape[-2::-1]:
            h = h * v + _horner(row, t)
        return h * w_a * w_b / (w_a + w_b)


@lru_cache(maxsize=16)
def smooth_squid(table: SourceTable) -> SmoothSquid | None:
    """Fit the smooth form of a table; None where it would differ by more than `ERROR_MAX`.

    A table with noise has a rounded threshold, which these polynomials do not follow. A fit takes half a second, and is
    kept in the user's cache directory.
    """
    path = _kept_path(table)
    form = None if path is None else _read(path)
    if form is not None:
        return form
    form = _fitted(table)
    if form is not None and path is not None:
        _store(path, form)
    return form


def _kept_path(table: SourceTable) -> Path | None:
    """Path of the file with a table's form; None where none can be kept. Its name is a hash of all it depends on."""
    directory, stamp = cache_directory(), source_stamp(Path(__file__))
    if directory is None or stamp is None:
        return None
    content = hashlib.sha256(stamp.encode())
    for values in table.arrays:
        content.update(np.asarray(values, dtype=np.float64).tobytes())
    return directory / f"smooth-{content.hexdigest()[:24]}.npz"


def _read(path: Path) -> SmoothSquid | None:
    """Return a stored form; None where there is none, or it is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    stored = np.load(io.BytesIO(content[32:]), allow_pickle=False)
    values: dict[str, Any] = {
        field.name: stored[field.name] for field in fields(SmoothSquid) if field.name not in ("shape", "knots")
    }
    single: dict[str, Any] = {name: float(value) if value.ndim == 0 else value for name, value in values.items()}
    shape = tuple(stored[f"shape{k}"] for k in range(len(DEGREES)))
    return SmoothSquid(shape=shape, knots=tuple(stored["knots"].tolist()), **single)


def _store(path: Path, form: SmoothSquid) -> None:
    room = io.BytesIO()
    arrays: dict[str, Any] = {f"shape{k}": row for k, row in enumerate(form.shape)}
    arrays |= {name: value for name, value in vars(form).items() if name != "shape"}
    np.savez(room, **arrays)
    content = room.getvalue()
    with suppress(OSError, SoensimError):  # it is fitted again then
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(path, hashlib.sha256(content).digest() + content)


def _fitted(table: SourceTable) -> SmoothSquid | None:
    arrays = table.arrays
    fitted = SmoothSquid(
        _fit_shape(table),
        *_fit_edge(table),
        arrays.corner,
        arrays.tangent,
        arrays.scale,
        arrays.skew,
        arrays.current_max,
    )
    x, i = np.meshgrid(np.linspace(0, 0.5, 401), np.linspace(0, arrays.current_max, 1001))
    flux = x + arrays.skew * i
    difference = (fitted(flux, i) - table(flux, i))[i > fitted.threshold(x) + 1e-3]
    largest, rms = float(abs(difference).max()), float(np.sqrt(np.mean(difference**2)))
    if not largest <= ERROR_MAX:
        return None
    return SmoothSquid(**{**vars(fitted), "error_max": largest, "error_rms": rms})


def _horner(coefficients: Float64, t: Array) -> Array:
    value = float(coefficients[-1]) * t + float(coefficients[-2])
    for c in coefficients[-3::-1]:
        value = value * t + float(c)
    return value


def _fit_shape(table: SourceTable) -> tuple[Float64, ...]:
    """Fit H at the nodes of the table below current_max; Lawson's weights bring the largest error of g down."""
    arrays = table.arrays
    n_phi, n_u = arrays.shape.shape
    x, u = np.meshgrid(np.linspace(0, 0.5, n_phi), np.linspace(0, 1, n_u), indexing="ij")
    edge = np.append(arrays.edge[:, 0], arrays.edge[-1].sum())[:, None]
    w_a = u / arrays.scale
    # one node beyond the end, so that it does not extrapolate between the last node and current_max
    inside = edge + np.maximum(w_a - w_a[0, 1], 0) ** 2 <= arrays.current_max
    w_b = np.sqrt(np.maximum(edge + w_a**2 - arrays.corner - arrays.tangent * (0.5 - x), LEAST_GAP))
    share = (w_a * w_b / (w_a + w_b))[inside]
    by_x, by_u = chebvander(4 * x[inside] - 1, max(DEGREES)), chebvander(2 * u[inside] - 1, len(DEGREES) - 1)
    basis = np.concatenate([by_x[:, : d + 1] * by_u[:, [k]] for k, d in enumerate(DEGREES)], axis=1)
    # a little weight at u = 0 as well: H there has no share in g, but in its slope
    with threadpool_limits(1):  # small products: threads would wait for each other
        fitted = _lawson(basis * (share + 1e-4)[:, None], arrays.shape[inside] * (share + 1e-4))
    in_chebyshev = np.zeros((len(DEGREES), max(DEGREES) + 1))
    for row, part in zip(in_chebyshev, np.split(fitted, np.cumsum(np.add(DEGREES, 1))[:-1]), strict=True):
        row[: len(part)] = part
    in_u = np.array([_monomials(column, len(DEGREES) - 1) for column in in_chebyshev.T]).T
    return tuple(_monomials(row[: d + 1], d) for row, d in zip(in_u, DEGREES, strict=True))


def _lawson(basis: Float64, target: Float64) -> Float64:
    """Least squares whose weights grow where the error is large (Lawson 1961): it tends to the least largest error."""
    weights: Float64 = np.ones(len(target))
    best: Any = None
    least = np.inf
    for _ in range(_ROUNDS):
        weighed = basis * weights[:, None]  # Chebyshev polynomials: the normal equations are well conditioned
        solution = np.linalg.solve(weighed.T @ weighed, weighed.T @ (target * weights))
        error = abs(basis @ solution - target)
        if error.max() < least:
            best, least = solution, error.max()
        grown: Float64 = weights * np.sqrt(error / error.mean() + 0.05)
        weights = grown / grown.mean()
    return np.asarray(best)


def _fit_edge(table: SourceTable) -> tuple[Float64, tuple[float, float], Float64, Float64]:
    """Fit the table's edge in three pieces, at the knots that serve this device best."""
    cells = table.arrays.edge
    x = np.linspace(0, 0.5, 16 * len(cells) + 1)
    at = np.minimum((2 * len(cells) * x).astype(int), len(cells) - 1)
    r = 2 * len(cells) * x - at
    edge = cells[at, 0] + r * (cells[at, 1] + r * (cells[at, 2] + r * cells[at, 3]))

    def pieces(knots: tuple[float, float]) -> tuple[float, list[Float64]]:
        worst, rows = 0.0, []
        for low, high in zip((0.0, *knots), (*knots, 0.5), strict=True):
            inside = (x >= low - 1e-9) & (x <= high + 1e-9)
            fitted = Chebyshev.fit(x[inside], edge[inside], DEGREE_EDGE, domain=[low, high])
            worst = max(worst, float(abs(fitted(x[inside]) - edge[inside]).max()))
            rows.append(_monomials(fitted.coef, DEGREE_EDGE))
        return worst, rows

    knots = min(_KNOTS, key=lambda tried: pieces(tried)[0])
    ends = np.array([0.0, *knots, 0.5])
    slope = 2 / np.diff(ends)
    return np.array(pieces(knots)[1]), knots, slope, -1 - slope * ends[:-1]


def _monomials(chebyshev: Any, degree: int) -> Float64:
    """Coefficients of the powers, padded to the degree (cheb2poly drops trailing zeros)."""
    powers = cheb2poly(chebyshev)
    return np.pad(powers, (0, degree + 1 - len(powers)))
