"""Parameters of one dendrite from its measured trace: I_c, drive gain and leak, by least squares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import stdtrit

from soensim._runtime.words import shown_path
from soensim.errors import MeasurementError
from soensim.fabrication.chip import SquidFactors
from soensim.fabrication.varied_squid import varied_source
from soensim.fit.trace import Trace
from soensim.network import Population
from soensim.units import Junction

FloatArray = NDArray[np.float64]

NAMES: Final = ("critical_current", "gamma_plus", "gamma_minus")
UNITS: Final = ("1", "1/tau", "1/tau")
_LARGEST_STEP: Final = 0.25  # of the integration, in 1 / gamma_plus: states are off by less than 3e-6 I_c (measured)
_MOST_STEPS: Final = 200_000
_STEP_S: Final = 0.4e-3  # of all parameters side by side; measured on an x86 server of 2024
_USUAL_EVALUATIONS: Final = 20
_LONG_S: Final = 20.0
_FACTORS: Final = (0.7, 1.3)  # of I_c: the source function is good to 5e-3 there (soensim.fabrication.varied_squid)
_DIFFERENCE: Final = 1e-5
_UNDETERMINED: Final = 1.0
SYSTEMATIC: Final = 0.5
_INTEGRATION_ERROR: Final = 1e-5


@dataclass(frozen=True)
class Parameter:
    """One estimated parameter.

    Attributes
    ----------
    name, unit
        `critical_current` in parts of the drawing's, `gamma_plus` and `gamma_minus` in 1/tau.
    value, ci95, relative_error
        Estimate, its 95 % interval and its standard error in parts of it; None where the trace does not determine it.
    drawn
        What the netlist has.
    """

    name: str
    unit: str
    value: float | None
    ci95: tuple[float, float] | None
    relative_error: float | None
    drawn: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "ci95": None if self.ci95 is None else list(self.ci95)}


@dataclass(frozen=True)
class DendriteFit:
    """What a trace says of its dendrite.

    Attributes
    ----------
    file, population
        The trace, and the population that the dendrite is one of.
    samples
        Number of them.
    parameters
        In the order of `NAMES`.
    noise
        Standard deviation of the state about the model (I_c).
    correlation
        Of what is left between neighbouring samples: near 0 where the model describes the trace, and the noise is that
        of a measurement; above `SYSTEMATIC` the intervals are too narrow.
    """

    file: str
    population: str
    samples: int
    parameters: tuple[Parameter, ...]
    noise: float
    correlation: float

    @property
    def systematic(self) -> bool:
        """Whether what is left is no noise, nor the error of the integration: the model does not describe the trace."""
        return self.correlation > SYSTEMATIC and self.noise > _INTEGRATION_ERROR

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "parameters": [one.as_dict() for one in self.parameters]}


class _Model:
    """States of a dendrite at the times of a trace, and their derivatives.

    Parameters x are logarithms of the factors on I_c, gamma_plus and gamma_minus of the drawing, and the state at the
    start. All differences of the derivatives are integrated side by side.
    """

    def __init__(self, trace: Trace, population: Population, junction: Junction) -> None:
        self.trace, self.source = trace, population.source
        self.bias = float(population.bias_current[0])
        self.gammas = float(population.gamma_plus[0]), float(population.gamma_minus[0])
        tau = np.asarray(junction.tau_from_seconds(trace.time_s))
        if self.gammas[1] == 0:  # the drawing has no leak, and a chip may
            self.gammas = self.gammas[0], 0.1 / float(tau[-1] - tau[0])
        self.steps = np.diff(tau)
        self.parts = np.maximum(np.ceil(self.steps * self.gammas[0] / _LARGEST_STEP), 1).astype(np.int64)
        if self.parts.sum() > _MOST_STEPS:
            raise MeasurementError(
                f"{shown_path(trace.file)}: lasts {tau[-1] - tau[0]:.3g} tau, which takes {self.parts.sum()} steps of "
                f"{_LARGEST_STEP} / gamma_plus; at most {_MOST_STEPS} are integrated: give a shorter trace, or check "
                "the unit of its times"
            )
        self._at: tuple[bytes, FloatArray, FloatArray] | None = None

    @property
    def seconds(self) -> float:
        """Roughly how long a fit takes."""
        return float(self.parts.sum()) * _STEP_S * _USUAL_EVALUATIONS

    def both(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the states (samples,), and their derivatives (samples, parameters)."""
        if self._at is None or self._at[0] != x.tobytes():
            shifts = _DIFFERENCE * np.eye(len(x))
            found = self.states(np.stack([x, *(x + shifts), *(x - shifts)]))
            count = len(x)
            slopes = (found[:, 1 : count + 1] - found[:, count + 1 :]) / (2 * _DIFFERENCE)
            self._at = x.tobytes(), found[:, 0], slopes
        return self._at[1], self._at[2]

    def states(self, x: FloatArray) -> FloatArray:
        """Integrate ds/dtau = gamma_plus g(phi, i_b - s) - gamma_minus s (Runge and Kutta's fourth order).

        ``x`` has the shape (sets, parameters); the result (samples, sets).
        """
        c = np.exp(x[:, 0])
        plus, minus = self.gammas[0] * np.exp(x[:, 1]), self.gammas[1] * np.exp(x[:, 2])
        ones = np.ones(len(x))
        g = varied_source(self.source, SquidFactors(c, ones, ones))

        def slope(flux: FloatArray, s: FloatArray) -> FloatArray:
            found: FloatArray = plus * g(flux, self.bias - s) - minus * s
            return found

        s = x[:, 3].copy()
        record = [s]
        for flux_now, length, parts in zip(self.trace.flux.tolist(), self.steps, self.parts, strict=False):
            flux, h = np.full(len(x), flux_now), length / parts
            for _ in range(parts):
                k1 = slope(flux, s)
                k2 = slope(flux, s + 0.5 * h * k1)
                k3 = slope(flux, s + 0.5 * h * k2)
                s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(flux, s + h * k3))
            record.append(s)
        return np.stack(record)


def fit_dendrite(
    trace: Trace, population: Population, junction: Junction, tell: Callable[[str], None] = lambda _: None
) -> DendriteFit:
    """Fit I_c, gamma_plus and gamma_minus of a dendrite, and the state that its trace starts from.

    Bias current, arms and beta_c are those of the drawing; the critical current c changes the SQUID as
    `soensim.fabrication.varied_squid` says. The noise is taken to be normal, alike and independent from sample to
    sample: the covariance is s^2 (J^T J)^-1 with J the derivatives of the states and s^2 the mean square of what is
    left, the intervals are Student's, of the logarithms. What a trace does not determine, such as the gain where
    nothing drives the dendrite, is said to be so, and held at the drawing's value.

    Parameters
    ----------
    trace, population, junction
        What was measured, the population that the dendrite is one of, and the scales of its units.
    tell
        Called with how long the fit takes, where that is long, before it starts.

    Raises
    ------
    MeasurementError
        The population is no SQUID, or its neurons are drawn differently; the trace is too long; or nothing fits.
    """
    _check(population, trace)
    model = _Model(trace, population, junction)
    if model.seconds > _LONG_S:
        tell(
            f"{shown_path(trace.file)}: {1e9 * (trace.time_s[-1] - trace.time_s[0]):,.4g} ns are "
            f"{model.parts.sum():,} steps: about {model.seconds / 60:.1g} min"
        )
    free = [0, 1, 2, 3]
    x = np.array([0.0, 0.0, 0.0, trace.state[0]])
    while True:
        x = _least_squares(model, x, free)
        states, slopes = model.both(x)
        errors = _errors(states - trace.state, slopes[:, free])
        lost = [k for k, error in zip(free, errors, strict=True) if k != 3 and not error < _UNDETERMINED]
        if not lost:
            break
        free = [k for k in free if k not in lost]
        x[lost] = 0.0
    freedom = len(trace.state) - len(free)
    half = dict(zip(free, float(stdtrit(freedom, 0.975)) * errors, strict=True))
    drawn = (1.0, float(population.gamma_plus[0]), float(population.gamma_minus[0]))
    parameters = []
    for k, (name, unit) in enumerate(zip(NAMES, UNITS, strict=True)):
        if k not in free:
            parameters.append(Parameter(name, unit, None, None, None, drawn[k]))
            continue
        scale = 1.0 if k == 0 else model.gammas[k - 1]
        value = scale * math.exp(x[k])
        interval = value * math.exp(-half[k]), value * math.exp(half[k])
        error = float(errors[free.index(k)])
        parameters.append(Parameter(name, unit, value, interval, error, drawn[k]))
    left = states - trace.state
    square = float((left**2).sum())
    correlation = float((left[1:] * left[:-1]).sum()) / square if square else 0.0
    noise = math.sqrt(square / freedom)
    return DendriteFit(trace.file, population.name, len(trace.state), tuple(parameters), noise, correlation)


def _check(population: Population, trace: Trace) -> None:
    if population.source.virtual:
        raise MeasurementError(
            f"{shown_path(trace.file)}: population {population.name!r} has a virtual source function, which no circuit "
            "has; a trace is of a SQUID dendrite"
        )
    for name in ("gamma_plus", "gamma_minus", "bias_current"):
        if np.ptp(getattr(population, name)):
            raise MeasurementError(
                f"{shown_path(trace.file)}: neurons of population {population.name!r} are drawn with {name} of their "
                "own; a trace can only be compared with neurons that are drawn alike"
            )


def _least_squares(model: _Model, x: FloatArray, free: Sequence[int]) -> FloatArray:
    """Return the parameters that fit best, those that are not free as given."""
    state = model.trace.state

    def whole(part: FloatArray) -> FloatArray:
        found = x.copy()
        found[free] = part
        return found

    low = np.array([math.log(_FACTORS[0]), -5.0, -5.0, -20.0])
    high = np.array([math.log(_FACTORS[1]), 5.0, 5.0, 20.0])

    def residuals(part: FloatArray) -> FloatArray:
        return model.both(whole(part))[0] - state

    def slopes(part: FloatArray) -> FloatArray:
        return model.both(whole(part))[1][:, free]

    fitted = least_squares(
        residuals,
        x[free],
        jac=slopes,
        bounds=(low[free], high[free]),
        x_scale="jac",
        xtol=1e-8,
        ftol=1e-10,
        gtol=1e-12,
        max_nfev=100,
    )
    best = whole(fitted.x)
    at_bound = [NAMES[k] for k in free if k < 3 and not low[k] + 1e-6 < best[k] < high[k] - 1e-6]
    if at_bound:
        raise MeasurementError(
            f"{shown_path(model.trace.file)}: no {at_bound[0]} near the netlist's fits it; check the units and the "
            "flux of the trace, and that it is of this population"
        )
    return best


def _errors(residuals: FloatArray, slopes: FloatArray) -> FloatArray:
    """Standard errors of the parameters; infinite for one that changes nothing, alone or with others."""
    freedom = len(residuals) - slopes.shape[1]
    variance = float((residuals**2).sum()) / freedom
    scale = np.sqrt((slopes**2).sum(0))
    used = scale > 0
    errors = np.full(slopes.shape[1], np.inf)
    if used.any():
        _, singular, rows = np.linalg.svd(slopes[:, used] / scale[used], full_matrices=False)
        small = singular < 1e-9 * singular[0]
        inverse = np.where(small, 0.0, 1 / np.where(small, 1.0, singular))
        own = np.sqrt(variance * ((rows.T * inverse) ** 2).sum(1)) / scale[used]
        mixed = (np.abs(rows[small]) > 1e-3).any(0) if small.any() else np.zeros(used.sum(), dtype=bool)
        errors[used] = np.where(mixed, np.inf, own)
    return errors
