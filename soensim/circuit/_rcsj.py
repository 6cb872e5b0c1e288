"""Numba kernels of the circuit: right-hand side, one Runge-Kutta step, the running period, the transient.

State y = (d1, v1, d2, v2, s): junction phases, phase velocities, loop current. The circuit is that of
docs/physics.md:

    beta_c d1'' + d1' + sin d1 = i1        beta_c d2'' + d2' + sin d2 = i2        i1 + i2 = i_b - s
    d1 - d2 + beta_1 i1 - beta_2 i2 = 2 pi phi        beta_p = beta_1 beta_2 / (beta_1 + beta_2)
    (beta_di + beta_p) s' = (beta_2 d1' + beta_1 d2') / (beta_1 + beta_2) - alpha s + beta_p i_b'

The mean phase D = (beta_2 d1 + beta_1 d2) / (beta_1 + beta_2) grows by 2 pi per fluxon.

Steps are those of Dormand and Prince, J. Comput. Appl. Math. 6, 19 (1980), order 5(4).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit

Array = NDArray[np.float64]

TWO_PI = 2.0 * math.pi
#: What `transient` answers where it gives up.
OUT_OF_STEPS = -2
# Most steps for one period: 1e5 tau_0, the longest, at the fastest rate of a device that is taken.
_PERIOD_STEPS_MOST = 20_000_000


class Circuit(NamedTuple):
    """Parameters of the kernels; `weight_1`, `weight_2` are the parts of d1 and d2 in the mean phase D."""

    beta_c: float
    beta_1: float
    beta_2: float
    inv_l: float
    alpha: float
    weight_1: float
    weight_2: float
    beta_p: float

    @classmethod
    def of(cls, beta_c: float, beta_1: float, beta_2: float, beta_di: float, alpha: float) -> "Circuit":
        """Derive the rest; beta_di = inf disconnects the integration loop."""
        beta_sum = beta_1 + beta_2
        beta_p = beta_1 * beta_2 / beta_sum
        inv_l = 1.0 / (beta_di + beta_p)
        return cls(beta_c, beta_1, beta_2, inv_l, alpha, beta_2 / beta_sum, beta_1 / beta_sum, beta_p)


class Forcing(NamedTuple):
    """Flux and bias at the start of a step, with their constant slopes over it."""

    flux: float
    dflux: float
    bias: float
    dbias: float


class Record(NamedTuple):
    """What `transient` fills at the given times (tau_0): s, the mean phase D, the supply's work; shape (times,).

    The work is int i_b V_tap dtau with V_tap = D' + beta_p (i_b - s)'.
    """

    time: Array
    state: Array
    phase: Array
    energy: Array


class Point(NamedTuple):
    """A state y of the circuit and its slope dy/dtau, shape (5,) each."""

    y: Array
    slope: Array


class PeriodSettings(NamedTuple):
    """How `running_period` times an orbit.

    `tolerance` is the local error of a step; `settle` the relative difference of two successive periods at which the
    orbit counts as settled; `max_time` the longest period (tau_0); `periods` how many are averaged of an orbit that
    does not settle.
    """

    tolerance: float
    settle: float
    max_time: float
    periods: int


@njit(cache=True, inline="always")
def _slope(y, drive, c, circuit):  # type: ignore[no-untyped-def]
    """Right-hand side at the state y, at the time c after the start of the drive."""
    d1, v1, d2, v2, s = y
    flux, bias = drive.flux + c * drive.dflux, drive.bias + c * drive.dbias
    beta_1, beta_2 = circuit.beta_1, circuit.beta_2
    inv_sum = 1.0 / (beta_1 + beta_2)
    current = bias - s
    i1 = (TWO_PI * flux - d1 + d2 + beta_2 * current) * inv_sum
    i2 = current - i1
    inv_c = 1.0 / circuit.beta_c
    a1 = (i1 - v1 - math.sin(d1)) * inv_c
    a2 = (i2 - v2 - math.sin(d2)) * inv_c
    voltage = (beta_2 * v1 + beta_1 * v2) * inv_sum
    ds = circuit.inv_l * (voltage - circuit.alpha * s + beta_1 * beta_2 * inv_sum * drive.dbias)
    return v1, a1, v2, a2, ds


@njit(cache=True, inline="always")
def _add(y, w, k):  # type: ignore[no-untyped-def]
    """Return y + w k, element by element."""
    return y[0] + w * k[0], y[1] + w * k[1], y[2] + w * k[2], y[3] + w * k[3], y[4] + w * k[4]


@njit(cache=True, inline="always")
def _fill(array, values):  # type: ignore[no-untyped-def]
    array[0], array[1], array[2], array[3], array[4] = values


@njit(cache=True)
def step(start, slope, h, drive, circuit, out, k_out):  # type: ignore[no-untyped-def]
    """One Dormand-Prince step from `start` (with its slope) to out (with slope k_out); returns the error estimate.

    The estimate is the largest absolute error over the junction phases and velocities and 10^2 times that of s,
    whose increments are that much smaller.
    """
    y = (start[0], start[1], start[2], start[3], start[4])
    k1 = (slope[0], slope[1], slope[2], slope[3], slope[4])
    c = h / 5.0
    k2 = _slope(_add(y, c, k1), drive, c, circuit)
    z = _add(_add(y, h * 3.0 / 40.0, k1), h * 9.0 / 40.0, k2)
    k3 = _slope(z, drive, h * 3.0 / 10.0, circuit)
    z = _add(_add(_add(y, h * 44.0 / 45.0, k1), -h * 56.0 / 15.0, k2), h * 32.0 / 9.0, k3)
    k4 = _slope(z, drive, h * 4.0 / 5.0, circuit)
    z = _add(_add(y, h * 19372.0 / 6561.0, k1), -h * 25360.0 / 2187.0, k2)
    z = _add(_add(z, h * 64448.0 / 6561.0, k3), -h * 212.0 / 729.0, k4)
    k5 = _slope(z, drive, h * 8.0 / 9.0, circuit)
    z = _add(_add(y, h * 9017.0 / 3168.0, k1), -h * 355.0 / 33.0, k2)
    z = _add(_add(_add(z, h * 46732.0 / 5247.0, k3), h * 49.0 / 176.0, k4), -h * 5103.0 / 18656.0, k5)
    k6 = _slope(z, drive, h, circuit)
    z = _add(_add(_add(y, h * 35.0 / 384.0, k1), h * 500.0 / 1113.0, k3), h * 125.0 / 192.0, k4)
    z = _add(_add(z, -h * 2187.0 / 6784.0, k5), h * 11.0 / 84.0, k6)
    k7 = _slope(z, drive, h, circuit)
    _fill(out, z)
    _fill(k_out, k7)
    # Difference between the solutions of order 5 and 4.
    e = _add(_add((0.0, 0.0, 0.0, 0.0, 0.0), h * 71.0 / 57600.0, k1), -h * 71.0 / 16695.0, k3)
    e = _add(_add(_add(e, h * 71.0 / 1920.0, k4), -h * 17253.0 / 339200.0, k5), h * 22.0 / 525.0, k6)
    e = _add(e, -h / 40.0, k7)
    return max(abs(e[0]), abs(e[1]), abs(e[2]), abs(e[3]), abs(100.0 * e[4]))


@njit(cache=True)
def _first_slope(y, drive, circuit, k):  # type: ignore[no-untyped-def]
    """Fill the slope k at the start of a segment."""
    _fill(k, _slope((y[0], y[1], y[2], y[3], y[4]), drive, 0.0, circuit))


@njit(cache=True, inline="always")
def _mean(values, circuit):  # type: ignore[no-untyped-def]
    """Mean phase D of a state, or D' of its slope."""
    return circuit.weight_1 * values[0] + circuit.weight_2 * values[2]


@njit(cache=True)
def _step_to_section(now, h, gap, target, drive, circuit, after):  # type: ignore[no-untyped-def]
    """Repeat a step that passed the mean phase `target`, of size h, with other sizes until it ends there (secant).

    `gap` is D - target at the start of the step, below 0. Returns the size; `after` is its end.
    """
    y, k, out, k_out = now.y, now.slope, after.y, after.slope
    low, low_gap, high, high_gap = 0.0, gap, h, _mean(out, circuit) - target
    part = h
    for _ in range(20):
        if abs(high_gap) < 1e-12 or high - low < 1e-13:
            break
        velocity = _mean(k_out, circuit)
        part = high - high_gap / velocity if velocity > 0.0 else 0.5 * (low + high)
        if not low < part < high:
            part = low - low_gap * (high - low) / (high_gap - low_gap)
        step(y, k, part, drive, circuit, out, k_out)
        gap = _mean(out, circuit) - target
        if gap < 0.0:
            low, low_gap = part, gap
            if gap > -1e-12:
                break
        else:
            high, high_gap = part, gap
    return part


@njit(cache=True)
def _copy(out, k_out, y, k):  # type: ignore[no-untyped-def]
    """y, k = out, k_out. Assigning slices would take 2 s to compile, for the message where shapes differ."""
    for j in range(5):
        y[j], k[j] = out[j], k_out[j]


@njit(cache=True)
def running_period(y, flux, current, circuit, settings):  # type: ignore[no-untyped-def]
    """Mean period of the running state at constant flux and current, by timing the mean phase.

    The mean phase is timed at D = 3 pi / 2 (mod 2 pi), where the SQUID runs fastest and no bottleneck is near.
    The orbit has settled when two successive periods agree; else the mean over several periods counts.

    Parameters
    ----------
    y
        Start; overwritten by the state at the section, which is a warm start for a neighbouring point.
    settings
        See `PeriodSettings`.

    Returns
    -------
    float
        Period in tau_0; 0.0 if the phase does not advance within `max_time` (no running state), NaN if that takes too
        many steps.
    """
    k, out, k_out, drive = np.empty(5), np.empty(5), np.empty(5), Forcing(flux, 0.0, current, 0.0)
    _first_slope(y, drive, circuit, k)
    phase = _mean(y, circuit)
    target = 1.5 * math.pi + TWO_PI * math.floor((phase - 1.5 * math.pi) / TWO_PI + 1.0 + 1e-9)
    h, t, t_cross, count, last, total, steps = 0.1, 0.0, 0.0, 0, 0.0, 0.0, 0
    while t - t_cross < settings.max_time:
        steps += 1
        if steps > _PERIOD_STEPS_MOST:
            return math.nan
        error = step(y, k, h, drive, circuit, out, k_out)
        factor = 0.9 * (settings.tolerance / (error + 1e-300)) ** 0.2
        if not error <= settings.tolerance:
            h *= max(0.2, factor if factor == factor else 0.2)
            continue
        after = _mean(out, circuit)
        if after < target:
            t += h
            phase = after
            _copy(out, k_out, y, k)
            h = min(h * min(4.0, factor), 1.0)
            continue
        t += _step_to_section(Point(y, k), h, phase - target, target, drive, circuit, Point(out, k_out))
        _copy(out, k_out, y, k)
        phase = target
        target += TWO_PI
        if count > 0:
            period = t - t_cross
            # The first period carries the transient.
            if count > 1 and abs(period - last) < settings.settle * period:
                shift = TWO_PI * math.floor(phase / TWO_PI)
                y[0] -= shift
                y[2] -= shift
                return period
            if count > settings.periods:
                total += period
            last = period
        if count == 2 * settings.periods:
            return total / settings.periods
        t_cross = t
        count += 1
    return 0.0


@njit(cache=True)
def _hermite(x, h, y0, k0, y1, k1):  # type: ignore[no-untyped-def]
    """Cubic through both ends of a step with their slopes, at the fraction x of the step."""
    z = 1.0 - x
    return z * z * ((1.0 + 2.0 * x) * y0 + x * h * k0) + x * x * ((3.0 - 2.0 * x) * y1 - z * h * k1)


@njit(cache=True)
def _read(record, o, interval, now, after, drive, circuit):  # type: ignore[no-untyped-def]
    """Fill a record from its index o to the end of a step; return the index of the next time.

    `interval` is (start, size, end, work of the supply until the start).
    """
    start, size, end, work = interval
    times, y, k, out, k_out = record.time, now.y, now.slope, after.y, after.slope
    phase = _mean(y, circuit)
    while o < times.size and times[o] <= end:
        x = (times[o] - start) / size
        s = _hermite(x, size, y[4], k[4], out[4], k_out[4])
        d = _hermite(x, size, phase, _mean(k, circuit), _mean(out, circuit), _mean(k_out, circuit))
        record.state[o], record.phase[o] = s, d
        rise = drive.dbias * (times[o] - start)
        record.energy[o] = work + (drive.bias + 0.5 * rise) * (d - phase + circuit.beta_p * (rise - (s - y[4])))
        o += 1
    return o


@njit(cache=True)
def transient(y, knots, circuit, tolerance, record, most):  # type: ignore[no-untyped-def]
    """Integrate the circuit through piecewise-linear flux and bias.

    Parameters
    ----------
    y
        State at the first knot; overwritten.
    knots
        The waveforms; steps end on every knot, so that each step sees smooth forcing.
    record
        Filled at its times, which increase and lie between the first and the last knot.

    Returns
    -------
    int
        Number of steps taken; -1 if the step size fell below 1e-9 (the state diverges), `OUT_OF_STEPS` if more than
        ``most`` were tried.
    """
    k, out, k_out = np.empty(5), np.empty(5), np.empty(5)
    h, steps, tried, o, work = 0.05, 0, 0, 0, 0.0
    for j in range(knots.time.size - 1):
        t0, t1 = knots.time[j], knots.time[j + 1]
        dflux = (knots.flux[j + 1] - knots.flux[j]) / (t1 - t0)
        dbias = (knots.bias[j + 1] - knots.bias[j]) / (t1 - t0)
        t = t0
        _first_slope(y, Forcing(knots.flux[j], dflux, knots.bias[j], dbias), circuit, k)
        while t < t1:
            last = t + h >= t1 - 1e-9
            size = t1 - t if last else h
            tried += 1
            if tried > most:
                return OUT_OF_STEPS
            drive = Forcing(knots.flux[j] + (t - t0) * dflux, dflux, knots.bias[j] + (t - t0) * dbias, dbias)
            error = step(y, k, size, drive, circuit, out, k_out)
            factor = 0.9 * (tolerance / (error + 1e-300)) ** 0.2
            if not error <= tolerance:
                h = size * max(0.2, factor if factor == factor else 0.2)
                if h < 1e-9:
                    return -1
                continue
            steps += 1
            end = t1 if last else t + size
            if o < record.time.size and record.time[o] <= end:
                o = _read(record, o, (t, size, end, work), Point(y, k), Point(out, k_out), drive, circuit)
            rise, advance = dbias * size, _mean(out, circuit) - _mean(y, circuit)
            work += (drive.bias + 0.5 * rise) * (advance + circuit.beta_p * (rise - (out[4] - y[4])))
            _copy(out, k_out, y, k)
            t = end
            if not last or factor < 1.0:
                h = size * min(4.0, factor)
    return steps
