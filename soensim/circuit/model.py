"""The phenomenological dendrite, integrated with error control: what the circuit is compared with.

    (beta_di + beta_p) ds/dtau = g(phi, i_b - s) - alpha s + beta_p di_b/dtau

(Shainline, Primavera, Khan, arXiv:2210.09976). This is a reference, with drives as the circuit's; networks are
stepped by `soensim.dynamics`. Steps end on every corner of the drive. There are three kinds:

* Below threshold (g = 0) the equation is linear: one exact step, as far as |i_b - s| surely stays below the edge.
* At the onset g rises as the square root of the time since, which ruins the order of any method. In
  sigma = sqrt(tau - tau_onset) the equation ds/dsigma = 2 sigma ds/dtau is smooth: one step of order 3 in sigma,
  with an embedded order 2 (P. Bogacki, L. F. Shampine, Appl. Math. Lett. 2 (1989) 321).
* Above, the exponential Rosenbrock method pexprb43 of order 4 with an embedded order 3 (V. T. Luan, A. Ostermann,
  Comput. Math. Appl. 71 (2016) 1137). It needs no small steps where g pulls s stiffly to the edge.

Times within a step are read from the step's own formula, with weights of order 4 (3 at an onset).

The table has kinks from cell to cell: at tolerances below 1e-5 they, and not the order, set the step.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.circuit._phenomenological import Dendrite, Record, integrate
from soensim.circuit.solvable import solvable_tau_per_ns
from soensim.circuit.source import SourceTable
from soensim.circuit.transient import check_loop
from soensim.circuit.waveform import Drive, Knots, Waveform
from soensim.errors import CircuitError


def phenomenological(
    table: SourceTable,
    *,
    t_ns: ArrayLike,
    flux: Waveform | ArrayLike,
    bias_current: Waveform | ArrayLike,
    beta_di: float,
    tau_di_ns: float,
    bias_rise_ns: float = 0.1,
    tolerance: float = 1e-6,
) -> NDArray[np.float64]:
    """Integrate the phenomenological dendrite with the drive of `dendrite`.

    Parameters
    ----------
    table
        Source function of the SQUID.
    t_ns, flux, bias_current, beta_di, tau_di_ns, bias_rise_ns
        As for `soensim.circuit.dendrite`.
    tolerance
        Local error of a step, in I_c. Errors decay, so that the error of s stays about as small: on random drives
        half of it for nine in ten, three times as much for the worst; up to 30 times at beta_di below 2 pi 10.

    Returns
    -------
    array
        State s at t_ns, in I_c.

    Raises
    ------
    CircuitError
        On a bad parameter or waveform, or a flux that changes by more than 1e5 Phi_0 from corner to
        corner.
    """
    drive = Drive.of(t_ns, flux, bias_current, bias_rise_ns)
    check_loop(beta_di, tau_di_ns, tolerance)
    arguments = kernel_arguments(table, drive, beta_di, tau_di_ns, tolerance)
    steps = integrate(*arguments)
    if steps < 0:
        raise CircuitError(
            "dendrite: the drive cannot be followed; its flux changes by more than 1e5 Phi_0 between two corners, "
            "or it takes more than 1e8 steps"
        )
    return arguments[1].state


def kernel_arguments(
    table: SourceTable, drive: Drive, beta_di: float, tau_di_ns: float, tolerance: float
) -> tuple[Knots, Record, Dendrite, float]:
    """Put a drive and a loop in the units of the kernel, with an empty record."""
    tau_per_ns = solvable_tau_per_ns(table.device)
    beta_p = table.device.beta_p
    return (
        drive.knots(tau_per_ns),
        Record(drive.t_ns * tau_per_ns, np.zeros(drive.t_ns.size)),
        Dendrite(beta_di / (tau_di_ns * tau_per_ns), beta_p, 1.0 / (beta_di + beta_p), table.arrays),
        tolerance,
    )
