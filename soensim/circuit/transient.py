"""The dendrite circuit: SQUID, integration loop, piecewise-linear drive; solved from first principles."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.circuit._rcsj import OUT_OF_STEPS, TWO_PI, Circuit, Record, transient
from soensim.circuit.device import Device
from soensim.circuit.solvable import (
    DECAY_NS,
    LOOP,
    STEPS_MOST,
    TOLERANCES,
    check_device,
    check_range,
    fastest_rate,
    solvable_tau_per_ns,
)
from soensim.circuit.waveform import Drive, Knots, Waveform
from soensim.errors import CircuitError
from soensim.units import FLUX_QUANTUM_WB

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CircuitTrace:
    """What the circuit did, at the times asked for; every array has the shape of `t_ns`.

    Parameters
    ----------
    t_ns
        Times, in ns.
    state
        Current of the integration loop s, in I_c.
    fluxons
        Fluxons that have entered the loop since t = 0; one counts when the mean phase passes 3 pi / 2 (mod 2 pi).
    mean_phase
        (beta_2 d1 + beta_1 d2) / (beta_1 + beta_2), in rad.
    energy_j
        Work of the bias supply since t = 0, in J.
    flux, bias_current
        The drive, in Phi_0 and I_c.
    steps
        Integration steps taken.
    """

    t_ns: Array
    state: Array
    fluxons: NDArray[np.int64]
    mean_phase: Array
    energy_j: Array
    flux: Array
    bias_current: Array
    steps: int

    def at(self, index: NDArray[np.intp]) -> Self:
        """The same trace at some of its times."""
        names = ("t_ns", "state", "fluxons", "mean_phase", "energy_j", "flux", "bias_current")
        return replace(self, **{name: getattr(self, name)[index] for name in names})


def dendrite(
    device: Device,
    *,
    t_ns: ArrayLike,
    flux: Waveform | ArrayLike,
    bias_current: Waveform | ArrayLike,
    beta_di: float,
    tau_di_ns: float,
    bias_rise_ns: float = 0.1,
    tolerance: float = 1e-6,
) -> CircuitTrace:
    """Solve a dendrite's circuit (docs/physics.md), from rest at t = 0, cooled in the flux of that moment.

        beta_c d1'' + d1' + sin d1 = i1        beta_c d2'' + d2' + sin d2 = i2        i1 + i2 = i_b - s
        d1 - d2 + beta_1 i1 - beta_2 i2 = 2 pi phi
        (beta_di + beta_p) s' = (beta_2 d1' + beta_1 d2') / (beta_1 + beta_2) - alpha s + beta_p i_b'

    with alpha = beta_di tau_0 / tau_di. Steps of order 5 with error control end on every corner of the drive.

    Parameters
    ----------
    device
        The SQUID.
    t_ns
        Times to record, 0 or later, increasing.
    flux
        Applied flux in Phi_0: a number, values at `t_ns`, or a `Waveform`.
    bias_current
        Bias in I_c: a number, which is reached from 0 within `bias_rise_ns`; or values or a `Waveform` as for
        the flux, then taken as they are.
    beta_di
        Dimensionless inductance of the integration loop.
    tau_di_ns
        Decay time L_di / r_di of the loop; may be infinite.
    bias_rise_ns
        Rise time of a constant bias.
    tolerance
        Local error of a step, in rad and tau_0; 1e-6 gives chi^2 below 1e-10.

    Returns
    -------
    CircuitTrace

    Raises
    ------
    CircuitError
        On a bad parameter or waveform, a drive that starts above threshold, or a solution that diverges.

    References
    ----------
    Shainline, Primavera, Khan, arXiv:2210.09976.
    """
    check_device(device)
    drive = Drive.of(t_ns, flux, bias_current, bias_rise_ns)
    check_loop(beta_di, tau_di_ns, tolerance)
    return _solve(device, drive, beta_di, tau_di_ns, tolerance)


def _solve(device: Device, drive: Drive, beta_di: float, tau_di_ns: float, tolerance: float) -> CircuitTrace:
    """Integrate the circuit in the units of the kernel."""
    tau_per_ns = solvable_tau_per_ns(device)
    alpha = beta_di / (tau_di_ns * tau_per_ns)
    circuit = Circuit.of(device.junction.beta_c, device.beta_1, device.beta_2, beta_di, alpha)
    knots = drive.knots(tau_per_ns)
    # Whole flux quanta at the start are trapped by the loop as it becomes superconducting.
    knots = knots._replace(flux=knots.flux - np.round(knots.flux[0]))
    _check_steps(device, knots, tolerance)
    y = _rest(device, float(knots.flux[0]), float(knots.bias[0]))
    record = Record(drive.t_ns * tau_per_ns, *np.zeros((3, drive.t_ns.size)))
    steps = transient(y, knots, circuit, tolerance, record, 4 * STEPS_MOST)
    if steps == OUT_OF_STEPS:
        raise CircuitError(f"dendrite: it takes more than {4 * STEPS_MOST:.0e} steps; solve a shorter time")
    if steps < 0 or not np.isfinite(record.state).all():
        raise CircuitError("dendrite: the circuit's state diverges; check the drive's amplitudes and beta_di")
    return _trace(device, drive, record, int(steps))


def _check_steps(device: Device, knots: Knots, tolerance: float) -> None:
    """Refuse a drive that would take more than `STEPS_MOST` steps, by an estimate that holds to a factor of 3.

    Raises
    ------
    CircuitError
        It would.
    """
    span = np.diff(knots.time)
    per_tau = 1.0 + fastest_rate(device) / 3.0 + 1.2 * float(np.abs(knots.bias).max())
    turns = 6.0 * float(np.abs(np.diff(knots.flux)).sum())
    steps = (per_tau * float(span.sum()) + turns) * (1e-6 / tolerance) ** 0.2
    if not steps <= STEPS_MOST:
        longest = float(knots.time[-1]) * (STEPS_MOST / steps) / solvable_tau_per_ns(device)
        raise CircuitError(
            f"dendrite: the drive takes about {steps:.1e} steps, and {STEPS_MOST:.0e} are taken at most; end it at "
            f"{longest:.3g} ns, or take a larger tolerance or a smaller bias"
        )


def _trace(device: Device, drive: Drive, record: Record, steps: int) -> CircuitTrace:
    """Give a record its units, and the drive beside it."""
    return CircuitTrace(
        t_ns=drive.t_ns,
        state=record.state,
        fluxons=np.floor(record.phase / TWO_PI + 0.25).astype(np.int64),
        mean_phase=record.phase,
        energy_j=record.energy * (device.junction.critical_current_a * FLUX_QUANTUM_WB / TWO_PI),
        flux=drive.flux.at(drive.t_ns),
        bias_current=drive.bias.at(drive.t_ns),
        steps=steps,
    )


def check_loop(beta_di: float, tau_di_ns: float, tolerance: float) -> None:
    """Refuse an integration loop or a tolerance outside the ranges of `soensim.circuit.solvable`.

    Raises
    ------
    CircuitError
        One of them is.
    """
    for name, value, limits in (("beta_di", beta_di, LOOP), ("tau_di_ns", tau_di_ns, DECAY_NS)):
        check_range("dendrite", name, value, limits)
    check_range("dendrite", "tolerance", tolerance, TOLERANCES)


def _rest(device: Device, flux: float, bias: float) -> Array:
    """State at rest (d1, 0, d2, 0, 0) at constant flux and bias.

    Raises
    ------
    CircuitError
        There is none.
    """
    state, part = rest_towards(device, flux, bias)
    if part < 1.0:
        raise CircuitError(
            f"dendrite: at t = 0 the drive (flux {flux}, bias {bias}) is above threshold, so that the circuit "
            f"cannot start at rest; let the bias rise from 0"
        )
    return state


def rest_towards(device: Device, flux: float, bias: float) -> tuple[Array, float]:
    """State at rest (d1, 0, d2, 0, 0), by continuation from zero drive, and the part of the drive that it is at.

    Newton's method on i1 = sin d1, i2 = sin d2 with i1, i2 from the loop equation, in 64 steps of flux and bias
    together; above threshold there is no rest, and the last step that has one is taken.
    """
    d1 = d2 = 0.0
    state, reached = np.zeros(5), 0.0 if flux or bias else 1.0
    beta_2, beta_sum = device.beta_2, device.beta_sum
    for part in np.linspace(0.0, 1.0, 65)[1:] if flux or bias else ():
        for _ in range(20):
            i1 = (TWO_PI * flux * part - d1 + d2 + beta_2 * bias * part) / beta_sum
            f1, f2 = math.sin(d1) - i1, math.sin(d2) - (bias * part - i1)
            # Jacobian of (f1, f2): the loop couples the phases with 1 / beta_sum.
            a, b, c = math.cos(d1) + 1.0 / beta_sum, -1.0 / beta_sum, math.cos(d2) + 1.0 / beta_sum
            determinant = a * c - b * b
            if determinant <= 1e-9:
                break
            d1 -= (c * f1 - b * f2) / determinant
            d2 -= (a * f2 - b * f1) / determinant
            if abs(f1) + abs(f2) < 1e-14:
                break
        if determinant <= 1e-9 or abs(f1) + abs(f2) > 1e-10:
            break
        state, reached = np.array([d1, 0.0, d2, 0.0, 0.0]), float(part)
    return state, reached
