"""SQUID source functions in the time loop: `squid-fit`, and the smooth form of a table, with their slopes.

Both are g(x, e) of a folded flux and the excess e = i - edge(x) over the threshold. A step takes the sharp g. The way
back takes its slopes at e = width softplus((i - edge) / width) + GUARD (`soensim.dynamics.soft_slope`):

    dg/di = g_e sigmoid((i - edge) / width),    dg/dx = g_x - edge'(x) dg/di.

Without a width, e = i - edge, and all slopes are zero where the SQUID is at rest.

A step checks nothing: `soensim.kernels.supports` keeps currents within [0, current_max].
"""

from functools import lru_cache
from typing import Any

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.dynamics.smooth import GUARD, LEAST_GAP, SmoothSquid
from soensim.kernels.block_rows import ROWS
from soensim.kernels.squid_fit import FIT_COEFFICIENTS, fit_form, fit_slopes, fit_value
from soensim.kernels.squid_smooth import smooth_coefficients, smooth_form, smooth_slopes, smooth_value
from soensim.kernels.vector_math import FLAGS

SQUID_FIT, SQUID = 3, 4
#: Room for the coefficients of either form.
SIZE = 98


@lru_cache(maxsize=64)
def coefficients(form: SmoothSquid | None, width: float, dtype: type) -> Any:
    """Lay out the coefficients of a smooth form, or of `squid-fit` for None, shape (98,)."""
    own = FIT_COEFFICIENTS if form is None else smooth_coefficients(form)
    surrogate = (width, 1 / width if width else 1.0, float(width > 0), GUARD, LEAST_GAP)
    found = np.concatenate([own, (0.0, 0.25, 0.5, 1.0, 2.0, 4.0), surrogate])
    return np.pad(found, (0, SIZE - len(found))).astype(dtype)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def advance_squid(kind, flux, state, new, first, last, retention, gain, bias, coefs):  # type: ignore[no-untyped-def]
    """Take a step, new = retention s + gain g(phi, i_b - s), of neurons ``first`` to ``last``."""
    fit, smooth = fit_form(coefs), smooth_form(coefs)
    for n in range(first, last):
        keep, drive, bias_current = retention[n], gain[n], bias[n]
        if kind == SQUID_FIT:
            for r in range(ROWS):
                g = fit_value(flux[n, r], bias_current - state[n, r], fit)
                new[n, r] = keep * state[n, r] + drive * g
        else:
            for r in range(ROWS):
                g = smooth_value(flux[n, r], bias_current - state[n, r], smooth)
                new[n, r] = keep * state[n, r] + drive * g


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def retreat_squid(  # type: ignore[no-untyped-def]
    kind, flux, state, adjoint, by_flux, first, last, retention, gain, bias, coefs
):
    """Go back over a step: from dL/d new to dL/dphi, and, in its place, to what reaches the old state directly."""
    fit, smooth = fit_form(coefs), smooth_form(coefs)
    for n in range(first, last):
        keep, drive, bias_current = retention[n], gain[n], bias[n]
        if kind == SQUID_FIT:
            for r in range(ROWS):
                own = adjoint[n, r]
                g_phi, g_i = fit_slopes(flux[n, r], bias_current - state[n, r], fit)
                by_flux[n, r] = drive * own * g_phi
                adjoint[n, r] = (keep - drive * g_i) * own
        else:
            for r in range(ROWS):
                own = adjoint[n, r]
                g_phi, g_i = smooth_slopes(flux[n, r], bias_current - state[n, r], smooth)
                by_flux[n, r] = drive * own * g_phi
                adjoint[n, r] = (keep - drive * g_i) * own
