"""Virtual source functions in the time loop: values and slopes of a block, and the way back."""

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_rows import ROWS
from soensim.kernels.vector_math import FLAGS, tanh

TANH, RELU, STEEP_SIGMOID = range(3)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def advance_virtual(kind, flux, state, new, first, last, retention, gain):  # type: ignore[no-untyped-def]
    """Take a step, new = retention s + gain g(phi), of neurons ``first`` to ``last``; the flux gives way to dg/dphi."""
    real = retention.dtype.type
    zero, half, one = real(0.0), real(0.5), real(1.0)
    steep, onset = real(5.0), real(0.1)
    for n in range(first, last):
        keep, drive = retention[n], gain[n]
        if kind == TANH:
            for r in range(ROWS):
                g = tanh(flux[n, r])  # type: ignore[no-untyped-call]
                new[n, r] = keep * state[n, r] + drive * g
                flux[n, r] = one - g * g
        elif kind == RELU:
            for r in range(ROWS):
                phi = flux[n, r]
                slope = one if phi > zero else zero
                new[n, r] = keep * state[n, r] + drive * (phi * slope)
                flux[n, r] = slope
        else:
            for r in range(ROWS):
                t = tanh(steep * (flux[n, r] - onset))  # type: ignore[no-untyped-call]
                new[n, r] = keep * state[n, r] + drive * (half * (one + t))
                flux[n, r] = half * steep * (one - t * t)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def retreat_virtual(slope, adjoint, by_flux, first, last, retention, gain):  # type: ignore[no-untyped-def]
    """Go back over a step: from dL/d new to dL/dphi, and, in its place, to what reaches the old state directly."""
    for n in range(first, last):
        keep, drive = retention[n], gain[n]
        for r in range(ROWS):
            own = adjoint[n, r]
            by_flux[n, r] = drive * own * slope[n, r]
            adjoint[n, r] = keep * own
