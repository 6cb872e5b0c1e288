"""Coupled circuits: dendrites whose loop currents, and input signals, are the flux of one another's SQUIDs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.circuit._coupled import (
    BLOCK,
    D2,
    INPUT,
    LANES,
    Coupled,
    FromInputs,
    Grid,
    Parameters,
    Recurrent,
    solve,
)
from soensim.circuit.device import Device
from soensim.circuit.solvable import check_device, fastest_rate
from soensim.circuit.transient import rest_towards
from soensim.errors import CircuitError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Largest step, in parts of the reciprocal of the SQUID's fastest rate: 0.2 tau_0 where beta_c = 0.3. Measured on
#: `year1-28` (docs/physics.md): half the step changes the states by a chi^2 of 2e-10, one and a half by 3e-6.
STEP = 2.0 / 3.0
#: Steps between two looks at whether the work was stopped: a second at most of a chip of 1,000 dendrites.
_SPAN = 2048


@dataclass(frozen=True, eq=False)
class Edges:
    """Couplings as an edge list; every array has the shape (edges,).

    Attributes
    ----------
    target, source
        The dendrite that is driven, and the dendrite or input channel that drives it.
    delay_tau
        After which time, in tau_0; 0 or more.
    efficacy
        Flux per signal, in Phi_0 per I_c.
    """

    target: Whole
    source: Whole
    delay_tau: Array
    efficacy: Array

    def entries(self, h: float) -> tuple[Whole, Whole, Array]:
        """Return (edge, lag, efficacy) at steps of ``h``: a delay between two whole steps is read at both, linearly."""
        whole = np.floor(self.delay_tau / h + 1e-9).astype(np.int64)
        rest = np.maximum(self.delay_tau / h - whole, 0.0)
        partial = np.flatnonzero(rest > 1e-9)
        edge = np.concatenate([np.arange(len(whole)), partial])
        lag = np.concatenate([whole, whole[partial] + 1])
        return edge, lag, self.efficacy[edge] * np.concatenate([1.0 - rest, rest[partial]])


@dataclass(frozen=True, eq=False)
class CoupledCircuits:
    """Dendrites of one device, each with its own bias and loop, and what couples them.

    Attributes
    ----------
    device
        The SQUID of all of them.
    bias_current, beta_di, gamma_minus, flux_offset
        Shape (dendrites,): i_b (I_c), inductance of the loop, its leak 1 / tau_di (1 / tau_0), constant flux (Phi_0).
    recurrent, inputs
        Couplings from other dendrites, and from input channels.
    sample_tau
        How long an input sample is held (tau_0).

    Raises
    ------
    CircuitError
        The device is one that the solvers do not take.
    """

    device: Device
    bias_current: Array
    beta_di: Array
    gamma_minus: Array
    flux_offset: Array
    recurrent: Edges
    inputs: Edges
    sample_tau: float

    def __post_init__(self) -> None:
        check_device(self.device)

    @property
    def steps(self) -> int:
        """Integration steps per input sample, none longer than `STEP` allows."""
        return max(1, math.ceil(self.sample_tau * fastest_rate(self.device) / STEP * (1.0 - 1e-9)))

    def work(self, samples: int) -> tuple[float, float]:
        """Return how often a dendrite takes a step, and how often a coupling is read, for one row of input samples."""
        steps = float(samples * self.steps)
        read = len(self.recurrent.entries(self.sample_tau / self.steps)[0])
        return steps * len(self.bias_current), steps * read

    def states(self, signals: Array, *, steps: int | None = None, stop: Callable[[], None] = lambda: None) -> Array:
        """Solve the circuits, from rest in their constant flux and with empty loops.

        A constant flux that has no rest is approached as far as there is one (`rest_towards`); whole flux quanta of it
        are trapped as the SQUID becomes superconducting.

        Parameters
        ----------
        signals
            Input channels (I_c), shape (rows, samples, channels).
        steps
            Steps per input sample; None is `steps`.
        stop
            Called now and then; what it raises ends the work.

        Returns
        -------
        array
            Loop currents s (I_c) after every input sample, shape (rows, samples, dendrites). A row does not depend on
            the others.

        Raises
        ------
        CircuitError
            A state diverges.
        """
        rows, samples, channels = signals.shape
        blocks = -(-rows // LANES)
        padded = np.zeros((blocks * LANES, samples, channels))
        padded[:rows] = signals
        lanes = np.ascontiguousarray(padded.reshape(blocks, LANES, samples, channels).transpose(0, 2, 3, 1))
        out = np.empty((blocks, samples, len(self.bias_current), LANES))
        steps = self.steps if steps is None else steps
        for block in range(blocks):
            self._solve_block(lanes[block], steps, stop, out[block])
        states = out.transpose(0, 3, 1, 2).reshape(blocks * LANES, samples, -1)[:rows]
        if not np.isfinite(states).all():
            raise CircuitError("coupled circuits: a state diverges; check the efficacies and the drive")
        return states

    def _solve_block(self, signals: Array, steps: int, stop: Callable[[], None], out: Array) -> None:
        grid = Grid(self.sample_tau / steps, steps, 1 << (len(self.bias_current) * LANES - 1).bit_length())
        recurrent, depth = self._recurrent(grid)
        circuits = Coupled(self._parameters(), recurrent, self._inputs(grid))
        kept, state = np.zeros(depth * grid.row), self._start()
        end = signals.shape[0] * steps
        for first in range(0, end, _SPAN):
            stop()
            solve(state, kept, signals, (first, min(first + _SPAN, end)), grid, circuits, out)

    def _parameters(self) -> Parameters:
        device = self.device
        return Parameters(
            inv_c=1.0 / device.junction.beta_c,
            beta_2=device.beta_2,
            inv_sum=1.0 / device.beta_sum,
            weight_1=device.beta_2 / device.beta_sum,
            weight_2=device.beta_1 / device.beta_sum,
            bias=np.asarray(self.bias_current, dtype=np.float64),
            inv_l=1.0 / (self.beta_di + device.beta_p),
            alpha=self.beta_di * self.gamma_minus,
        )

    def _recurrent(self, grid: Grid) -> tuple[Recurrent, int]:
        """Lay the couplings out by target, and say how many states they need: a power of two."""
        edge, lag, efficacy = self.recurrent.entries(grid.h)
        target = self.recurrent.target[edge]
        order = np.lexsort((lag, target))
        back = lag[order] * grid.row - self.recurrent.source[edge][order] * LANES
        first = np.searchsorted(target[order], np.arange(len(self.bias_current) + 1))
        depth = 1 << int(lag.max(initial=0) + 1).bit_length()
        return Recurrent(first, back, efficacy[order]), depth

    def _inputs(self, grid: Grid) -> FromInputs:
        edge, lag, efficacy = self.inputs.entries(grid.h)
        order = np.lexsort((edge, lag % grid.steps))
        return FromInputs(self.inputs.target[edge][order], self.inputs.source[edge][order], lag[order], efficacy[order])

    def _start(self) -> Array:
        state = np.zeros((len(self.bias_current), BLOCK))
        trapped = self.flux_offset - np.round(self.flux_offset)
        for own, flux, bias in zip(state, trapped, self.bias_current, strict=True):
            phases, _ = rest_towards(self.device, float(flux), float(bias))
            own[:LANES], own[D2 : D2 + LANES] = phases[0], phases[2]
            own[INPUT : INPUT + LANES] = flux
        return state.ravel()
