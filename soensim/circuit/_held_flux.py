"""The phenomenological dendrite while its flux is held: the compiled loop of `soensim.circuit.drive_validity`."""

from soensim._runtime.kernel_cache import njit
from soensim.circuit.source import source_value_and_gradient


@njit(cache=True, error_model="numpy")
def held_states(flux, steps, h, dendrite, arrays, states):  # type: ignore[no-untyped-def]
    """Fill ``states`` (rows, samples) in: s after every sample of ``flux``, by ``steps`` steps of Runge and Kutta's.

    ``dendrite`` is (i_b, gamma_plus, gamma_minus), and ``h`` the length of a step (tau_0).
    """
    for row in range(flux.shape[0]):
        s = 0.0
        for sample in range(flux.shape[1]):
            phi = flux[row, sample]
            for _ in range(steps):
                k1 = _slope(s, phi, dendrite, arrays)
                k2 = _slope(s + 0.5 * h * k1, phi, dendrite, arrays)
                k3 = _slope(s + 0.5 * h * k2, phi, dendrite, arrays)
                k4 = _slope(s + h * k3, phi, dendrite, arrays)
                s = s + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)
            states[row, sample] = s


@njit(cache=True, error_model="numpy")
def _slope(s, phi, dendrite, arrays):  # type: ignore[no-untyped-def]
    bias, gamma_plus, gamma_minus = dendrite
    return gamma_plus * source_value_and_gradient(phi, bias - s, arrays)[0] - gamma_minus * s
