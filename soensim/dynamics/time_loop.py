"""The time loop over coupled populations: lockstep or feed-forward, with delays. The reference of every kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from soensim.dynamics.input_flux import ArrivingSignals, InputFlux, InputSignal, Term, recurrent_product, times
from soensim.dynamics.integrators import step
from soensim.dynamics.normalisation import Normalisation, normalise
from soensim.dynamics.source_functions import Array, SourceFunction
from soensim.errors import SimulationError

States = tuple[Array, ...]
Sent = Callable[[int, int], Array]  # (population, lag) -> what it sent


@dataclass(frozen=True)
class Cell:
    """One population, ready to run; arrays of shape (neurons,) or scalars."""

    retention: Array
    gain: Array
    bias_current: Array | float
    source: SourceFunction
    flux_offset: Array
    terms: Sequence[Term]
    normalisation: Normalisation | None = None
    """What it does to its states before it sends them."""


class CellStep(NamedTuple):
    """One step of one population, as an observer of the loop sees it."""

    population: int
    state: Array
    """s (I_c) that the step starts from, (..., neurons)."""
    flux: Array
    """phi (Phi_0) of the step; its leading axes broadcast with those of the state."""
    arrived: Sequence[Array]
    """Per term of the cell, the signals that arrive over it (I_c), (..., lags x sources or channels)."""


class TimeLoop:
    """Coupled populations and their inputs, ready to run from any state.

    Parameters
    ----------
    cells, inputs, substeps, heun, noise, local
        As for `unroll`.
    observe
        Called at every step of every population, in update order, before its state is replaced. Inputs are then
        multiplied step by step instead of before the loop. Not with Heun's step, which has two fluxes.

    Raises
    ------
    SimulationError
        Heun's step with an observer.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        inputs: Array | Sequence[InputSignal],
        *,
        substeps: int,
        heun: bool = False,
        noise: Callable[[int, int], Array] | None = None,
        local: bool = False,
        observe: Callable[[CellStep], None] | None = None,
    ) -> None:
        if heun and observe is not None:
            raise SimulationError("an observer sees Euler steps; take another integrator than heun, or do not observe")
        signals = _signals(inputs)
        self._cells, self._substeps, self._heun, self._local = cells, substeps, heun, local
        self._samples = len(signals[0].frame_of)
        self._noise, self._observe = noise, observe
        flux_of = _Flux if observe is None else _ObservedFlux
        self._flux = [flux_of(cell, signals, substeps) for cell in cells]
        lags = [lag for cell in cells for term in cell.terms if term.source is not None for lag in term.lags]
        self._depth = max(1, 1 + max(lags, default=0))

    def run(self, initial: Sequence[Array]) -> Iterator[States]:
        """Yield the states after every sample, one array per population; memory is that of the longest delay."""
        now = tuple(initial)
        past: deque[States] = deque([self._sent(now)] * self._depth, maxlen=self._depth)
        for sample in range(self._samples):
            noisy = [self._noise(sample, p) if self._noise else None for p in range(len(self._cells))]
            for at in range(sample * self._substeps, (sample + 1) * self._substeps):
                now = self._step(now, past, at, noisy)
            yield now

    def _step(self, now: States, past: deque[States], at: int, noisy: Sequence[Array | None]) -> States:
        """Take one step, and add what it sends to the past."""
        new, sent = self._euler(now, past, at, noisy)
        past.append(sent)
        if not self._heun:
            return new
        # a second Euler step from the first; its middle with the start is Heun's (trapezoidal) step
        ahead, _ = self._euler(new, past, at, noisy)
        new = tuple(0.5 * (s + t) for s, t in zip(now, ahead, strict=True))
        past[-1] = self._sent(new)
        return new

    def _euler(
        self, states: States, past: deque[States], at: int, noisy: Sequence[Array | None]
    ) -> tuple[States, States]:
        """Take one Euler step; return the new states, and what they send."""
        new: list[Array] = []
        new_sent: list[Array] = []

        def sent(source: int, lag: int) -> Array:
            return new_sent[source] if lag < 0 else past[-1 - lag][source]

        for p, cell in enumerate(self._cells):
            state = self._apart(states[p])
            offset = cell.flux_offset if noisy[p] is None else cell.flux_offset + noisy[p]
            flux, arrived = self._flux[p].at(offset, at, sent)
            if not cell.terms:
                flux = flux + 0 * states[p]  # nothing drives it: still one row per sample of the batch
            if self._observe is not None:
                self._observe(CellStep(p, state, flux, arrived))
            new.append(
                step(
                    state,
                    flux,
                    retention=cell.retention,
                    gain=cell.gain,
                    bias_current=cell.bias_current,
                    source=cell.source,
                )
            )
            new_sent.append(self._apart(normalise(new[p], cell.normalisation)))
        return tuple(new), tuple(new_sent)

    def _sent(self, states: Sequence[Array]) -> States:
        cells = self._cells
        return tuple(self._apart(normalise(s, cell.normalisation)) for s, cell in zip(states, cells, strict=True))

    def _apart(self, array: Array) -> Array:
        return array.detach() if self._local else array


def unroll(
    cells: Sequence[Cell],
    inputs: Array | Sequence[InputSignal],
    initial: Sequence[Array],
    *,
    substeps: int,
    heun: bool = False,
    noise: Callable[[int, int], Array] | None = None,
    local: bool = False,
) -> list[States]:
    """Run coupled populations over an input sequence.

    phi_i = sum_j W_ij s_j(t - delay_ij) + sum_k W_ik x_k(t - delay_ik) + flux_offset_i, then `step`; s_j as it is sent,
    normalised where the cell says so. Before the first sample every state is the initial one and every input is dark.

    Parameters
    ----------
    cells
        The populations, in update order.
    inputs
        Signals (I_c), shape (batch, samples, channels), or one `InputSignal` per port; each sample is held for
        ``substeps`` steps.
    initial
        States at the start, one (..., neurons) array per population; leading axes need only broadcast.
    substeps
        Steps per sample.
    heun
        Take Heun's step (order 2) instead of one Euler step; needs lags of 0 or more. Inputs stay as they are from the
        start of the step to its end.
    noise
        ``noise(sample, population)`` gives flux (batch, neurons) that is held over the sample.
    local
        Torch: a gradient stays within one population and one step. States and signals that a step starts from are
        constants to it.

    Returns
    -------
    list
        samples + 1 tuples: the states at the start and after every sample, one array per population.
    """
    loop = TimeLoop(cells, inputs, substeps=substeps, heun=heun, noise=noise, local=local)
    return [tuple(initial), *loop.run(initial)]


class _Flux:
    """Flux of one population at each step."""

    def __init__(self, cell: Cell, signals: Sequence[InputSignal], substeps: int) -> None:
        self._inputs = InputFlux(cell.terms, signals, substeps)
        self._recurrent = [(t.source, recurrent_product(t)) for t in cell.terms if t.source is not None]

    def at(self, offset: Array, at: int, sent: Sent) -> tuple[Array, Sequence[Array]]:
        """Return the flux at a step, and no signals."""
        flux = self._inputs.add_to(offset, at)
        for source, product in self._recurrent:
            flux = flux + product(partial(sent, source))
        return flux, ()


class _ObservedFlux:
    """Flux of one population at each step, with the signals that make it up."""

    def __init__(self, cell: Cell, signals: Sequence[InputSignal], substeps: int) -> None:
        self._terms = [(ArrivingSignals(term, signals, substeps), term.weights) for term in cell.terms]

    def at(self, offset: Array, at: int, sent: Sent) -> tuple[Array, Sequence[Array]]:
        """Return the flux at a step, and the signals that arrive over each term."""
        flux, arrived = offset, [signals.at(at, sent) for signals, _ in self._terms]
        for signal, (_, weights) in zip(arrived, self._terms, strict=True):
            flux = flux + times(signal, weights)
        return flux, arrived


def _signals(inputs: Array | Sequence[InputSignal]) -> Sequence[InputSignal]:
    if isinstance(inputs, list | tuple):
        return inputs
    array: Array = inputs
    return [InputSignal([array], range(array.shape[1]))]
