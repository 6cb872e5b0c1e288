"""What both SQUID forms share: where the slopes of a step are taken, and numbers of the right type."""

from typing import Any, NamedTuple

from soensim._runtime.kernel_cache import njit
from soensim.kernels.vector_math import FLAGS, exp_down, log1p_unit

#: For functions of numbers that a loop calls: they become part of it, so that it can become vector instructions.
inlined = njit(fastmath=FLAGS, error_model="numpy", forceinline=True)


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

    Loops read coefficients from tuples: what stands in an array might be changed by any store of the loop.
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
    soft = c.width * ((ratio if ratio > c.zero else c.zero) + log1p_unit(e)) + c.guard  # type: ignore[no-untyped-call]
    sigmoid = (c.one if ratio >= c.zero else e) / (c.one + e)
    running = above > c.zero
    if c.soft > c.zero:
        return soft, sigmoid, c.one
    return (above if running else c.one), c.one, (c.one if running else c.zero)
