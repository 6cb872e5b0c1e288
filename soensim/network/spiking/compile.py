"""RoutedNetlist -> SpikingNetwork: names and SI values become flat arrays, once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import Device, SourceTable, source_table, validity
from soensim.dynamics.spiking import (
    Dendrite,
    Links,
    Neuron,
    Receiver,
    Refractory,
    SynapseResponse,
    assemble,
    largest_step,
    refractory_coupling,
)
from soensim.errors import NetlistError, SimulationError
from soensim.netlist import Netlist, Projection
from soensim.netlist import SpikingPopulation as SpikingPart
from soensim.netlist.schema.spiking import REFRACTORY, SOMA, Branch, LoopPart, Response
from soensim.network import edge_signs, sample_duration
from soensim.network.spiking.spiking_network import SpikingNetwork, SpikingPopulation, SynapseGroup
from soensim.routing import RoutedNetlist
from soensim.units import Junction


def compile_spiking(routed: RoutedNetlist, *, refine: int = 1) -> SpikingNetwork:
    """Compile a routed chip of spiking neurons.

    Every synapse has the highest level of its efficacy, with the sign that fabrication gave it;
    `SpikingNetwork.with_efficacies` sets others.

    Parameters
    ----------
    routed
        The chip.
    refine
        Divide the step that its timing asks for by this.

    Raises
    ------
    NetlistError
        The chip has no spiking neurons, its SQUIDs have two temperatures, or an integration loop is so small that
        single fluxons matter.
    RoutingError
        Edges have no route, and the netlist does not let them be pruned.
    SimulationError
        ``refine`` is below 1, the step of the timing is too coarse, or a default refractory coupling does not exist.
    """
    netlist = routed.netlist
    if not netlist.spiking:
        raise NetlistError(f"netlist {netlist.name!r} has no population of kind 'spiking'; compile it as a rate chip")
    routed.check_complete()
    if refine < 1:
        raise SimulationError(f"refine is {refine}; it divides the integration step, so it must be 1 or more")
    technology = netlist.device_technology
    parts = {name: part.completed(technology) for name, part in netlist.spiking.items()}
    source = _source(netlist, parts)
    neurons = [(_neuron(name, part, source, technology.junction), part.size) for name, part in parts.items()]
    populations, inputs = _populations(parts, neurons), _inputs(netlist)
    links, groups = _projections(routed, parts, populations, inputs)
    arrays = assemble(neurons, sum(place.stop - place.start for place in inputs.values()), links)
    tau_0_ns = technology.junction.tau_0_s * 1e9
    integrator = netlist.timing.integrator
    dt_ns, every = _step(netlist, refine, largest_step(arrays, tau_0_ns=tau_0_ns, integrator=integrator))
    return SpikingNetwork(
        name=netlist.name,
        arrays=arrays,
        source=source,
        tau_0_ns=tau_0_ns,
        populations=populations,
        inputs=inputs,
        groups=groups,
        dt_ns=dt_ns,
        integrator=integrator,
        record_every=every,
        netlist_hash=routed.hash,
    )


def _populations(
    parts: Mapping[str, SpikingPart], neurons: Sequence[tuple[Neuron, int]]
) -> tuple[SpikingPopulation, ...]:
    populations, start, first = [], 0, 0
    for name, (neuron, count) in zip(parts, neurons, strict=True):
        populations.append(SpikingPopulation(name, slice(start, start + count), neuron.places, first))
        start, first = start + count, first + count * len(neuron.places)
    return tuple(populations)


def _inputs(netlist: Netlist) -> dict[str, slice]:
    """Place of each input population among the channels."""
    inputs, channel = {}, 0
    for name, lines in netlist.spike_inputs.items():
        inputs[name] = slice(channel, channel + lines.size)
        channel += lines.size
    return inputs


def _projections(
    routed: RoutedNetlist,
    parts: Mapping[str, SpikingPart],
    populations: Sequence[SpikingPopulation],
    inputs: Mapping[str, slice],
) -> tuple[list[Links], dict[str, SynapseGroup]]:
    """Optical paths and synapses of all projections; those of the refractory dendrites come before them."""
    by_name = {population.name: population for population in populations}
    neurons = populations[-1].neurons.stop
    emitters = {name: neurons + place.start for name, place in inputs.items()}
    emitters |= {population.name: population.neurons.start for population in populations}
    links, groups = [], {}
    first_synapse = sum(part.size for part in parts.values() if part.refractory.present)
    for projection in routed.netlist.projections:
        target = by_name[projection.target]
        link, group = _links(routed, projection, parts, target, emitters[projection.source], first_synapse)
        links.append(link)
        groups[projection.key] = group
        first_synapse = group.synapses.stop
    return links, groups


def _source(netlist: Netlist, parts: Mapping[str, SpikingPart]) -> SourceTable:
    temperatures = {part.temperature_k for part in parts.values()}
    if len(temperatures) > 1:
        raise NetlistError(
            f"netlist {netlist.name!r}: its spiking populations have the temperatures {sorted(temperatures)} K; "
            "one chip has one temperature"
        )
    return source_table(Device.from_technology(netlist.device_technology), temperature_k=temperatures.pop())


def _step(netlist: Netlist, refine: int, largest: tuple[float, str]) -> tuple[float, int]:
    """Step (ns), and steps per input sample."""
    sample_ns = netlist.timing.sample_ns
    if sample_ns is None:
        sample_ns = netlist.device_technology.junction.seconds_from_tau(sample_duration(netlist)) * 1e9
    fewest = max(1, math.ceil(sample_ns / largest[0] * (1 - 1e-9)))
    substeps = netlist.timing.substeps or fewest
    if substeps < fewest:
        raise SimulationError(
            f"chip {netlist.name!r}: its step of {sample_ns / substeps:.4g} ns is too coarse ({largest[1]}); "
            f"set timing.substeps to {fewest} or more, or leave it out"
        )
    return sample_ns / (substeps * refine), substeps * refine


def _neuron(name: str, part: SpikingPart, source: SourceTable, junction: Junction) -> Neuron:
    """Physics of one neuron of a completed population."""

    def loop(where: str, place: str, given: LoopPart, coupling: float, branches: tuple[Dendrite, ...]) -> Dendrite:
        beta_di, tau_di_ns = _number(given.beta_di), _number(given.tau_di_ns)
        model = validity(beta_di)
        if model.verdict == "fails":
            raise NetlistError(
                f"populations.{name}.{where}: beta_di is 2 pi {beta_di / (2 * math.pi):.3g}, where the "
                f"phenomenological dendrite is off by chi^2 = {model.chi_squared:.1g}; it holds to 1e-4 from "
                "2 pi 100 on, under slow drives: use a larger loop"
            )
        return Dendrite(
            name=place,
            gamma_plus=1 / beta_di,
            gamma_minus=float(junction.gamma_minus_from_tau_di_seconds(tau_di_ns * 1e-9)),
            bias_current=_number(given.bias_current),
            flux_offset=given.flux_offset,
            coupling=coupling,
            branches=branches,
        )

    def branch(given: Branch) -> Dendrite:
        return loop("arbor", given.name, given, given.coupling, tuple(map(branch, given.branches)))

    soma, own = part.soma, part.refractory
    refractory = None
    if own.present:
        coupling = own.coupling
        if coupling is None:
            coupling = refractory_coupling(
                source,
                threshold=_number(soma.threshold),
                bias_current=_number(soma.bias_current),
                refractory_bias_current=_number(own.bias_current),
            )
        refractory = Refractory(
            loop("refractory", REFRACTORY, own, coupling, ()), Receiver(_response(own.synapse)), own.efficacy
        )
    return Neuron(
        soma=loop("soma", SOMA, soma, 0.0, tuple(map(branch, part.arbor))),
        threshold=_number(soma.threshold),
        absolute_refractory_ns=_number(soma.absolute_refractory_ns),
        refractory=refractory,
    )


def _response(part: Response) -> SynapseResponse:
    names = ("phi_peak", "tau_rise_ns", "tau_fall_ns", "hotspot_ns", "response_cut_ns", "dead_time_ns")
    return SynapseResponse(*(_number(getattr(part, name)) for name in names))


def _number(value: float | None) -> float:
    """A value of a completed part, which has them all."""
    if value is None:
        raise NetlistError("a number of a spiking population is missing; complete it from the technology first")
    return value


def _links(
    routed: RoutedNetlist,
    projection: Projection,
    parts: Mapping[str, SpikingPart],
    target: SpikingPopulation,
    first_emitter: int,
    first_synapse: int,
) -> tuple[Links, SynapseGroup]:
    netlist, existing = routed.netlist, routed.projections[projection.key]
    sources, targets = existing.edges.sources, existing.edges.targets
    synapse = parts[projection.target].synapse
    photons, tau_rad_ns = path_light(routed, projection, parts)
    photons = photons * _number(synapse.detector_efficiency)
    n_sources = netlist.populations[projection.source].size
    sign, levels = edge_signs(projection.efficacy, sources, n_sources), projection.efficacy.level_table
    link = Links(
        emitters=first_emitter + sources,
        neurons=target.neurons.start + targets,
        places=np.full(len(targets), target.places.index(projection.place or SOMA)),
        receiver=Receiver(_response(synapse), _number(synapse.dark_count_rate_hz) * 1e-9),
        delay_ns=existing.delay_ps * 1e-3,
        photons=photons,
        tau_rad_ns=tau_rad_ns,
        efficacy=sign * levels[-1],
    )
    place = slice(first_synapse, first_synapse + len(sources))
    return link, SynapseGroup(place, sources, targets, (target.size, n_sources), sign, levels)


def path_light(
    routed: RoutedNetlist, projection: Projection, parts: Mapping[str, SpikingPart]
) -> tuple[NDArray[np.float64] | float, float]:
    """Mean photons per spike at each detector, and the decay time of the light (ns).

    On a chip that is laid out the ledger says how many arrive; else the netlist states the loss of every path.
    """
    netlist = routed.netlist
    if projection.source in parts:
        light = parts[projection.source].transmitter
        sent, tau_rad_ns = _number(light.photons_per_synapse) * _number(light.efficiency), _number(light.tau_rad_ns)
    else:
        pulse = netlist.spike_inputs[projection.source].completed(netlist.device_technology)
        sent, tau_rad_ns = _number(pulse.photons_per_synapse), pulse.tau_rad_ns
    ledger = routed.projections[projection.key].ledger
    if ledger is not None:
        return ledger.photons, tau_rad_ns
    return sent * 10 ** (-(projection.loss_db or 0.0) / 10), tau_rad_ns
