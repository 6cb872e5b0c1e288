"""Threshold current of the SQUID: the static fold, in closed form.

At rest i1 = sin d1 and i2 = sin d2. The largest total current at a given flux is where the Lagrange condition

    cos d1 + cos d2 + (beta_1 + beta_2) cos d1 cos d2 = 0

holds together with d1 - d2 + beta_1 sin d1 - beta_2 sin d2 = 2 pi phi; then i_th = sin d1 + sin d2.

Unequal arms add nothing new. With i1 = i/2 + J, i2 = i/2 - J the loop equation becomes
d1 - d2 + (beta_1 + beta_2) J = 2 pi phi_eff, where

    phi_eff = phi - skew i,    skew = (beta_1 - beta_2) / (4 pi):

a symmetric SQUID of the same total inductance whose flux is shifted in proportion to its current. So one
symmetric table serves, and the fold of unequal arms is the same curve, sheared.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.circuit.solvable import check_finite, check_range, real_array

_HALF_PI = math.pi / 2.0
# The closed form holds for all; these keep its arithmetic within the range of floats.
_ARMS = 1e-100, 1e100


def fold_phases(phi: NDArray[np.float64], beta_sum: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phases (d1, d2) on the fold of the symmetric SQUID at flux phi in [0, 1/2].

    The fold is parametrised by d2, from pi/2 at phi = 0 downwards; the Lagrange condition gives d1, and the
    loop equation is solved for d2 by bisection to the last bit.
    """
    low, high = np.full(phi.shape, -_HALF_PI), np.full(phi.shape, _HALF_PI)
    for _ in range(54):  # pi / 2^54: the last bit of a double
        d2 = 0.5 * (low + high)
        c2 = np.cos(d2)
        d1 = np.arccos(-c2 / (1.0 + beta_sum * c2))
        reached = d1 - d2 + 0.5 * beta_sum * (np.sin(d1) - np.sin(d2)) >= 2.0 * math.pi * phi
        low, high = np.where(reached, d2, low), np.where(reached, high, d2)
    return d1, d2


def lobe(phi: ArrayLike, beta_sum: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Threshold of the symmetric SQUID's lobe centred on phi = 0, and its slope, for phi in [0, 1/2].

    Returns
    -------
    i_th, slope
        i_th = sin d1 + sin d2 and d i_th / d phi = 2 pi cos d1 / (1 + (beta_sum / 2) cos d1), in I_c and
        I_c / Phi_0.
    """
    d1, d2 = fold_phases(np.asarray(phi, dtype=np.float64), beta_sum)
    c1 = np.cos(d1)
    return np.sin(d1) + np.sin(d2), 2.0 * math.pi * c1 / (1.0 + 0.5 * beta_sum * c1)


def threshold(phi: ArrayLike, beta_1: float, beta_2: float) -> NDArray[np.float64]:
    """Threshold current i_th(phi) of a SQUID with arms beta_1, beta_2, in I_c; any shape of phi.

    For equal arms it is the fold itself, even in phi with period 1. For unequal arms it solves
    i = i_fold(phi - skew i), by bisection: the left side rises faster than the right one can, because on the
    fold |d i_fold / d phi| |skew| < 1.

    Raises
    ------
    CircuitError
        A flux is not finite, or an arm is not a positive finite number.
    """
    phi = real_array("threshold", phi, "the flux (Phi_0)")
    check_finite("threshold", "the flux (Phi_0)", phi)
    check_range("threshold", "beta_1", beta_1, _ARMS)
    check_range("threshold", "beta_2", beta_2, _ARMS)
    beta_sum, skew = beta_1 + beta_2, (beta_1 - beta_2) / (4.0 * math.pi)
    if skew == 0.0:
        return _folded(phi, beta_sum)
    low, high = np.zeros(phi.shape), np.full(phi.shape, 2.0)
    for _ in range(54):
        middle = 0.5 * (low + high)
        above = middle >= _folded(phi - skew * middle, beta_sum)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(0.5 * (low + high))


def _folded(phi: NDArray[np.float64], beta_sum: float) -> NDArray[np.float64]:
    """The lobe at the distance of phi from the nearest integer."""
    return lobe(np.abs(phi - np.round(phi)), beta_sum)[0]
