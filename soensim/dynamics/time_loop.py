"""The time loop over coupled populations: lockstep or feed-forward, with delay lines. The reference of every kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from soensim.dynamics.input_flux import Drive, InputSignal, Term, product
from soensim.dynamics.integrators import step
from soensim.dynamics.normalisation import Normalisation, normalise
from soensim.dynamics.source_functions import Array, SourceFunction

States = tuple[Array, ...]
Noisy = Sequence[Array | None]


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
    signals = _signals(inputs)
    samples = len(signals[0].frame_of)
    drives = [Drive(cell.terms, signals, substeps) for cell in cells]
    recurrent = [
        [(t.source, product(t.lags, t.blocks())) for t in cell.terms if t.source is not None] for cell in cells
    ]
    depth = 1 + max((lag for cell in cells for t in cell.terms if t.source is not None for lag in t.lags), default=0)

    def apart(array: Array) -> Array:
        return array.detach() if local else array

    def sent(states: Sequence[Array]) -> States:
        return tuple(apart(normalise(s, cell.normalisation)) for s, cell in zip(states, cells, strict=True))

    now = tuple(initial)
    past: deque[States] = deque([sent(now)] * max(depth, 1), maxlen=max(depth, 1))
    record = [now]

    def euler(
        states: States, upstream: Callable[[int, list[Array]], Sequence[Array]], at: int, noisy: Noisy
    ) -> tuple[States, States]:
        """Take one step; return the new states, and what they send."""
        new: list[Array] = []
        new_sent: list[Array] = []

        def signal(source: int, lag: int) -> Array:
            return upstream(lag, new_sent)[source]

        for p, cell in enumerate(cells):
            flux = cell.flux_offset if noisy[p] is None else cell.flux_offset + noisy[p]
            flux = drives[p].add_to(flux, at)
            for source, products in recurrent[p]:
                flux = flux + products(partial(signal, source))
            if not cell.terms:
                flux = flux + 0 * states[p]  # nothing drives it: still one row per sample of the batch
            new.append(
                step(
                    apart(states[p]),
                    flux,
                    retention=cell.retention,
                    gain=cell.gain,
                    bias_current=cell.bias_current,
                    source=cell.source,
                )
            )
            new_sent.append(apart(normalise(new[p], cell.normalisation)))
        return tuple(new), tuple(new_sent)

    for sample in range(samples):
        noisy = [noise(sample, p) if noise else None for p in range(len(cells))]
        for at in range(sample * substeps, (sample + 1) * substeps):
            new, new_sent = euler(now, lambda lag, fresh: fresh if lag < 0 else past[-1 - lag], at, noisy)
            if heun:
                # a second Euler step from the first; its middle with the start is Heun's (trapezoidal) step
                ahead, _ = euler(
                    new,
                    lambda lag, _, first=new_sent: first if lag == 0 else past[-lag],  # type: ignore[misc]
                    at,
                    noisy,
                )
                new = tuple(0.5 * (s + t) for s, t in zip(now, ahead, strict=True))
                new_sent = sent(new)
            now = new
            past.append(new_sent)
        record.append(now)
    return record


def _signals(inputs: Array | Sequence[InputSignal]) -> Sequence[InputSignal]:
    if isinstance(inputs, list | tuple):
        return inputs
    array: Array = inputs
    return [InputSignal([array], range(array.shape[1]))]
