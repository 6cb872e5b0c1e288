"""RoutedNetlist -> Network: compiled once, evaluated many times; nothing later looks at names or YAML again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import LEAST_FLOOR, Normalisation, check_step, coefficients
from soensim.errors import RoutingError, SimulationError
from soensim.netlist import DendritePopulation, Efficacy, GoodnessReadout, LinearReadout, Netlist, symmetric_levels
from soensim.netlist.schema.spiking import SOMA
from soensim.network.dendrite_parameters import check_validity, gammas, sample_duration, source_function
from soensim.network.light import compile_light
from soensim.network.network import (
    Die,
    FloatArray,
    GoodnessOutput,
    InputLines,
    LinearOutput,
    Network,
    Population,
)
from soensim.network.substeps import step_limits, substeps_of
from soensim.network.synapses import Synapses
from soensim.routing import RoutedNetlist, RoutedProjection

T = TypeVar("T", bound=np.generic)


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
    RoutingError
        Edges have no route, and the netlist does not let them be pruned; or the routes give a projection another number
        of delays than it has edges, or a delay that is negative or not finite.
    NetlistError
        A SQUID bias lies beyond the currents that its source function covers, or an emitter has no state at which it
        fires at its highest rate.
    TechnologyError
        A number of the light is in neither netlist nor technology.
    """
    if refine < 1:
        raise SimulationError(f"refine is {refine}; it divides the integration step, so it must be 1 or more")
    netlist = routed.netlist
    routed.check_complete()
    if netlist.spiking:
        from soensim.network.spiking.chip import compile_spiking_chip  # numba: loaded only by chips that need it

        return compile_spiking_chip(routed, refine=refine)
    timing = netlist.timing
    populations = _populations(netlist)
    sample_tau, substeps = sample_duration(netlist), substeps_of(netlist)
    for name, population in netlist.dendrites.items():
        largest_tau = step_limits(netlist, population).largest_tau
        check_step(name, sample_tau / (substeps.taken * refine), largest_tau, sample_tau)
    return Network(
        name=netlist.name,
        netlist_hash=routed.hash,
        inputs=_inputs(netlist),
        populations=populations,
        synapses=compile_synapses(routed, list(netlist.dendrites), list(netlist.inputs)),
        output=_output(netlist),
        feed_forward=timing.update == "feed-forward",
        sample_tau=sample_tau,
        substeps=substeps.taken * refine,
        integrator=timing.integrator,
        spreads=netlist.spreads,
        critical_current_a=netlist.device_technology.junction.critical_current_a,
        die=compile_die(routed),
        light=compile_light(routed),
        hold_samples=timing.hold_samples or 1,
        unlabelled_samples=timing.unlabelled_samples or 0,
        netlist_substeps=substeps.taken,
        trained_substeps=netlist.timing.substeps or substeps.fewest,
    )


def step_coefficients(
    network: Network, population: Population, gamma_minus: FloatArray, gamma_plus: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Compute (retention, gain) of a population at the network's step, for a given leak and drive gain (1/tau)."""
    drive = population.gamma_plus if gamma_plus is None else gamma_plus
    return coefficients(drive, gamma_minus, network.dt_tau, network.integrator)


def _inputs(netlist: Netlist) -> tuple[InputLines, ...]:
    inputs, channel = [], 0
    for name, lines in netlist.inputs.items():
        inputs.append(
            InputLines(
                name=name,
                channels=slice(channel, channel + lines.size),
                carries=lines.carries,
                drive_low=lines.drive_low,
                drive_high=lines.drive_high,
                normalisation=None if lines.normalise is None else Normalisation(lines.normalise),
                label_channels=lines.label_channels or 0,
            )
        )
        channel += lines.size
    return tuple(inputs)


def _populations(netlist: Netlist) -> tuple[Population, ...]:
    populations, neuron = [], 0
    for name, population in netlist.dendrites.items():
        populations.append(_population(netlist, name, population, neuron))
        neuron += population.size
        if not populations[-1].source.virtual:
            check_validity(name, float(populations[-1].gamma_plus[0]))
    return tuple(populations)


def _population(netlist: Netlist, name: str, population: DendritePopulation, start: int) -> Population:
    source = source_function(netlist, name, population)
    gamma_plus, gamma_minus = gammas(netlist, population)
    trim = population.flux_trim
    return Population(
        name=name,
        neurons=slice(start, start + population.size),
        source=source,
        gamma_plus=_constant(population.size, gamma_plus),
        gamma_minus=_constant(population.size, gamma_minus),
        bias_current=_constant(population.size, population.bias_current or 0.0),
        flux_offset=_constant(population.size, population.flux_offset),
        trim_levels=None if trim is None else _frozen(symmetric_levels(trim.bits, trim.range)),
        normalisation=_normalisation(population),
    )


def _normalisation(population: DendritePopulation) -> Normalisation | None:
    if population.normalise is None:
        return None
    return Normalisation(population.normalise, population.normalise_floor or LEAST_FLOOR)


def compile_die(routed: RoutedNetlist) -> Die | None:
    """Say where the devices of a routed chip are; None where it is not laid out."""
    if routed.layout is None:
        return None
    placement = routed.layout.placement
    places = {name: placement.populations[name] for name in routed.netlist.populations}
    return Die(
        placement.die_width_um,
        placement.die_height_um,
        placement.cell_um,
        {name: _frozen(np.stack([at.x_um, at.y_um], axis=1)) for name, at in places.items()},
    )


def compile_synapses(routed: RoutedNetlist, populations: Sequence[str], ports: Sequence[str]) -> dict[str, Synapses]:
    """Compile the synapses of a routed chip.

    Parameters
    ----------
    routed
        The chip.
    populations, ports
        Names of the populations and of the input populations, in the order of the network. The dendrites of an arbor
        are called `NAME.PLACE`.

    Raises
    ------
    RoutingError
        The routes give a projection another number of delays than it has edges, or one that is no delay.
    """
    netlist = routed.netlist
    junction = netlist.device_technology.junction
    group_index = {name: k for k, name in enumerate(populations)}
    synapses = {}
    for projection in netlist.projections:
        existing = routed.projections[projection.key]
        n_sources = netlist.populations[projection.source].size
        _check_delays(projection.key, existing)
        sources, targets = existing.edges.sources, existing.edges.targets
        place = "" if projection.place in (None, SOMA) else f".{projection.place}"
        synapses[projection.key] = Synapses(
            key=projection.key,
            source=group_index.get(projection.source),
            target=group_index[projection.target + place],
            shape=(netlist.populations[projection.target].size, n_sources),
            port=ports.index(projection.source) if projection.source in ports else 0,
            sources=sources,
            targets=targets,
            sign=edge_signs(projection.efficacy, sources, n_sources),
            levels=projection.efficacy.level_table,
            programmable_scale=projection.efficacy.full_scale == "programmable",
            delay_tau=_frozen(junction.tau_from_seconds(existing.delay_ps * 1e-12)),
        )
    return synapses


def _check_delays(key: str, routed: RoutedProjection) -> None:
    edges, delays = len(routed.edges.sources), routed.delay_ps
    if delays.shape != (edges,):
        raise RoutingError(
            f"projection {key!r}: delay_ps has the shape {delays.shape}; it needs one per edge, ({edges},)"
        )
    wrong = np.flatnonzero(~((delays >= 0) & (delays < np.inf)))
    if len(wrong):
        raise RoutingError(
            f"projection {key!r}: delay_ps of edge {wrong[0]} is {delays[wrong[0]]}; a delay is finite and 0 or more"
        )


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
    populations = tuple(names.index(name) for name in readout.reads)
    if isinstance(readout, LinearReadout):
        return linear_output(netlist, readout, populations)
    if isinstance(readout, GoodnessReadout):
        classes = next(
            p.label_channels or p.size for p in netlist.inputs.values() if p.carries == "label" or p.label_channels
        )
        return GoodnessOutput(
            populations,
            classes,
            readout.state,
            readout.first_sample,
            readout.last_sample,
            readout.prefers == "low",
        )
    return None


def linear_output(netlist: Netlist, readout: LinearReadout, populations: tuple[int, ...]) -> LinearOutput:
    """Compile a linear readout of populations, by their indices in `Network.populations`."""
    size = sum(netlist.populations[name].size for name in readout.reads)
    edges = np.tile(np.arange(size), readout.classes)
    signs = edge_signs(readout.efficacy, edges, size).reshape(readout.classes, size)
    return LinearOutput(
        populations,
        readout.classes,
        readout.state,
        readout.efficacy.level_table,
        readout.efficacy.full_scale == "programmable",
        _frozen(signs),
        readout.location == "on-chip",
        readout.efficacy.bits,
    )


def _constant(size: int, value: float) -> FloatArray:
    return _frozen(np.full(size, value, dtype=np.float64))


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
