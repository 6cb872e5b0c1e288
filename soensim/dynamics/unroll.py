"""The time loop over coupled populations: lockstep or feed-forward, with delay lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from soensim.dynamics.source import Array, SourceFunction, array_namespace
from soensim.dynamics.step import step

States = tuple[Array, ...]
Noisy = Sequence[Array | None]
Product = Callable[[Callable[[int], Array]], Array]  # a sum over lags of signal(lag) @ block, given the signal


@dataclass(frozen=True)
class Term:
    """A part of a population's flux: delayed upstream signals times efficacies.

    A delay that is no whole number of steps stands at two neighbouring lags, with parts of its efficacy that make up
    a linear interpolation (`soensim.network.Synapses.delays`).
    """

    source: int | None
    """Index of the upstream population, or None for the inputs."""
    lags: Sequence[int]
    """Steps back from the state that the step starts from; -1 is the state that it makes (feed-forward)."""
    weights: Array
    """Efficacies (Phi_0 per I_c), a block per lag: (lags x sources or channels, neurons), dense or scipy sparse."""

    def blocks(self) -> list[Array]:
        """Return the efficacies of each lag, shape (sources or channels, neurons)."""
        if len(self.lags) == 1:
            return [self.weights]
        height = self.weights.shape[0] // len(self.lags)
        return [self.weights[k * height : (k + 1) * height] for k in range(len(self.lags))]


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

    phi_i = sum_j W_ij s_j(t - delay_ij) + sum_k W_ik x_k(t - delay_ik) + flux_offset_i, then `step`. Before the first
    sample every state is the initial one and every input is dark.

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
        Take Heun's step (order 2) instead of one Euler step; needs lags of 0 or more. Inputs stay as they are from the
        start of the step to its end.
    noise
        ``noise(sample, population)`` gives flux (batch, neurons) that is held over the sample.

    Returns
    -------
    list
        samples + 1 tuples: the states at the start and after every sample, one array per population.
    """
    batch, samples, channels = inputs.shape
    # The share of inputs with one lag does not depend on the state: all samples at once, one contiguous frame per
    # sample. They are taken apart once: the gradient of picking frames one by one would cost a whole drive per step.
    flat = inputs.swapaxes(0, 1).reshape(samples * batch, channels)
    drives = [
        [
            (t.lags[0], _frames((flat @ t.weights).reshape(samples, batch, -1)))
            for t in cell.terms
            if t.source is None and len(t.lags) == 1
        ]
        for cell in cells
    ]
    # With many lags a frame per lag would fill the memory: there, the samples of a step are multiplied in that step.
    signals = _frames(flat.reshape(samples, batch, channels))
    dark = array_namespace(inputs).zeros_like(flat[:batch])
    mixed = [[_held(t, substeps) for t in cell.terms if t.source is None and len(t.lags) > 1] for cell in cells]
    recurrent = [
        [(t.source, _product(t.lags, t.blocks())) for t in cell.terms if t.source is not None] for cell in cells
    ]
    depth = 1 + max((lag for cell in cells for t in cell.terms if t.source is not None for lag in t.lags), default=0)
    past: deque[States] = deque([tuple(initial)] * max(depth, 1), maxlen=max(depth, 1))
    record = [tuple(initial)]

    def held(sample: int, back: int) -> Array:
        return signals[sample - back] if back <= sample else dark

    def euler(states: States, upstream: Callable[[int, list[Array]], Sequence[Array]], at: int, noisy: Noisy) -> States:
        new: list[Array] = []

        def state(source: int, lag: int) -> Array:
            return upstream(lag, new)[source]

        for p, cell in enumerate(cells):
            flux = cell.flux_offset if noisy[p] is None else cell.flux_offset + noisy[p]
            for lag, drive in drives[p]:
                sample = (at - lag) // substeps
                if sample >= 0:
                    flux = flux + drive[sample]
            for products in mixed[p]:
                flux = flux + products[at % substeps](partial(held, at // substeps))
            for source, product in recurrent[p]:
                flux = flux + product(partial(state, source))
            if not cell.terms:
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


def _held(term: Term, substeps: int) -> list[Product]:
    """Make the products of an input term for each step of a sample: lags that read the same sample share a block."""
    blocks = term.blocks()
    products = []
    for phase in range(substeps):
        back = [-((phase - lag) // substeps) for lag in term.lags]  # samples
        shared = {b: reduce(add, [block for block, own in zip(blocks, back, strict=True) if own == b]) for b in back}
        products.append(_product(list(shared), list(shared.values())))
    return products


def _product(lags: Sequence[int], blocks: Sequence[Array]) -> Product:
    """Make the function that sums signal(lag) @ block over the lags, given the signal.

    Dense blocks are one product over the joined signals (measured in tests/benchmarks/test_delay_speed.py); sparse ones
    would have to copy every signal for that, which costs more than their products.
    """
    from scipy.sparse import issparse  # slow to load, and much imports this module that takes no step

    if len(lags) > 1 and not any(issparse(block) for block in blocks):
        xp = array_namespace(blocks[0])
        stacked = xp.concatenate(blocks)
        return lambda signal: xp.concatenate([signal(lag) for lag in lags], 1) @ stacked
    return lambda signal: reduce(add, [signal(lag) @ block for lag, block in zip(lags, blocks, strict=True)])
