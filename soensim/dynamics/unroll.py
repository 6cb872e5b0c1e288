"""The time loop over coupled populations: lockstep or feed-forward, with delays in whole steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soensim.dynamics.source import Array, SourceFunction
from soensim.dynamics.step import step

States = tuple[Array, ...]
Noisy = Sequence[Array | None]


@dataclass(frozen=True)
class Term:
    """A part of a population's flux: upstream signal times efficacies."""

    source: int | None
    """Index of the upstream population, or None for the inputs."""
    lag: int
    """Steps back from the state that the step starts from; -1 is the state that it makes (feed-forward)."""
    weights: Array
    """Efficacies (Phi_0 per I_c), shape (sources or channels, neurons); dense or scipy sparse."""


@dataclass(frozen=True)
class Cell:
    """One population, ready to run; arrays of shape (neurons,) or scalars."""

    retention: Array
    gain: Array
    bias_current: Array | float
    source: SourceFunction
    flux_offset: Array
    terms: Sequence[Term]


def unroll(
    cells: Sequence[Cell],
    inputs: Array,
    initial: Sequence[Array],
    *,
    substeps: int,
    heun: bool = False,
    noise: Callable[[int, int], Array] | None = None,
) -> list[States]:
    """Run coupled populations over an input sequence.

    phi_i = sum_j W_ij s_j(t - delay_ij) + sum_k W_ik x_k + flux_offset_i, then `step`. Before the first sample
    every state is the initial one and every input is dark.

    Parameters
    ----------
    cells
        The populations, in update order.
    inputs
        Signals (I_c), shape (batch, samples, channels); each sample is held for ``substeps`` steps.
    initial
        States at the start, one (batch, neurons) array per population.
    substeps
        Steps per sample.
    heun
        Take Heun's step (order 2) instead of one Euler step; needs lags of 0 or more.
    noise
        ``noise(sample, population)`` gives flux (batch, neurons) that is held over the sample.

    Returns
    -------
    list
        samples + 1 tuples: the states at the start and after every sample, one array per population.
    """
    batch, samples, channels = inputs.shape
    # The inputs' share of the flux does not depend on the state: all samples at once, one contiguous frame per sample.
    # They are taken apart once: the gradient of picking frames one by one would cost a whole drive per step.
    flat = inputs.swapaxes(0, 1).reshape(samples * batch, channels)
    drives = [
        [(t.lag, _frames((flat @ t.weights).reshape(samples, batch, -1))) for t in cell.terms if t.source is None]
        for cell in cells
    ]
    recurrent = [[t for t in cell.terms if t.source is not None] for cell in cells]
    depth = 1 + max((t.lag for terms in recurrent for t in terms), default=0)
    past: deque[States] = deque([tuple(initial)] * max(depth, 1), maxlen=max(depth, 1))
    record = [tuple(initial)]

    def euler(states: States, upstream: Callable[[int, list[Array]], Sequence[Array]], at: int, noisy: Noisy) -> States:
        new: list[Array] = []
        for p, cell in enumerate(cells):
            flux = cell.flux_offset if noisy[p] is None else cell.flux_offset + noisy[p]
            for lag, drive in drives[p]:
                sample = (at - lag) // substeps
                if sample >= 0:
                    flux = flux + drive[sample]
            for term in recurrent[p]:
                flux = flux + upstream(term.lag, new)[term.source] @ term.weights  # type: ignore[index]
            if not drives[p] and not recurrent[p]:
                flux = flux + 0 * states[p]  # nothing drives it: still one row per sample of the batch
            new.append(
                step(
                    states[p],
                    flux,
                    retention=cell.retention,
                    gain=cell.gain,
                    bias_current=cell.bias_current,
                    source=cell.source,
                )
            )
        return tuple(new)

    for sample in range(samples):
        noisy = [noise(sample, p) if noise else None for p in range(len(cells))]
        for at in range(sample * substeps, (sample + 1) * substeps):
            now = past[-1]
            new = euler(now, lambda lag, fresh: fresh if lag < 0 else past[-1 - lag], at, noisy)
            if heun:
                # a second Euler step from the first; its middle with the start is Heun's (trapezoidal) step
                ahead = euler(new, lambda lag, _, new=new: new if lag == 0 else past[-lag], at, noisy)  # type: ignore[misc]
                new = tuple(0.5 * (s + t) for s, t in zip(now, ahead, strict=True))
            past.append(new)
        record.append(past[-1])
    return record


def _frames(drive: Array) -> Any:
    return drive if isinstance(drive, np.ndarray) else drive.unbind(0)
