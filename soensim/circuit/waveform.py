"""Piecewise-linear waveforms: what drives a circuit."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.circuit.solvable import CURRENT_MOST, FLUX_MOST, RISE_NS, check_range, check_values, real_array
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
        t_ns, value = (
            np.array(real_array("waveform", x, "times and values"), ndmin=1) for x in (self.t_ns, self.value)
        )
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
        value = real_array("waveform", given, "values")
        if value.ndim == 0:
            return cls(np.zeros(1), value.reshape(1))
        return cls(t_ns, value)

    @classmethod
    def ramp(cls, level: float, rise_ns: float) -> Self:
        """From 0 at t = 0 to `level` at `rise_ns`.

        Raises
        ------
        CircuitError
            The level is beyond 1e5, or the rise time outside 1e-6 to 1e6 ns.
        """
        check_range("waveform", "the level", level, (-FLUX_MOST, FLUX_MOST))
        check_range("waveform", "the rise time in ns", rise_ns, RISE_NS)
        return cls(np.array([0.0, rise_ns]), np.array([0.0, level]))

    def at(self, t_ns: ArrayLike) -> Array:
        """Value at times t_ns."""
        return np.interp(np.asarray(t_ns, dtype=np.float64), self.t_ns, self.value)


class Knots(NamedTuple):
    """Corners of piecewise-linear flux (Phi_0) and bias (I_c) at times in tau_0; shape (knots,) each."""

    time: Array
    flux: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Drive:
    """Flux and bias of one dendrite, with all corners of both on one time axis.

    Parameters
    ----------
    t_ns
        Times to record, in ns.
    flux, bias
        Waveforms in Phi_0 and I_c.
    knots_ns
        0, every corner of both waveforms, and the last time to record; both are straight in between.
    """

    t_ns: Array
    flux: Waveform
    bias: Waveform
    knots_ns: Array

    @classmethod
    def of(
        cls, t_ns: ArrayLike, flux: Waveform | ArrayLike, bias_current: Waveform | ArrayLike, bias_rise_ns: float
    ) -> Self:
        """Assemble a drive from what `dendrite` accepts.

        Raises
        ------
        CircuitError
            On times that are negative or do not increase, or a bad or too large waveform.
        """
        times = np.array(real_array("dendrite", t_ns, "t_ns"), ndmin=1)
        if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all():
            raise CircuitError("dendrite: t_ns must be a one-dimensional array of finite times")
        if times[0] < 0.0 or not (np.diff(times) > 0.0).all():
            raise CircuitError("dendrite: t_ns must be 0 or later and increase strictly")
        times.setflags(write=False)
        flux_wave = Waveform.of(flux, times)
        if isinstance(bias_current, Waveform) or np.ndim(bias_current) > 0:
            bias_wave = Waveform.of(bias_current, times)
        else:
            level = real_array("dendrite", bias_current, "the bias (I_c)")
            check_values("dendrite", "the bias (I_c)", level, CURRENT_MOST)
            bias_wave = Waveform.ramp(float(level), bias_rise_ns)
        check_values("dendrite", "the flux (Phi_0)", flux_wave.value, FLUX_MOST)
        check_values("dendrite", "the bias (I_c)", bias_wave.value, CURRENT_MOST)
        end = max(float(times[-1]), 1e-3)  # a kernel needs one segment, even for t = 0 only
        corners = np.concatenate([[0.0, end], flux_wave.t_ns, bias_wave.t_ns])
        return cls(times, flux_wave, bias_wave, np.unique(corners[(corners >= 0.0) & (corners <= end)]))

    def knots(self, tau_per_ns: float) -> Knots:
        """Corners of both waveforms in the units of the kernels."""
        return Knots(self.knots_ns * tau_per_ns, self.flux.at(self.knots_ns), self.bias.at(self.knots_ns))
