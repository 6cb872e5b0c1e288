"""The compiled chip: every index, sign, level and coefficient as read-only arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.described import Described, sizes
from soensim.dynamics import Normalisation, SourceFunction
from soensim.dynamics.integrators import Integrator
from soensim.netlist import LatencyCode, RateCode
from soensim.network.light import Light
from soensim.network.sizes import check_steps
from soensim.network.synapses import DelayLayout, Synapses

if TYPE_CHECKING:  # numba: loaded only by chips that need it
    from soensim.network.spiking.spiking_network import SpikingNetwork

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """One dendrite population; on a spiking chip the dendrites at one place of all neurons of a population.

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
    normalisation
        What is done to the states before they are sent on, or None.
    """

    name: str
    neurons: slice
    source: SourceFunction
    gamma_plus: FloatArray
    gamma_minus: FloatArray
    bias_current: FloatArray
    flux_offset: FloatArray
    trim_levels: FloatArray | None
    normalisation: Normalisation | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.neurons.stop - self.neurons.start)

    @property
    def trim_key(self) -> str:
        """Name of the trims in a program."""
        return f"{self.name}.flux_trim"


@dataclass(frozen=True)
class LinearOutput:
    """A linear readout: scores = W s of what is read of each neuron; W has shape (classes, neurons).

    The neurons are those of all populations that are read, in the order in which they are named.

    Attributes
    ----------
    populations, classes
        Indices of the populations that are read, and the number of scores.
    state
        s: `final` or `mean` states as they are sent (I_c); of spiking neurons `spike-count`, or `mean-flux` (Phi_0).
    levels, programmable_scale
        Ascending level table of W (per unit of s), and whether a program may shrink all of it by one factor.
    sign
        Shape (classes, neurons): weight = sign x level; +1 everywhere where the program decides.
    on_chip
        Whether W is fabricated, so that imperfections act on it.
    bits
        Bits that the level table was made from; None for an explicit table.
    """

    populations: tuple[int, ...]
    classes: int
    state: str
    levels: FloatArray
    programmable_scale: bool
    sign: FloatArray
    on_chip: bool
    bits: int | None


@dataclass(frozen=True)
class GoodnessOutput:
    """Score of a label: goodness with this label on the label lines.

    Attributes
    ----------
    populations
        Each contributes the mean of s^2 over its neurons.
    classes, state
        Number of labels; `final` counts the last sample, `all` the sum over samples.
    first_sample, last_sample
        Samples that count with `all`, from 1, both included; None: no bound.
    low
        Whether the least goodness wins: the score is then its negative.
    """

    populations: tuple[int, ...]
    classes: int
    state: str
    first_sample: int | None = None
    last_sample: int | None = None
    low: bool = False

    def window(self, samples: int) -> range:
        """Samples that count (from 0), of this number."""
        if self.state == "final":
            return range(samples - 1, samples)
        return range((self.first_sample or 1) - 1, min(self.last_sample or samples, samples))


@dataclass(frozen=True)
class CountOutput:
    """Score of a class: the spikes of its neuron in a sample.

    Attributes
    ----------
    populations
        Indices of the populations of somas that are read, one after the other.
    classes
        Number of their neurons.
    """

    populations: tuple[int, ...]
    classes: int


@dataclass(frozen=True)
class FluxOutput:
    """Score of a class: the flux through the soma of its neuron, in the mean over a sample; as `CountOutput`."""

    populations: tuple[int, ...]
    classes: int


@dataclass(frozen=True)
class InputLines:
    """One input population: its place among the channels, what it carries and its drive range (I_c).

    `normalisation` is what is done to its channels, sample by sample; `label_channels` is
    the number of first channels that carry the label instead of the data. On a spiking chip `code` says how values
    become spikes, and the drive is their rate (MHz), or a number from 0 to 1 that stands for their time; lines without
    a code carry `spikes` alone.
    """

    name: str
    channels: slice
    carries: str
    drive_low: float
    drive_high: float
    normalisation: Normalisation | None = None
    label_channels: int = 0
    code: RateCode | LatencyCode | None = None


@dataclass(frozen=True, eq=False)
class Die:
    """Where the devices of a chip are that is laid out; read-only.

    Attributes
    ----------
    width_um, height_um
        The die.
    cell_um
        Side of a neuron's square cell, which holds its synapses.
    neurons_um
        Centres of the cells, and places of the input ports, shape (size, 2), by population; the origin is the lower
        left corner of the die.
    """

    width_um: float
    height_um: float
    cell_um: float
    neurons_um: Mapping[str, FloatArray]


@dataclass(frozen=True, repr=False)
class Network(Described):
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
    netlist_substeps
        Steps per sample before any refinement: those that the netlist states, or as many as training needs.
    trained_substeps
        A program may have been trained with any multiple of these: the netlist's; where it states none, the fewest
        that follow every dendrite.
    light
        How optical projections carry rates; None where none is optical.
    hold_samples
        Each frame of a data set is held for this number of samples.
    unlabelled_samples
        Number of first samples that are shown without the label.
    spreads
        How much fabricated chips differ: size of each imperfection by its name in the netlist, most of them one sigma;
        and their parameters, as `efficacy_spread.correlation_um` (`soensim.fabrication`).
    die
        Where everything is; None on a chip that is not laid out.
    critical_current_a
        I_c of the junctions (A), which the thermal noise of the loops depends on.
    spiking
        What the engine of spiking chips steps; None on a chip of rate neurons. The populations are then its dendrites,
        by place: `NAME` are the somas of a population, `NAME.PLACE` the dendrites of its arbors.

    Raises
    ------
    SimulationError
        A sample has more than `MAX_SUBSTEPS` steps, or a delay more than `MAX_DELAY_STEPS`.
    """

    name: str
    netlist_hash: str
    inputs: tuple[InputLines, ...]
    populations: tuple[Population, ...]
    synapses: Mapping[str, Synapses]
    output: LinearOutput | GoodnessOutput | CountOutput | FluxOutput | None
    feed_forward: bool
    sample_tau: float
    substeps: int
    netlist_substeps: int
    trained_substeps: int
    integrator: Integrator
    spreads: Mapping[str, float]
    critical_current_a: float
    die: Die | None = None
    light: Light | None = None
    hold_samples: int = 1
    unlabelled_samples: int = 0
    spiking: SpikingNetwork | None = None

    def __post_init__(self) -> None:
        check_steps(self)

    def _facts(self) -> Mapping[str, Any]:
        return {
            "name": repr(self.name),
            "channels": self.channels,
            "populations": sizes({p.name: p.size for p in self.populations}),
            "edges": sizes({key: len(synapses) for key, synapses in self.synapses.items()}),
            "classes": None if self.output is None else self.output.classes,
            "substeps": self.substeps,
            "hash": self.netlist_hash[:8],
        }

    @property
    def read_noise_flux(self) -> float:
        """Flux noise (Phi_0), one sigma, fresh for every neuron and sample."""
        return self.spreads.get("read_noise_flux", 0.0)

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

    @property
    def labels(self) -> int:
        """Number of labels that the inputs can carry; 0 where none does."""
        return sum(line.label_channels for line in self.inputs) or sum(
            line.channels.stop - line.channels.start for line in self.inputs if line.carries == "label"
        )

    def lines(self, carries: str) -> InputLines | None:
        """Return the input population that carries `data` or `label`, if there is one."""
        return next((line for line in self.inputs if line.carries == carries), None)

    def carries_label(self, port: int) -> bool:
        """Whether an input population carries the label, on all or some of its channels."""
        return self.inputs[port].carries == "label" or self.inputs[port].label_channels > 0

    @property
    def draws_spikes(self) -> bool:
        """Whether light carries rates as spikes that are drawn."""
        return self.light is not None and not self.light.averaged

    def carries_spikes(self, key: str) -> bool:
        """Whether a projection carries spikes of light, frame by frame, instead of states."""
        return self.light is not None and not self.light.averaged and key in self.light.photons

    def delay_layout(self, synapses: Synapses) -> DelayLayout:
        """Lay a projection out over its delayed signals; both engines build their products from this.

        Spikes of a frame follow from the state at its start: that of the same step cannot be seen over them.
        """
        ahead = self.feed_forward and not self.carries_spikes(synapses.key)
        return synapses.delay_layout(self.dt_tau, feed_forward=ahead)
