"""What drives a population: terms of its flux, input signals, and the flux that the inputs give."""

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

    A delay that is no whole number of steps is at two neighbouring lags, with parts of its efficacy that make up a
    linear interpolation (`soensim.network.Synapses.delays`).
    """

    source: int | None
    """Index of the upstream population, or None for inputs."""
    lags: Sequence[int]
    """Steps back from the state that the step starts from; -1 is the state that it makes (feed-forward)."""
    weights: Array
    """Efficacies (Phi_0 per I_c), a block per lag: (lags x sources or channels, neurons), dense or scipy sparse."""
    port: int = 0
    """Which of the input signals, where they are the source."""
    light: bool = False
    """Whether light carries it: what the source's spikes amount to (`soensim.dynamics.light`), not its state."""

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


class HeldFrames:
    """What one signal gives at each sample: an array per frame, the signal itself or its product with efficacies.

    Frames are taken apart once: the gradient of picking them one by one would cost a whole signal per step.
    """

    def __init__(self, signal: InputSignal, weights: Array | None = None) -> None:
        self._frames = [frame for block in signal.blocks for frame in _frames(block, weights)]
        self._frame_of = signal.frame_of

    def at(self, sample: int) -> Array:
        """Return the frame that is held in a sample, (..., channels or neurons); None before the first: dark."""
        return None if sample < 0 else self._frames[self._frame_of[sample]]

    def dark(self) -> Array:
        """Return a frame of zeros."""
        return array_namespace(self._frames[0]).zeros_like(self._frames[0])


class InputFlux:
    """Flux from the inputs (Phi_0) of one population at each step.

    It does not depend on the states, so that frames are multiplied before the loop starts where memory allows.
    """

    def __init__(self, terms: Sequence[Term], signals: Sequence[InputSignal], substeps: int) -> None:
        self.substeps = substeps
        own = [(term, signals[term.port]) for term in terms if term.source is None]
        # With one lag all frames are multiplied at once. With many, a product per frame and lag would fill the memory:
        # there, the frames of a step are multiplied in that step.
        self._one_lag = [
            (term.lags[0], HeldFrames(signal, term.weights)) for term, signal in own if len(term.lags) == 1
        ]
        self._many_lags = [_ManyLags(term, signal, substeps) for term, signal in own if len(term.lags) > 1]

    def add_to(self, flux: Array, step: int) -> Array:
        """Add the flux at a step to ``flux``; before the first sample every input is dark."""
        for lag, held in self._one_lag:
            own = held.at((step - lag) // self.substeps)
            flux = flux if own is None else flux + own
        for term in self._many_lags:
            flux = flux + term.at(step)
        return flux


class _ManyLags:
    """One input term of many lags: lags that read the same sample share a block."""

    def __init__(self, term: Term, signal: InputSignal, substeps: int) -> None:
        self._substeps = substeps
        self._held = HeldFrames(signal)
        self._dark = self._held.dark()
        blocks = term.blocks()
        self._products = []
        for phase in range(substeps):
            ago = [-((phase - lag) // substeps) for lag in term.lags]  # samples
            shared = {k: reduce(add, [block for block, own in zip(blocks, ago, strict=True) if own == k]) for k in ago}
            self._products.append(_product(list(shared), list(shared.values())))

    def at(self, step: int) -> Array:
        sample, phase = divmod(step, self._substeps)
        return self._products[phase](lambda ago: self._signal(sample - ago))

    def _signal(self, sample: int) -> Array:
        held = self._held.at(sample)
        return self._dark if held is None else held


class ArrivingSignals:
    """The delayed signals of one term at each step, laid side by side as the rows of its efficacies are."""

    def __init__(self, term: Term, signals: Sequence[InputSignal], substeps: int) -> None:
        self._term, self._substeps = term, substeps
        self._held = HeldFrames(signals[term.port]) if term.source is None else None
        self._dark = None if self._held is None else self._held.dark()

    def at(self, step: int, sent: Callable[[int, int], Array]) -> Array:
        """Return the signals (..., lags x sources or channels) at a step; ``sent(source, lag)`` are those of cells."""
        return _joined([self._signal(step, lag, sent) for lag in self._term.lags])

    def _signal(self, step: int, lag: int, sent: Callable[[int, int], Array]) -> Array:
        if self._term.source is not None:
            return sent(self._term.source, lag)
        held = None if self._held is None else self._held.at((step - lag) // self._substeps)
        return self._dark if held is None else held


def recurrent_product(term: Term) -> Product:
    """Make the function that sums signal(lag) @ block over the lags of a term, given the signal."""
    if len(term.lags) > 1 and _is_sparse(term.weights):
        return _product(term.lags, term.blocks())
    return lambda signal: times(_joined([signal(lag) for lag in term.lags]), term.weights)


def _product(lags: Sequence[int], blocks: Sequence[Array]) -> Product:
    """Make the function that sums signal(lag) @ block over the lags, given the signal.

    Dense blocks are one product over the joined signals (measured in tests/benchmarks/test_delay_speed.py); sparse ones
    would have to copy every signal for that, which costs more than their products.
    """
    if len(lags) > 1 and not any(_is_sparse(block) for block in blocks):
        stacked = array_namespace(blocks[0]).concatenate(blocks)
        return lambda signal: _joined([signal(lag) for lag in lags]) @ stacked
    return lambda signal: reduce(add, [times(signal(lag), block) for lag, block in zip(lags, blocks, strict=True)])


def _joined(signals: Sequence[Array]) -> Array:
    """Lay signals side by side, (..., lags x sources)."""
    return signals[0] if len(signals) == 1 else array_namespace(signals[0]).concatenate(alike(signals), -1)


def alike(arrays: Sequence[Array]) -> Sequence[Array]:
    """Broadcast arrays to one shape: the states at rest have one row, those later on a row per sample."""
    shapes = {tuple(a.shape) for a in arrays}
    if len(shapes) == 1:
        return arrays
    xp, shape = array_namespace(arrays[0]), np.broadcast_shapes(*shapes)
    return [xp.broadcast_to(a, shape) for a in arrays]


def times(signal: Array, block: Array) -> Array:
    """``signal @ block``; scipy's sparse matrices multiply matrices only."""
    if signal.ndim > 2 and _is_sparse(block):
        return (signal.reshape(-1, signal.shape[-1]) @ block).reshape(*signal.shape[:-1], -1)
    return signal @ block


def _is_sparse(block: Array) -> bool:
    if isinstance(block, np.ndarray):
        return False
    from scipy.sparse import issparse  # slow to load, and much imports this module that takes no step

    return bool(issparse(block))


def _frames(block: Array, weights: Array | None) -> Any:
    frames = array_namespace(block).moveaxis(block, -2, 0)
    frames = frames if weights is None else times(frames, weights)
    return frames if isinstance(frames, np.ndarray) else frames.unbind(0)
