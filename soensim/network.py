"""RoutedNetlist -> Network: every index, sign, level and coefficient of the chip as read-only arrays.

Compiled once, evaluated many times: nothing after this room looks at names or YAML again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import SOURCE_FUNCTIONS, SourceFunction, check_step, coefficients, largest_step, substeps_needed
from soensim.dynamics.step import Integrator
from soensim.errors import NetlistError, SimulationError
from soensim.netlist import (
    DendritePopulation,
    Efficacy,
    GoodnessReadout,
    LinearReadout,
    Netlist,
    symmetric_levels,
)
from soensim.routing import RoutedNetlist

FloatArray = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)


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


def compile_network(routed: RoutedNetlist, *, refine: int = 1) -> Network:
    """Compile a routed chip.

    Parameters
    ----------
    routed
        The chip.
    refine
        Divide the netlist's integration step by this; 1 is the step that training uses.

    Raises
    ------
    SimulationError
        ``refine`` is below 1, the step is too coarse for a population, or the integration loop of a SQUID dendrite is
        so small that single fluxons matter.
    NetlistError
        A SQUID bias lies beyond the currents that its source function covers, or the chip has spiking neurons.
    """
    if refine < 1:
        raise SimulationError(f"refine is {refine}; it divides the integration step, so it must be 1 or more")
    netlist = routed.netlist
    if netlist.spiking:
        raise NetlistError(
            f"netlist {netlist.name!r} has spiking neurons, which this cannot compile or train; run it with "
            "`soensim simulate`, or compile it with soensim.simulate.spiking.compile_spiking"
        )
    timing = netlist.timing
    sample_tau = sample_duration(netlist)

    inputs, channel = [], 0
    for name, lines in netlist.inputs.items():
        place = slice(channel, channel + lines.size)
        inputs.append(InputLines(name, place, lines.carries, lines.drive_low, lines.drive_high))
        channel = place.stop
    populations, neuron = [], 0
    for name, population in netlist.dendrites.items():
        populations.append(_population(netlist, name, population, neuron))
        neuron += population.size
        _check_validity(populations[-1])
    largest_tau = [
        largest_step(p.source, float(p.gamma_plus[0]), float(p.gamma_minus[0]), timing.integrator) for p in populations
    ]
    substeps = timing.substeps or substeps_needed(sample_tau, min(largest_tau))
    for compiled, limit_tau in zip(populations, largest_tau, strict=True):
        check_step(compiled.name, sample_tau / (substeps * refine), limit_tau, sample_tau)
    substeps *= refine
    dt_tau = sample_tau / substeps
    return Network(
        name=netlist.name,
        netlist_hash=netlist.hash,
        inputs=tuple(inputs),
        populations=tuple(populations),
        synapses=_synapses(routed, inputs, dt_tau),
        output=_output(netlist),
        feed_forward=timing.update == "feed-forward",
        sample_tau=sample_tau,
        substeps=substeps,
        integrator=timing.integrator,
        spreads={
            name: netlist.imperfection(name)
            for name in ("efficacy_spread", "gamma_minus_spread", "bias_current_spread", "flux_offset_spread")
        },
        read_noise_flux=netlist.imperfections.read_noise_flux,
    )


def step_coefficients(
    network: Network, population: Population, gamma_minus: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Compute (retention, gain) of a population at the network's step, for a given leak (1/tau)."""
    return coefficients(population.gamma_plus, gamma_minus, network.dt_tau, network.integrator)


def sample_duration(netlist: Netlist) -> float:
    """How long an input sample is held (tau)."""
    timing = netlist.timing
    if timing.sample_tau is not None:
        return timing.sample_tau
    return float(netlist.device_technology.junction.tau_from_seconds((timing.sample_ns or 0.0) * 1e-9))


def gammas(netlist: Netlist, population: DendritePopulation) -> tuple[float, float]:
    """Drive gain and leak (1/tau) of a population, from whichever form the netlist gives them in."""
    junction = netlist.device_technology.junction
    if population.gamma_plus is not None:
        gamma_plus = population.gamma_plus
    elif population.beta_di is not None:
        gamma_plus = 1 / population.beta_di
    else:
        gamma_plus = float(junction.gamma_from_per_second((population.gamma_plus_per_ns or 0.0) * 1e9))
    if population.gamma_minus is not None:
        gamma_minus = population.gamma_minus
    elif population.tau_di_ns is not None:
        gamma_minus = float(junction.gamma_minus_from_tau_di_seconds(population.tau_di_ns * 1e-9))
    else:
        gamma_minus = float(junction.gamma_from_per_second((population.gamma_minus_per_ns or 0.0) * 1e9))
    return gamma_plus, gamma_minus


def _population(netlist: Netlist, name: str, population: DendritePopulation, start: int) -> Population:
    source = _source_function(netlist, population)
    bias = population.bias_current or 0.0
    if bias > source.max_current:
        raise NetlistError(
            f"netlist {netlist.name!r}: populations.{name}.bias_current: {bias} is beyond the {source.max_current} "
            f"up to which {source.name!r} holds"
        )
    gamma_plus, gamma_minus = gammas(netlist, population)
    trim = population.flux_trim
    return Population(
        name=name,
        neurons=slice(start, start + population.size),
        source=source,
        gamma_plus=_constant(population.size, gamma_plus),
        gamma_minus=_constant(population.size, gamma_minus),
        bias_current=_constant(population.size, bias),
        flux_offset=_constant(population.size, population.flux_offset),
        trim_levels=None if trim is None else _frozen(symmetric_levels(trim.bits, trim.range)),
    )


def _check_validity(population: Population) -> None:
    """Refuse a loop to which the phenomenological dendrite does not apply (arXiv:2210.09976, measured in `circuit`)."""
    if population.source.virtual:
        return
    from soensim.circuit import validity  # numba: loaded only by chips that need it

    found = validity(1 / float(population.gamma_plus[0]))
    if found.verdict == "fails":
        raise SimulationError(
            f"population {population.name!r}: beta_di is 2 pi {found.beta_di / (2 * math.pi):.3g}, where the "
            f"phenomenological dendrite is off by chi^2 = {found.chi_squared:.1g}; it holds to 1e-4 from 2 pi 100 on: "
            "use a larger integration loop, or simulate the circuit (soensim.circuit.dendrite)"
        )


def _source_function(netlist: Netlist, population: DendritePopulation) -> SourceFunction:
    if population.source_function != "squid":
        return SOURCE_FUNCTIONS[population.source_function]
    from soensim.circuit import Device, source_table  # numba: loaded only by chips that need it
    from soensim.dynamics.squid import squid_source

    device = Device.from_technology(netlist.device_technology)
    return squid_source(source_table(device, temperature_k=population.temperature_k or 0.0))


def _synapses(routed: RoutedNetlist, inputs: list[InputLines], dt_tau: float) -> dict[str, Synapses]:
    netlist = routed.netlist
    junction = netlist.device_technology.junction
    group_index = {name: k for k, name in enumerate(netlist.dendrites)}
    input_place = {lines.name: lines.channels for lines in inputs}
    synapses = {}
    for projection in netlist.projections:
        existing = routed.projections[projection.key]
        n_sources = netlist.populations[projection.source].size
        delay_tau = junction.tau_from_seconds(existing.delay_ps * 1e-12)
        sources, targets = existing.edges.sources, existing.edges.targets
        synapses[projection.key] = Synapses(
            key=projection.key,
            source=group_index.get(projection.source),
            target=group_index[projection.target],
            shape=(netlist.populations[projection.target].size, n_sources),
            columns=input_place.get(projection.source, slice(0, n_sources)),
            sources=sources,
            targets=targets,
            sign=edge_signs(projection.efficacy, sources, n_sources),
            levels=projection.efficacy.level_table,
            delay_steps=_frozen(np.rint(delay_tau / dt_tau).astype(np.int64)),
        )
    return synapses


def edge_signs(efficacy: Efficacy, sources: NDArray[np.int64], n_sources: int) -> FloatArray:
    """Sign of each edge; drawn per source (Dale) or per edge with the seed of the netlist."""
    match efficacy.sign:
        case "free" | "positive":
            return _constant(len(sources), 1.0)
        case "negative":
            return _constant(len(sources), -1.0)
        case sign:
            rng = np.random.default_rng(sign.seed)
            if sign.kind == "dale":
                inhibitory = rng.permutation(n_sources) < round(sign.inhibitory_fraction * n_sources)
                return _frozen(np.where(inhibitory[sources], -1.0, 1.0))
            return _frozen(np.where(rng.random(len(sources)) < sign.negative_fraction, -1.0, 1.0))


def _output(netlist: Netlist) -> LinearOutput | GoodnessOutput | None:
    readout = netlist.readout
    if readout is None:
        return None
    names = list(netlist.dendrites)
    population = names.index(readout.population)
    if isinstance(readout, LinearReadout):
        size = netlist.populations[readout.population].size
        edges = np.tile(np.arange(size), readout.classes)
        signs = edge_signs(readout.efficacy, edges, size).reshape(readout.classes, size)
        return LinearOutput(
            population,
            readout.classes,
            readout.state,
            readout.efficacy.level_table,
            _frozen(signs),
            readout.location == "on-chip",
            readout.efficacy.bits,
        )
    if isinstance(readout, GoodnessReadout):
        labels = next(p for p in netlist.inputs.values() if p.carries == "label")
        return GoodnessOutput(population, labels.size, readout.state)
    return None


def _constant(size: int, value: float) -> FloatArray:
    return _frozen(np.full(size, value, dtype=np.float64))


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
