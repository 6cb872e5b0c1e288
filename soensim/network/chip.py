"""The compiled chip: every index, sign, level and coefficient as read-only arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import SourceFunction
from soensim.dynamics.step import Integrator

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """One dendrite population.

    Attributes
    ----------
    name, neurons
        Its name, and its place among all neurons of the chip.
    source
        g(phi, i).
    gamma_plus, gamma_minus, bias_current, flux_offset
        Shape (size,): 1/tau, 1/tau, I_c (0 for a virtual source), Phi_0.
    trim_levels
        Ascending programmable fluxes (Phi_0), shape (levels,), or None where the chip has no trim.
    """

    name: str
    neurons: slice
    source: SourceFunction
    gamma_plus: FloatArray
    gamma_minus: FloatArray
    bias_current: FloatArray
    flux_offset: FloatArray
    trim_levels: FloatArray | None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.neurons.stop - self.neurons.start)

    @property
    def trim_key(self) -> str:
        """Name of the trims in a program."""
        return f"{self.name}.flux_trim"


@dataclass(frozen=True)
class Synapses:
    """One projection as an edge list, sorted by target, then source.

    Attributes
    ----------
    key
        `source->target`.
    source
        Index of the upstream population, or None where inputs drive it.
    target
        Index of the driven population.
    shape
        (targets, sources) of the dense matrix W; W[i, j] is from j to i.
    columns
        Where the sources stand in the upstream population's states, or among the input channels.
    sources, targets
        Shape (edges,): index within the source and the target population.
    sign
        Shape (edges,): efficacy = sign x level; +1 everywhere where the program decides.
    levels
        Ascending level table (Phi_0 per I_c).
    delay_steps
        Shape (edges,): whole integration steps.
    """

    key: str
    source: int | None
    target: int
    shape: tuple[int, int]
    columns: slice
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    sign: FloatArray
    levels: FloatArray
    delay_steps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sources)

    def delays(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield each delay (steps) with the indices of the edges that have it."""
        for delay in np.unique(self.delay_steps):
            yield int(delay), np.flatnonzero(self.delay_steps == delay)


@dataclass(frozen=True)
class LinearOutput:
    """A linear readout: scores = W s of one population's final or mean state; W has shape (classes, neurons)."""

    population: int
    classes: int
    state: str
    levels: FloatArray
    sign: FloatArray
    on_chip: bool
    bits: int | None


@dataclass(frozen=True)
class GoodnessOutput:
    """Score of a label = goodness of one population (mean s^2) with this label on the label lines."""

    population: int
    classes: int
    state: str


@dataclass(frozen=True)
class InputLines:
    """One input population: its place among the channels, what it carries and its drive range (I_c)."""

    name: str
    channels: slice
    carries: str
    drive_low: float
    drive_high: float


@dataclass(frozen=True)
class Network:
    """The chip, ready to be trained on and simulated; arrays are read-only.

    Attributes
    ----------
    name, netlist_hash
        The chip that it was compiled from; a program must carry the same hash.
    inputs, populations, synapses
        In netlist order; `synapses` by key.
    feed_forward
        Whether a population sees the states that earlier populations have just taken.
    sample_tau, substeps, integrator
        One input sample lasts `sample_tau` (tau) and is integrated in `substeps` steps.
    spreads
        One-sigma spreads between chips, by name.
    read_noise_flux
        Flux noise (Phi_0), one sigma, fresh for every neuron and sample.
    """

    name: str
    netlist_hash: str
    inputs: tuple[InputLines, ...]
    populations: tuple[Population, ...]
    synapses: Mapping[str, Synapses]
    output: LinearOutput | GoodnessOutput | None
    feed_forward: bool
    sample_tau: float
    substeps: int
    integrator: Integrator
    spreads: Mapping[str, float]
    read_noise_flux: float

    @property
    def channels(self) -> int:
        """Number of input channels, label lines included."""
        return int(self.inputs[-1].channels.stop) if self.inputs else 0

    @property
    def neurons(self) -> int:
        """Number of dendrite neurons."""
        return int(self.populations[-1].neurons.stop)

    @property
    def edges(self) -> int:
        """Number of synapses (readout not counted)."""
        return sum(len(s) for s in self.synapses.values())

    @property
    def dt_tau(self) -> float:
        """Integration step (tau)."""
        return self.sample_tau / self.substeps

    @property
    def virtual(self) -> bool:
        """Whether every source function is one that no known circuit has: the step is then part of the model."""
        return all(p.source.virtual for p in self.populations)

    def lines(self, carries: str) -> InputLines | None:
        """Return the input population that carries `data` or `label`, if there is one."""
        return next((line for line in self.inputs if line.carries == carries), None)

    def lag(self, synapses: Synapses, delay_steps: int) -> int:
        """Steps back at which a term reads its source; -1 is the state that the step makes."""
        ahead = self.feed_forward and synapses.source is not None and synapses.source < synapses.target
        return delay_steps - 1 if ahead else delay_steps
