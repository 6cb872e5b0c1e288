"""Light between rate neurons: how many spikes a frame carries, and what the detectors count of them.

A rate neuron, or an input port, that drives an optical projection is the time average of spikes. In a frame of
duration T its emitter sends

    n = floor(x + u),   x = r T max(s, 0) / s_ref,   u uniform in [0, 1),   n <= T / dead time

spikes: a regular train of random phase, with the mean x and a variance of at most 1/4. With Poisson statistics n has
the mean and the variance x. s is the signal at the start of the frame, and its count is held for the frame. Every
detector of the net counts Binomial(n, 1 - P(no photon)) of them, and Poisson dark counts beside; a count of c is the
signal s_ref c / (r T).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.input_flux import HeldFrames, InputSignal, times
from soensim.dynamics.source_functions import Array, array_namespace

FloatArray = NDArray[np.float64]

CERTAIN = 2.0**-53  # a probability below this never shows in float64

EMITTERS, MISSED, DARK = range(3)  # random streams


@dataclass(frozen=True)
class Emission:
    """How the emitters of one source turn a signal into spikes.

    Attributes
    ----------
    reference
        Signal at which they fire at their highest rate, s_ref (I_c).
    spikes
        Spikes per frame at this signal, r T.
    most
        Most spikes in a frame: T over the dead time of the detectors, which see no more.
    poisson
        Whether spikes come at random instead of regularly.
    """

    reference: float
    spikes: float
    most: int
    poisson: bool

    def expected(self, signal: Array) -> Array:
        """Return the mean number of spikes in a frame, x; any shape, numpy or torch."""
        return (signal * (self.spikes / self.reference)).clip(0.0, float(self.most))

    def counts(self, expected: FloatArray, uniform: FloatArray) -> FloatArray:
        """Return the number of spikes in a frame, given uniform numbers in [0, 1) that broadcast with its mean."""
        drawn = _poisson(uniform, expected) if self.poisson else np.floor(expected + uniform)
        return np.minimum(drawn, self.most)

    def signal(self, counts: Array) -> Array:
        """Return the signal (I_c) that a count amounts to."""
        return counts * (self.reference / self.spikes)


@dataclass(frozen=True)
class Detectors:
    """The detectors of one optical projection.

    Attributes
    ----------
    source, port, target
        Index of the upstream population, or None for an input port and its index; index of the driven population.
    neurons
        Neurons of the driven population.
    sources, targets
        Shape (edges,): index within the source and the target population.
    no_photon
        Shape (edges,): probability that a detector counts nothing of a spike.
    dark_counts
        Mean number of dark counts in a frame: of every detector, or of each, shape (edges,).
    """

    source: int | None
    port: int
    target: int
    neurons: int
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    no_photon: FloatArray
    dark_counts: FloatArray | float


@dataclass(frozen=True)
class LightDraws:
    """Random numbers of the light of one block of a data set.

    A sample has the same numbers whatever block it comes in, since a stream is entered at its place.

    Attributes
    ----------
    seed
        0 or more.
    first, rows
        Place of the block's first sample in its data set, and number of samples.
    hypotheses
        Number of hypotheses on the label that run side by side, each with spikes of its own; None: an axis less.
    """

    seed: int
    first: int
    rows: int
    hypotheses: int | None = None

    def uniform(self, stream: int, place: int, frame: int, width: int) -> FloatArray:
        """Draw numbers in [0, 1), shape (hypotheses, rows, width), for one source or projection in one frame."""
        parts = []
        for hypothesis in range(self.hypotheses or 1):
            bits = np.random.PCG64(np.random.SeedSequence([self.seed, stream, place, frame, hypothesis]))
            bits.advance(self.first * width)
            parts.append(np.random.Generator(bits).random((self.rows, width)))
        return parts[0] if self.hypotheses is None else np.stack(parts)


class SpikingLight:
    """The light of one run of the time loop, frame by frame.

    Parameters
    ----------
    ports, populations
        Emission of each input port and population; None where it has no emitters.
    detectors, efficacies
        Optical projections, and the efficacies of their edges (Phi_0 per I_c), shape (edges,), numpy or torch.
    draws
        The random numbers.
    """

    def __init__(
        self,
        ports: Sequence[Emission | None],
        populations: Sequence[Emission | None],
        detectors: Sequence[Detectors],
        efficacies: Sequence[Array],
        draws: LightDraws,
    ) -> None:
        self._ports, self._populations, self._draws = ports, populations, draws
        self._noisy = [
            (place, d, w)
            for place, (d, w) in enumerate(zip(detectors, efficacies, strict=True))
            if np.any(d.dark_counts) or (d.no_photon > CERTAIN).any()
        ]
        self.sent: dict[int, FloatArray] = {}
        """Spikes that each source has sent so far, (..., neurons or channels): input ports first, then populations."""
        self._port_counts: dict[int, list[FloatArray]] = {}
        self._counts: dict[int, FloatArray] = {}

    def inputs(self, signals: Sequence[InputSignal]) -> list[InputSignal]:
        """Return the signals, then what their light amounts to, one for each port."""
        return [*signals, *(self._lit(port, signal) for port, signal in enumerate(signals))]

    def emit(self, frame: int, population: int, sent: Array) -> Array:
        """Return the signal (I_c) that the light of a population carries in a frame, (..., neurons).

        ``sent`` is what the population sends at the start of the frame. Torch: the gradient is that of the mean.
        """
        emission = self._populations[population]
        if emission is None:
            return sent
        place = len(self._ports) + population
        return self._emitted(emission, place, frame, sent, self._counts, population)

    def detector_flux(self, frame: int, population: int) -> Array | None:
        """Return the flux (Phi_0) by which missed spikes and dark counts change that of a population, or None.

        It is that of this frame's light, (..., neurons), and held for the frame.
        """
        total: Array | None = None
        for place, detectors, efficacies in self._noisy:
            if detectors.target != population:
                continue
            emission, counts = self._source(detectors, frame)
            excess = emission.signal(self._excess(place, detectors, frame, counts))
            flux = _sums(excess, detectors, efficacies)
            total = flux if total is None else total + flux
        return total

    def _lit(self, port: int, signal: InputSignal) -> InputSignal:
        emission = self._ports[port]
        if emission is None:
            return signal
        held, frames, counts = HeldFrames(signal), [], {port: np.empty(0)}
        own = self._port_counts[port] = []
        noisy = any(d.source is None and d.port == port for _, d, _ in self._noisy)
        for frame in range(len(signal.frame_of)):
            frames.append(self._emitted(emission, port, frame, held.at(frame), counts, port))
            if noisy:  # else nobody asks for them again
                own.append(counts[port])
        return InputSignal([array_namespace(frames[0]).stack(frames, -2)], range(len(frames)))

    def _emitted(
        self,
        emission: Emission,
        place: int,
        frame: int,
        sent: Array,
        record: dict[int, FloatArray],
        key: int,
    ) -> Array:
        uniform = self._draws.uniform(EMITTERS, place, frame, sent.shape[-1])
        expected = emission.expected(sent)
        counts = record[key] = emission.counts(_numpy(expected), uniform)
        self.sent[place] = self.sent[place] + counts if place in self.sent else counts
        if isinstance(expected, np.ndarray):
            return emission.signal(counts)
        drawn = _like(counts, expected)
        return emission.signal(expected + (drawn - expected).detach())

    def _source(self, detectors: Detectors, frame: int) -> tuple[Emission, FloatArray]:
        """Return the emission of a projection's source, and its counts in a frame."""
        if detectors.source is None:
            emission, counts = self._ports[detectors.port], self._port_counts[detectors.port][frame]
        else:
            emission, counts = self._populations[detectors.source], self._counts[detectors.source]
        if emission is None:
            raise ValueError("detectors of a source without emitters")
        return emission, counts

    def _excess(self, place: int, detectors: Detectors, frame: int, counts: FloatArray) -> FloatArray:
        """Return counts of each detector minus the spikes of its source, (..., edges)."""
        edges = len(detectors.sources)
        sent = counts[..., detectors.sources]
        shape = np.broadcast_shapes(sent.shape, self._shape(edges))
        excess = np.zeros(shape)
        if (detectors.no_photon > CERTAIN).any():
            uniform = np.broadcast_to(self._draws.uniform(MISSED, place, frame, edges), shape)
            sent, missed = np.broadcast_to(sent, shape), np.broadcast_to(detectors.no_photon, shape)
            some = uniform >= (1 - missed) ** sent  # elsewhere none is missed
            excess[some] -= _binomial(uniform[some], sent[some], missed[some])
        if np.any(detectors.dark_counts):
            uniform = np.broadcast_to(self._draws.uniform(DARK, place, frame, edges), shape)
            some = uniform >= np.exp(-detectors.dark_counts)
            excess[some] += _poisson(uniform[some], np.broadcast_to(detectors.dark_counts, shape)[some])
        return excess

    def _shape(self, width: int) -> tuple[int, ...]:
        draws = self._draws
        return (draws.rows, width) if draws.hypotheses is None else (draws.hypotheses, draws.rows, width)


def _poisson(uniform: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the Poisson number at a place of its distribution: the least k with P(n <= k) >= uniform."""
    from scipy.special import pdtr, pdtrik  # slow to load, and most chips draw none

    above = np.ceil(pdtrik(uniform, mean))
    below = np.maximum(above - 1, 0.0)  # the inverse may be off by a rounding error
    least: FloatArray = np.where(pdtr(below, mean) >= uniform, below, above)
    return least


def _binomial(uniform: FloatArray, trials: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the binomial number at a place of its distribution: the least k with P(n <= k) >= uniform.

    For one trial or more and a probability above 0.
    """
    from scipy.special import bdtr, bdtrik

    above = np.ceil(bdtrik(uniform, trials, probability))
    below = np.maximum(above - 1, 0.0)
    reached = bdtr(below, trials.astype(np.int64), probability) >= uniform
    least: FloatArray = np.minimum(np.where(reached, below, above), trials)
    return least


def _sums(excess: FloatArray, detectors: Detectors, efficacies: Array) -> Array:
    """Sum efficacy x signal over the edges of each neuron, (..., neurons)."""
    width = detectors.neurons
    if isinstance(efficacies, np.ndarray):
        from scipy.sparse import csr_array

        edges = len(efficacies)
        matrix = csr_array((efficacies, (np.arange(edges), detectors.targets)), shape=(edges, width))
        return times(excess, matrix)
    signal = _like(excess, efficacies) * efficacies
    return signal.new_zeros((*signal.shape[:-1], width)).index_add(-1, _index(detectors.targets, signal), signal)


def _numpy(array: Array) -> FloatArray:
    """Return the values in float64, without their gradient."""
    return array if isinstance(array, np.ndarray) else array.detach().double().cpu().numpy()


def _like(values: NDArray[Any], array: Array) -> Array:
    """Return values as a tensor of the precision and on the device of another."""
    import torch  # a simulation does not load it

    return torch.as_tensor(values, dtype=array.dtype, device=array.device)


def _index(values: NDArray[np.int64], array: Array) -> Array:
    import torch

    return torch.tensor(values, device=array.device)  # a copy: they are read-only
