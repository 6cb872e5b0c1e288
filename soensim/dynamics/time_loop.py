"""The time loop over coupled populations: lockstep or feed-forward, with delays. The reference of every kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from soensim.dynamics.input_flux import ArrivingSignals, InputFlux, InputSignal, Term, recurrent_product, times
from soensim.dynamics.integrators import step
from soensim.dynamics.light import SpikingLight
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
    cells, inputs, substeps, heun, noise, kick, local, light
        As for `unroll`.
    observe
        Called at every step of every population, in update order, before its state is replaced. Inputs are then
        multiplied step by step instead of before the loop. Not with Heun's step, which has two fluxes.
    each_step
        Called with the states that every step starts from.

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
        kick: Callable[[int, int, Array], Array] | None = None,
        local: bool = False,
        light: SpikingLight | None = None,
        observe: Callable[[CellStep], None] | None = None,
        each_step: Callable[[States], None] = lambda _: None,
    ) -> None:
        if heun and observe is not None:
            raise SimulationError("an observer sees Euler steps; take another integrator than heun, or do not observe")
        signals = _signals(inputs)
        if light is not None:
            signals = light.inputs(signals)
        self._cells, self._substeps, self._heun, self._local = cells, substeps, heun, local
        self._samples = len(signals[0].frame_of)
        self._noise, self._kick, self._observe, self._light = noise, kick, observe, light
        self._each_step = each_step
        flux_of = _Flux if observe is None else _ObservedFlux
        self._flux = [flux_of(cell, signals, substeps) for cell in cells]
        lags = [lag for cell in cells for term in cell.terms if term.source is not None for lag in term.lags]
        self._depth = max(1, 1 + max(lags, default=0))
        self._lit: deque[States] = deque(maxlen=2 + max(lags, default=0) // substeps)  # light of the last frames

    def run(self, initial: Sequence[Array]) -> Iterator[States]:
        """Yield the states after every sample, one array per population; memory is that of the longest delay."""
        now = tuple(initial)
        past: deque[States] = deque([self._sent(now)] * self._depth, maxlen=self._depth)
        self._lit.extend([tuple(0 * sent for sent in past[-1])] * (self._lit.maxlen or 0))
        for sample in range(self._samples):
            self._begin_frame(sample, past[-1])
            noisy = [self._noise_flux(sample, p) for p in range(len(self._cells))]
            for at in range(sample * self._substeps, (sample + 1) * self._substeps):
                self._each_step(now)
                now = self._step(now, past, at, noisy)
            yield now

    def _begin_frame(self, sample: int, sent: States) -> None:
        """Let the emitters fire for what the populations send at the start of a frame."""
        if (light := self._light) is not None:
            self._lit.append(tuple(self._apart(light.emit(sample, p, s)) for p, s in enumerate(sent)))

    def _noise_flux(self, sample: int, population: int) -> Array | None:
        """Return the flux (Phi_0) that noise and detectors add to a population in a sample, or None."""
        noise = None if self._noise is None else self._noise(sample, population)
        detected = None if self._light is None else self._light.detector_flux(sample, population)
        if noise is None or detected is None:
            return detected if noise is None else noise
        return noise + detected

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

        def lit(source: int, lag: int) -> Array:
            return self._lit[(at - lag) // self._substeps - at // self._substeps - 1][source]

        for p, cell in enumerate(self._cells):
            state = self._apart(states[p])
            offset = cell.flux_offset if noisy[p] is None else cell.flux_offset + noisy[p]
            flux, arrived = self._flux[p].at(offset, at, sent, lit)
            if not cell.terms:
                flux = flux + 0 * states[p]  # nothing drives it: still one row per sample of the batch
            if self._observe is not None:
                self._observe(CellStep(p, state, flux, arrived))
            after = step(
                state,
                flux,
                retention=cell.retention,
                gain=cell.gain,
                bias_current=cell.bias_current,
                source=cell.source,
            )
            if self._kick is not None:
                after = after + self._kick(at, p, after - cell.retention * state)
            new.append(after)
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
    kick: Callable[[int, int, Array], Array] | None = None,
    local: bool = False,
    light: SpikingLight | None = None,
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
    kick
        ``kick(step, population, drive)`` is added to the state after a step, (batch, neurons); ``drive`` is what its
        source function has added. The two halves of Heun's step have the same.
    local
        Torch: a gradient stays within one population and one step. States and signals that a step starts from are
        constants to it.
    light
        Light of the terms that it carries: ports are numbered as `SpikingLight.inputs` does.

    Returns
    -------
    list
        samples + 1 tuples: the states at the start and after every sample, one array per population.
    """
    loop = TimeLoop(cells, inputs, substeps=substeps, heun=heun, noise=noise, kick=kick, local=local, light=light)
    return [tuple(initial), *loop.run(initial)]


class _Flux:
    """Flux of one population at each step."""

    def __init__(self, cell: Cell, signals: Sequence[InputSignal], substeps: int) -> None:
        self._inputs = InputFlux(cell.terms, signals, substeps)
        self._recurrent = [(t.source, t.light, recurrent_product(t)) for t in cell.terms if t.source is not None]

    def at(self, offset: Array, at: int, sent: Sent, lit: Sent) -> tuple[Array, Sequence[Array]]:
        """Return the flux at a step, and no signals."""
        flux = self._inputs.add_to(offset, at)
        for source, light, product in self._recurrent:
            flux = flux + product(partial(lit if light else sent, source))
        return flux, ()


class _ObservedFlux:
    """Flux of one population at each step, with the signals that make it up."""

    def __init__(self, cell: Cell, signals: Sequence[InputSignal], substeps: int) -> None:
        self._terms = [(ArrivingSignals(term, signals, substeps), term) for term in cell.terms]

    def at(self, offset: Array, at: int, sent: Sent, lit: Sent) -> tuple[Array, Sequence[Array]]:
        """Return the flux at a step, and the signals that arrive over each term."""
        flux, arrived = offset, [signals.at(at, lit if term.light else sent) for signals, term in self._terms]
        for signal, (_, term) in zip(arrived, self._terms, strict=True):
            flux = flux + times(signal, term.weights)
        return flux, arrived


def _signals(inputs: Array | Sequence[InputSignal]) -> Sequence[InputSignal]:
    if isinstance(inputs, list | tuple):
        return inputs
    array: Array = inputs
    return [InputSignal([array], range(array.shape[1]))]
