"""Piecewise-linear waveforms: what drives a circuit."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.errors import CircuitError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Waveform:
    """Straight lines between (t_ns, value) points, constant before the first and after the last.

    Parameters
    ----------
    t_ns
        Strictly increasing times, in ns.
    value
        Values at these times, in the unit of what is driven (Phi_0 for flux, I_c for bias).

    Raises
    ------
    CircuitError
        If the arrays differ in length, are empty or not finite, or the times do not increase.
    """

    t_ns: Array
    value: Array

    def __post_init__(self) -> None:
        t_ns, value = (np.array(x, dtype=np.float64, ndmin=1) for x in (self.t_ns, self.value))
        if t_ns.ndim != 1 or t_ns.shape != value.shape or t_ns.size == 0:
            raise CircuitError(f"waveform: needs as many values as times; got shapes {value.shape}, {t_ns.shape}")
        if not (np.isfinite(t_ns).all() and np.isfinite(value).all()):
            raise CircuitError("waveform: times and values must be finite numbers")
        if not (np.diff(t_ns) > 0.0).all():
            raise CircuitError("waveform: times must increase strictly; a step needs a rise time, e.g. 0.1 ns")
        for array in (t_ns, value):
            array.setflags(write=False)
        object.__setattr__(self, "t_ns", t_ns)
        object.__setattr__(self, "value", value)

    @classmethod
    def of(cls, given: "Waveform | ArrayLike", t_ns: Array) -> Self:
        """Take a waveform as it is, a number as a constant, an array as values at the times t_ns."""
        if isinstance(given, cls):
            return given
        value = np.asarray(given, dtype=np.float64)
        if value.ndim == 0:
            return cls(np.zeros(1), value.reshape(1))
        return cls(t_ns, value)

    @classmethod
    def ramp(cls, level: float, rise_ns: float) -> Self:
        """From 0 at t = 0 to `level` at `rise_ns`."""
        if not rise_ns > 0.0:
            raise CircuitError(f"waveform: the rise time is {rise_ns!r} ns; it must be positive")
        return cls(np.array([0.0, rise_ns]), np.array([0.0, level]))

    def at(self, t_ns: ArrayLike) -> Array:
        """Value at times t_ns."""
        return np.interp(np.asarray(t_ns, dtype=np.float64), self.t_ns, self.value)
