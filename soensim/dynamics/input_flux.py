"""The share of the flux that comes from the inputs: it does not depend on the states, so it is computed apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from soensim.dynamics.source_functions import Array, array_namespace

Product = Callable[[Callable[[int], Array]], Array]  # a sum over lags of signal(lag) @ block, given the signal


@dataclass(frozen=True)
class Term:
    """A part of a population's flux: delayed upstream signals times efficacies.

    A delay that is no whole number of steps stands at two neighbouring lags, with parts of its efficacy that make up
    a linear interpolation (`soensim.network.Synapses.delays`).
    """

    source: int | None
    """Index of the upstream population, or None for inputs."""
    lags: Sequence[int]
    """Steps back from the state that the step starts from; -1 is the state that it makes (feed-forward)."""
    weights: Array
    """Efficacies (Phi_0 per I_c), a block per lag: (lags x sources or channels, neurons), dense or scipy sparse."""
    port: int = 0
    """Which of the input signals, where they are the source."""

    def blocks(self) -> list[Array]:
        """Return the efficacies of each lag, shape (sources or channels, neurons)."""
        if len(self.lags) == 1:
            return [self.weights]
        height = self.weights.shape[0] // len(self.lags)
        return [self.weights[k * height : (k + 1) * height] for k in range(len(self.lags))]


@dataclass(frozen=True)
class InputSignal:
    """What one input population carries: frames, and which of them is held in each sample.

    The leading axes of frames need only broadcast: pixels of shape (1, batch, frames, channels) beside labels of shape
    (hypotheses, 1, frames, channels) give states (hypotheses, batch, neurons), and what one axis does not change is
    computed once.
    """

    blocks: Sequence[Array]
    """Signals (I_c), shape (..., frames, channels); the frames of all blocks are numbered through."""
    frame_of: Sequence[int]
    """Frame that is held in each sample."""


class Drive:
    """Flux from the inputs (Phi_0) of one population at each step."""

    def __init__(self, terms: Sequence[Term], signals: Sequence[InputSignal], substeps: int) -> None:
        self.substeps = substeps
        own = [(term, signals[term.port]) for term in terms if term.source is None]
        # With one lag all frames are multiplied at once. They are taken apart once: the gradient of picking frames one
        # by one would cost a whole drive per step.
        self._hoisted = [
            (term.lags[0], [flux for block in signal.blocks for flux in _frames(block, term.weights)], signal.frame_of)
            for term, signal in own
            if len(term.lags) == 1
        ]
        # With many lags a frame per lag would fill the memory: there, the frames of a step are multiplied in that step.
        self._mixed = [_Mixed(term, signal, substeps) for term, signal in own if len(term.lags) > 1]

    def add_to(self, flux: Array, step: int) -> Array:
        """Add the flux at a step to ``flux``; before the first sample every input is dark."""
        for lag, frames, frame_of in self._hoisted:
            sample = (step - lag) // self.substeps
            if sample >= 0:
                flux = flux + frames[frame_of[sample]]
        for mixed in self._mixed:
            flux = flux + mixed.at(step)
        return flux


class _Mixed:
    """One input term of many lags: lags that read the same sample share a block."""

    def __init__(self, term: Term, signal: InputSignal, substeps: int) -> None:
        self.substeps = substeps
        self.frames = [frame for block in signal.blocks for frame in _unbind(_frames_first(block))]
        self.frame_of = signal.frame_of
        self.dark = array_namespace(self.frames[0]).zeros_like(self.frames[0])
        blocks = term.blocks()
        self.products = []
        for phase in range(substeps):
            back = [-((phase - lag) // substeps) for lag in term.lags]  # samples
            shared = {
                b: reduce(add, [block for block, own in zip(blocks, back, strict=True) if own == b]) for b in back
            }
            self.products.append(product(list(shared), list(shared.values())))

    def at(self, step: int) -> Array:
        sample = step // self.substeps
        return self.products[step % self.substeps](
            lambda back: self.frames[self.frame_of[sample - back]] if back <= sample else self.dark
        )


def product(lags: Sequence[int], blocks: Sequence[Array]) -> Product:
    """Make the function that sums signal(lag) @ block over the lags, given the signal.

    Dense blocks are one product over the joined signals (measured in tests/benchmarks/test_delay_speed.py); sparse ones
    would have to copy every signal for that, which costs more than their products.
    """
    if len(lags) > 1 and not any(_is_sparse(block) for block in blocks):
        xp = array_namespace(blocks[0])
        stacked = xp.concatenate(blocks)
        return lambda signal: xp.concatenate(alike([signal(lag) for lag in lags]), -1) @ stacked
    return lambda signal: reduce(add, [_times(signal(lag), block) for lag, block in zip(lags, blocks, strict=True)])


def alike(arrays: Sequence[Array]) -> Sequence[Array]:
    """Broadcast arrays to one shape: the states at rest have one row, those later on a row per sample."""
    shapes = {tuple(a.shape) for a in arrays}
    if len(shapes) == 1:
        return arrays
    xp, shape = array_namespace(arrays[0]), np.broadcast_shapes(*shapes)
    return [xp.broadcast_to(a, shape) for a in arrays]


def _times(signal: Array, block: Array) -> Array:
    """``signal @ block``; scipy's sparse matrices multiply matrices only."""
    if signal.ndim > 2 and _is_sparse(block):
        return (signal.reshape(-1, signal.shape[-1]) @ block).reshape(*signal.shape[:-1], -1)
    return signal @ block


def _is_sparse(block: Array) -> bool:
    from scipy.sparse import issparse  # slow to load, and much imports this module that takes no step

    return bool(issparse(block))


def _frames(block: Array, weights: Array) -> Any:
    return _unbind(_times(_frames_first(block), weights))


def _frames_first(block: Array) -> Array:
    return array_namespace(block).moveaxis(block, -2, 0)


def _unbind(frames: Array) -> Any:
    return frames if isinstance(frames, np.ndarray) else frames.unbind(0)
