"""Elementary functions that a compiler turns into vector instructions, and the flags under which it may.

LLVM has no vector form of tanh, exp and log1p, so that a loop with one of them runs element by element. In float32 they
are polynomials here; in float64, which is for tests and comparisons, they are the exact ones.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

# Sums may be reordered and products fused, once and for all at compile time. Neither nan nor inf may be assumed away:
# a loss that diverges has to be seen.
FLAGS = {"contract", "nsz", "arcp", "reassoc"}

_F = np.float32


def exp_down(x):  # type: ignore[no-untyped-def]
    """Compute exp(x) for x <= 0; relative error below 1e-6 for x > -17, 4e-6 for x > -80; constant below -87."""
    return math.exp(x)


def log1p_unit(x):  # type: ignore[no-untyped-def]
    """Compute log(1 + x) for 0 <= x <= 1; relative error below 2e-7 in float32."""
    return math.log1p(x)


def tanh(x):  # type: ignore[no-untyped-def]
    """Compute tanh(x); in float32 off by less than 1.3e-7, and less than 2e-7 of itself."""
    return math.tanh(x)


@overload(exp_down, jit_options={"fastmath": FLAGS, "forceinline": True})
def _exp_down(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.exp(x)

    def by_powers_of_two(x):  # type: ignore[no-untyped-def]
        y = _F(-87.0) if x < _F(-87.0) else x  # below, 2^k would leave the normal numbers
        y = y * _F(1.44269504)
        k = np.floor(y)
        f = y - k
        # 2^f on [0, 1), least largest relative error 2e-9
        power = _F(1.24396897e-3) + f * _F(2.17022489e-4)
        power = _F(5.54833421e-2) + f * (_F(9.67884079e-3) + f * power)
        power = _F(1.0) + f * (_F(6.93146984e-1) + f * (_F(2.40229836e-1) + f * power))
        return power * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)

    return by_powers_of_two


@overload(log1p_unit, jit_options={"fastmath": FLAGS, "forceinline": True})
def _log1p_unit(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.log1p(x)

    def polynomial(x):  # type: ignore[no-untyped-def]
        # log(1 + x) / x on [0, 1], least largest relative error 5e-9
        p = _F(1.985126e-2) - x * _F(3.24398e-3)
        p = _F(1.0603616e-1) + x * (_F(-5.695915e-2) + x * p)
        p = _F(1.9675931e-1) + x * (_F(-1.530557e-1) + x * p)
        p = _F(3.3329962e-1) + x * (_F(-2.4954132e-1) + x * p)
        return x * (_F(1.0) + x * (_F(-4.9999902e-1) + x * p))

    return polynomial


@overload(tanh, jit_options={"fastmath": FLAGS, "forceinline": True})
def _tanh(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.tanh(x)

    def in_two_ranges(x):  # type: ignore[no-untyped-def]
        a = abs(x)
        e = exp_down(_F(-2.0) * a)  # type: ignore[no-untyped-call]
        large = math.copysign((_F(1.0) - e) / (_F(1.0) + e), x)
        # for |x| < 0.625, where 1 - e loses digits: Cephes, tanhf.c (Moshier 1989)
        q = x * x
        p = _F(2.06390887954e-2) - q * _F(5.70498872745e-3)
        p = _F(-3.33332819422e-1) + q * (_F(1.33314422036e-1) + q * (_F(-5.37397155531e-2) + q * p))
        small = x + x * q * p
        return small if a < _F(0.625) else large

    return in_two_ranges
