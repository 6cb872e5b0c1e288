"""An optical chip of rate neurons as the spiking chip that it stands for: same codes, masks, delays and biases."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import SourceTable
from soensim.dynamics.spiking import Dendrite, Links, Neuron, SpikingArrays, assemble
from soensim.errors import SimulationError
from soensim.fabrication import FabricatedChip
from soensim.network import Network, Synapses
from soensim.network.light import Light
from soensim.network.spiking.spiking_network import SpikingNetwork, SpikingPopulation
from soensim.routing import RoutedNetlist
from soensim.simulation.counterpart import check_has_counterpart
from soensim.simulation.spiking.batch import read_seed_of
from soensim.simulation.spiking.encode import regular_trains
from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.spike_stage import Clock, SpikeStage, clock_of, design_stage
from soensim.simulation.spiking.trace import Recording

Floats = NDArray[np.float64]

STATE = "state"  # place of the dendrite whose state the rate engine has


@dataclass(frozen=True, eq=False)
class SpikingCounterpart:
    """The spiking chip that a rate chip stands for.

    Attributes
    ----------
    spiking
        Its arrays, at its step. Neurons, and input channels, are those of the rate chip.
    states
        (neurons,): the dendrites whose states the rate engine has.
    stages
        Soma and synapses, by population.
    clock
        Its times.
    """

    spiking: SpikingNetwork
    states: NDArray[np.int64]
    stages: Mapping[str, SpikeStage]
    clock: Clock


class FrameSpikes(NamedTuple):
    """What a sample did: states after every frame (frames, neurons), and spikes in each (frames, neurons)."""

    states: Floats
    spikes: NDArray[np.int64]


def spiking_counterpart(routed: RoutedNetlist, network: Network, chip: FabricatedChip) -> SpikingCounterpart:
    """Compile a rate chip as the spiking chip that it stands for.

    Parameters
    ----------
    routed, network
        The chip; its integration step does not matter.
    chip
        One fabricated chip of it, or the nominal one, with the values of a program.

    Raises
    ------
    SimulationError
        It stands for none (`check_has_counterpart`), or a soma cannot do what is asked of it.
    """
    light, netlist, source = check_has_counterpart(network), routed.netlist, _table(network)
    clock = clock_of(netlist)
    stages = {
        population.name: design_stage(
            netlist,
            population.name,
            source,
            clock,
            None if emission is None else emission.reference,
            light.dark_counts / clock.frame_ns,
        )
        for population, emission in zip(network.populations, light.populations, strict=True)
    }
    synapses = _synapses(network, light, chip, stages, source.device.junction.tau_0_s * 1e9)
    neurons = [_neuron(network, chip, stages, k, synapses) for k in range(network.neurons)]
    places = [neuron.places for neuron in neurons]
    links = _links(synapses, places, stages)
    arrays = assemble([(neuron, 1) for neuron in neurons], network.channels, links)
    arrays = _sent_in_mid_step(arrays, clock.step_ns)
    spiking = SpikingNetwork(
        name=network.name,
        arrays=arrays,
        source=source,
        tau_0_ns=source.device.junction.tau_0_s * 1e9,
        populations=tuple(  # every neuron is one of its own: their trees differ
            SpikingPopulation(f"{k}", slice(k, k + 1), place, int(arrays.first_dendrite[k]))
            for k, place in enumerate(places)
        ),
        inputs={line.name: line.channels for line in network.inputs},
        dt_ns=clock.step_ns,
        integrator="exponential-euler",
        record_every=clock.substeps,
        netlist_hash=network.netlist_hash,
    )
    states = arrays.first_dendrite[:-1] + np.array([place.index(STATE) for place in places])
    return SpikingCounterpart(spiking, states, stages, clock)


def run_counterpart(
    made: SpikingCounterpart, network: Network, signals: Floats, *, sample: int, read_seed: int = 0
) -> FrameSpikes:
    """Run one sample from rest.

    Parameters
    ----------
    made, network
        The spiking chip, and the rate chip that it was made from.
    signals
        On the input channels (I_c), shape (frames, channels), as `soensim.network.present` lays them out.
    sample
        Place of the sample in its data set.
    read_seed
        Draws the phases of the input trains, the photons and the dark counts.
    """
    frames, frame_ns = len(signals), made.clock.frame_ns
    trace = simulate_spikes(
        made.spiking,
        _input_trains(network, signals, frame_ns, np.random.default_rng([read_seed, sample, zlib.crc32(b"phases")])),
        duration_ns=frames * frame_ns,
        read_seed=read_seed_of(read_seed, sample),
        record=Recording(dendrites=made.states),
    )
    frame = np.ceil(trace.spikes_ns / frame_ns - 1e-9).astype(np.int64) - 1  # a spike at an end is of the frame before
    spikes = np.zeros((frames, network.neurons), dtype=np.int64)
    np.add.at(spikes, (frame.clip(0, frames - 1), trace.spike_neuron), 1)
    return FrameSpikes(trace.state[1 : frames + 1], spikes)


def _table(network: Network) -> SourceTable:
    table = network.populations[0].source.table
    if table is None:
        raise SimulationError(f"chip {network.name!r} has no SQUIDs")
    return table


def _input_trains(network: Network, signals: Floats, frame_ns: float, rng: np.random.Generator) -> list[Floats]:
    """Spike trains (ns) of all channels: each frame at its own rate, without a break in the phase."""
    trains: list[Floats] = [np.zeros(0)] * network.channels
    emissions = () if network.light is None else network.light.ports
    for line, emission in zip(network.inputs, emissions, strict=True):
        phases = rng.random(line.channels.stop - line.channels.start)
        if emission is None:
            continue
        rates_mhz = emission.expected(signals[:, line.channels]) * (1e3 / frame_ns)
        times, channels = regular_trains(rates_mhz, frame_ns, phases)
        for k in range(len(phases)):
            trains[line.channels.start + k] = np.minimum(times[channels == k], len(signals) * frame_ns)
    return trains


class _Synapses(NamedTuple):
    """All synapses of the chip that have an efficacy; each (synapses,)."""

    emitters: NDArray[np.int64]
    neurons: NDArray[np.int64]
    couplings: Floats
    delays_ns: Floats
    photons: Floats
    from_input: NDArray[np.bool_]
    population: NDArray[np.int64]


def _synapses(
    network: Network, light: Light, chip: FabricatedChip, stages: Mapping[str, SpikeStage], tau_0_ns: float
) -> _Synapses:
    """Put the synapses of all projections together, by neuron; one with the efficacy 0 is left out."""
    parts: list[_Synapses] = []
    for key, synapses in network.synapses.items():
        target, values = network.populations[synapses.target], np.asarray(chip.values[key])
        emission, first = _source(network, light, synapses)
        on = np.flatnonzero(values)
        delay = chip.delay_factor * np.asarray(chip.edge_delay_factor.get(key, 1.0)) * synapses.delay_tau * tau_0_ns
        photons = light.photons[key] * chip.photons.get(key, 1.0)
        parts.append(
            _Synapses(
                first + synapses.sources[on],
                target.neurons.start + synapses.targets[on],
                stages[target.name].efficacy_coupling(values[on], emission),
                delay[on],
                photons[on],
                np.full(len(on), synapses.source is None),
                np.full(len(on), synapses.target),
            )
        )
    order = np.argsort(np.concatenate([part.neurons for part in parts]), kind="stable")
    return _Synapses(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))


def _source(network: Network, light: Light, synapses: Synapses) -> tuple[float, int]:
    """Reference of a projection's source (I_c), and the place of its first emitter."""
    if synapses.source is None:
        emission, first = light.ports[synapses.port], network.neurons + network.inputs[synapses.port].channels.start
    else:
        emission, first = light.populations[synapses.source], network.populations[synapses.source].neurons.start
    if emission is None:
        raise SimulationError(f"projection {synapses.key!r} of chip {network.name!r} has no light source")
    return emission.reference, first


def _neuron(
    network: Network, chip: FabricatedChip, stages: Mapping[str, SpikeStage], neuron: int, synapses: _Synapses
) -> Neuron:
    """Soma, the dendrite of the rate chip, and a dendrite behind each of its synapses."""
    index, population = next(
        (k, p) for k, p in enumerate(network.populations) if p.neurons.start <= neuron < p.neurons.stop
    )
    stage, own = stages[population.name], neuron - population.neurons.start
    first, last = np.searchsorted(synapses.neurons, [neuron, neuron + 1])
    behind = tuple(
        replace(
            stage.inputs if synapses.from_input[k] else stage.recurrent,
            name=f"synapse-{k - first}",
            coupling=float(synapses.couplings[k]),
        )
        for k in range(first, last)
    )
    trim = float(chip.values[population.trim_key][own]) if population.trim_key in chip.values else 0.0
    state = Dendrite(
        STATE,
        gamma_plus=float(chip.gamma_plus[index][own]),
        gamma_minus=float(chip.gamma_minus[index][own]),
        bias_current=float(chip.bias_current[index][own]),
        flux_offset=float(chip.flux_offset[index][own]) + trim,
        coupling=stage.coupling,
        branches=behind,
    )
    soma = replace(stage.soma, branches=(state,))
    return Neuron(soma, stage.threshold, stage.held_ns, stage.refractory)


def _links(synapses: _Synapses, places: list[tuple[str, ...]], stages: Mapping[str, SpikeStage]) -> list[Links]:
    """Optical paths: each ends in the dendrite behind its synapse; one group per population that receives."""
    first = np.array([place.index(STATE) + 1 for place in places])
    count = np.searchsorted(synapses.neurons, np.arange(len(places)))
    place = first[synapses.neurons] + np.arange(len(synapses.neurons)) - count[synapses.neurons]
    links = []
    for index, stage in enumerate(stages.values()):
        own = synapses.population == index
        links.append(
            Links(
                synapses.emitters[own],
                synapses.neurons[own],
                place[own],
                stage.receiver,
                delay_ns=synapses.delays_ns[own],
                photons=synapses.photons[own],
                tau_rad_ns=stage.tau_rad_ns,
            )
        )
    return links


def _sent_in_mid_step(arrays: SpikingArrays, step_ns: float) -> SpikingArrays:
    """Let the light of neurons leave half a step later.

    Spikes fall on ends of steps, and responses are looked at there: each is then summed at the middles of its steps,
    with an error of second order.
    """
    delay_ns = arrays.edge_delay_ns.copy()
    delay_ns[: arrays.first_edge[arrays.neurons]] += 0.5 * step_ns
    delay_ns.setflags(write=False)
    return arrays._replace(edge_delay_ns=delay_ns)
