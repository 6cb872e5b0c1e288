"""Elementary functions that a compiler turns into vector instructions, and the flags under which it may.

LLVM has no vector form of tanh, exp and log1p, so that a loop with one of them runs element by element. In float32 they
are polynomials here. In float64 tanh is made of the approximations of Cephes (S. L. Moshier, netlib.org/cephes), good
to the last digits; the others, which are for tests and comparisons there, are the exact ones.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from soensim._runtime.kernel_cache import njit

# Sums may be reordered and products fused, once and for all at compile time. Neither nan nor inf may be assumed away:
# a loss that diverges has to be seen.
FLAGS = {"contract", "nsz", "arcp", "reassoc"}

# Nothing but a kernel calls these functions: they become part of it. Forms that the interpreter or C could call would
# double the time that they take to compile.
_PART: Any = {"error_model": "numpy", "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
INLINED: Any = {**_PART, "fastmath": FLAGS}

#: Decorators of such functions, with the flags and without.
inlined, inlined_exact = njit(**INLINED), njit(**_PART)

_F = np.float32


@inlined
def pick(condition, yes, no):  # type: ignore[no-untyped-def]
    """Return one of two numbers; in a function that `soensim.kernels.lanes` takes, in the place of a branch."""
    return yes if condition else no


@inlined
def power_of_two(k):  # type: ignore[no-untyped-def]
    """Compute 2^k of a whole number k between -126 and 127, in float32."""
    return np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@inlined
def exp_down_float32(x):  # type: ignore[no-untyped-def]
    """`exp_down` of float32."""
    y = pick(x < _F(-87.0), _F(-87.0), x)  # below, 2^k would leave the normal numbers
    y = y * _F(1.44269504)
    k = np.floor(y)
    f = y - k
    # 2^f on [0, 1), least largest relative error 2e-9
    power = _F(1.24396897e-3) + f * _F(2.17022489e-4)
    power = _F(5.54833421e-2) + f * (_F(9.67884079e-3) + f * power)
    power = _F(1.0) + f * (_F(6.93146984e-1) + f * (_F(2.40229836e-1) + f * power))
    return power * power_of_two(k)


@inlined
def log1p_unit_float32(x):  # type: ignore[no-untyped-def]
    """`log1p_unit` of float32."""
    # log(1 + x) / x on [0, 1], least largest relative error 5e-9
    p = _F(1.985126e-2) - x * _F(3.24398e-3)
    p = _F(1.0603616e-1) + x * (_F(-5.695915e-2) + x * p)
    p = _F(1.9675931e-1) + x * (_F(-1.530557e-1) + x * p)
    p = _F(3.3329962e-1) + x * (_F(-2.4954132e-1) + x * p)
    return x * (_F(1.0) + x * (_F(-4.9999902e-1) + x * p))


@inlined
def tanh_float32(x):  # type: ignore[no-untyped-def]
    """`tanh` of float32."""
    # x P(x^2) / Q(x^2) on [-8, 8], least largest relative error 7e-9; the rest is rounding
    y = pick(x < _F(-8.0), _F(-8.0), x)
    y = pick(y > _F(8.0), _F(8.0), y)
    t = y * y
    p = _F(3.5715941e-3) + t * (_F(2.1894599e-5) + t * _F(1.5230325e-8))
    p = y * (_F(1.0) + t * (_F(1.3444495e-1) + t * p))
    q = _F(2.6164429e-2) + t * (_F(3.4112856e-4) + t * _F(8.522410e-7))
    return p / (_F(1.0) + t * (_F(4.6777824e-1) + t * q))


def exp_down(x):  # type: ignore[no-untyped-def]
    """Compute exp(x) for x <= 0; relative error below 1e-6 for x > -17, 4e-6 for x > -80; constant below -87."""
    return math.exp(x)


def log1p_unit(x):  # type: ignore[no-untyped-def]
    """Compute log(1 + x) for 0 <= x <= 1; relative error below 2e-7 in float32."""
    return math.log1p(x)


def tanh(x):  # type: ignore[no-untyped-def]
    """Compute tanh(x); in float32 off by less than 4e-7 of itself, in float64 by 5e-16."""
    return math.tanh(x)


@overload(exp_down, jit_options=INLINED)
def _exp_down(x):  # type: ignore[no-untyped-def]
    return exp_down_float32.py_func if x == types.float32 else lambda x: math.exp(x)


@overload(log1p_unit, jit_options=INLINED)
def _log1p_unit(x):  # type: ignore[no-untyped-def]
    return log1p_unit_float32.py_func if x == types.float32 else lambda x: math.log1p(x)


def _tanh_of_doubles(x):  # type: ignore[no-untyped-def]
    """Cephes' tanh, with one division for both of its ranges."""
    a = abs(x)
    # below 0.625: x + x z P(z) / Q(z), z = x^2
    z = a * a
    low = z * (-1.61468768441708447952e3 + z * (-9.92877231001918586564e1 - z * 9.64399179425052238628e-1))
    low_by = 4.84406305325125486048e3 + z * (2.23548839060100448583e3 + z * (1.12811678491632931402e2 + z))
    # above: 1 - 2 / (exp(2 x) + 1), exp(r + k log 2) = 2^k (Q(r^2) + r P(r^2)) / (Q(r^2) - r P(r^2))
    y = a + a
    y = 40.0 if y > 40.0 else y
    k = np.rint(y * 1.4426950408889634)
    r = y - k * 0.6931471805599453
    w = r * r
    p = r * (9.99999999999999999910e-1 + w * (3.02994407707441961300e-2 + w * 1.26177193074810590878e-4))
    q = 2.52448340349684104192e-3 + w * 3.00198505138664455042e-6
    q = 2.0 + w * (2.27265548208155028766e-1 + w * q)
    power = np.int64((np.int64(np.int32(k)) + np.int64(1023)) << np.int64(52)).view(np.float64)
    small = a < 0.625
    share = (low if small else 2.0 * (q - p)) / (low_by if small else (q + p) * power + (q - p))
    value = a + a * share if small else 1.0 - share
    return value if x >= 0.0 else -value


@overload(tanh, jit_options=INLINED)
def _tanh(x):  # type: ignore[no-untyped-def]
    if x == types.float64:
        return _tanh_of_doubles
    if x != types.float32:
        return lambda x: math.tanh(x)

    return tanh_float32.py_func
