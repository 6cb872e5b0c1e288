"""What the solvers of this room take: ranges that are checked before any loop, so that every call ends.

They are far beyond what is built (docs/physics.md). What is outside is a slip of the unit or would take for ever.
"""

import math
import numbers
import warnings
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from soensim.circuit.device import Device
from soensim.errors import CircuitError

#: Largest flux (Phi_0), bias or current (I_c), and temperature (K); smallest and largest tolerance.
FLUX_MOST, CURRENT_MOST, TEMPERATURE_MOST_K = 1e5, 1e3, 100.0
TOLERANCES = 1e-15, 0.1
#: Rise time of a constant bias (ns), and tau_0 per ns.
RISE_NS, TAU_PER_NS = (1e-6, 1e6), (1e-3, 1e6)
#: beta_c of the junctions, inductance beta of an arm and of an integration loop; its decay time (ns).
BETA_C, ARM, LOOP, DECAY_NS = (1e-2, 1e3), (1e-3, 1e3), (1e-2, 1e10), (1e-4, math.inf)
#: Fastest rate of a device, in 1 / tau_0: explicit steps are about as short as its reciprocal.
RATE_MOST = 100.0
_SHOWN = 40
#: Most steps that a solution may take; about a minute.
STEPS_MOST = 200_000_000


def check_range(where: str, name: str, value: object, limits: tuple[float, float]) -> None:
    """Refuse what is no number, and a number outside its range; NaN is outside.

    Raises
    ------
    CircuitError
        It is.
    """
    low, high = limits
    if not (is_number(value) and low <= value <= high):
        raise CircuitError(f"{where}: {name} is {_brief(value)}; it must be a number from {low:g} to {high:g}")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number that a float holds."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _brief(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def real_array(where: str, values: Any, name: str) -> NDArray[np.float64]:
    """Take what was given as an array of numbers.

    Raises
    ------
    CircuitError
        It is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, np.exceptions.ComplexWarning):
        raise CircuitError(f"{where}: {name} must be finite numbers, not {_brief(values)}") from None


def check_finite(where: str, name: str, values: NDArray[np.float64]) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    CircuitError
        One of them is not.
    """
    if not np.isfinite(values).all():
        raise CircuitError(f"{where}: {name} must be finite numbers")


def check_values(where: str, name: str, values: NDArray[np.float64], most: float) -> None:
    """Refuse values that are not finite, or larger than ``most`` either way.

    Raises
    ------
    CircuitError
        One of them is.
    """
    check_finite(where, name, values)
    largest = float(np.abs(values).max(initial=0.0))
    if largest > most:
        raise CircuitError(f"{where}: {name} reaches {largest:g}; it must stay within -{most:g} and {most:g}")


def check_device(device: Device) -> None:
    """Refuse a SQUID that is too fast, or too slow to settle, for the solvers.

    Raises
    ------
    CircuitError
        beta_c or an arm is outside its range, or both together are.
    """
    beta_c = device.junction.beta_c
    check_range("device", "beta_c", beta_c, BETA_C)
    for name in ("beta_1", "beta_2"):
        check_range("device", name, getattr(device, name), ARM)
    rate = fastest_rate(device)
    if not rate <= RATE_MOST:
        raise CircuitError(
            f"device: with beta_c {beta_c:g} and arms of {device.beta_1:g} and {device.beta_2:g} it moves {rate:.3g} "
            f"times in tau_0, and up to {RATE_MOST:g} can be followed; make beta_c and the arms 0.02 or larger"
        )


def fastest_rate(device: Device) -> float:
    """Fastest rate of a SQUID (1 / tau_0): decay by its capacitances, or oscillation of its loop (docs/physics.md)."""
    beta_c = device.junction.beta_c
    return max(1.0 / beta_c, math.sqrt((1.0 + 2.0 / device.beta_sum) / beta_c))


def solvable_tau_per_ns(device: Device) -> float:
    """One ns in units of tau_0.

    Raises
    ------
    CircuitError
        The junction is so slow or so fast that the solvers do not take it.
    """
    try:
        tau = float(device.junction.tau_from_seconds(1e-9))
    except ZeroDivisionError:  # of a capacitance beyond the range of floats
        tau = math.inf
    check_range("device", "1 ns in units of the junction's tau_0", tau, TAU_PER_NS)
    return tau
