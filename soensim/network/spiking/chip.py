"""RoutedNetlist of spiking neurons -> Network: its dendrites by name, and the arrays that its engine steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.squid import squid_source
from soensim.netlist import LinearReadout, MeanFluxReadout, Netlist, RateCode, symmetric_levels
from soensim.netlist.schema.spiking import REFRACTORY, SOMA
from soensim.network import (
    CountOutput,
    FluxOutput,
    InputLines,
    Light,
    LinearOutput,
    Network,
    Population,
    sample_duration,
)
from soensim.network.compile import compile_die, compile_synapses, linear_output
from soensim.network.light import frame_seconds
from soensim.network.spiking.compile import compile_spiking
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.routing import RoutedNetlist


def compile_spiking_chip(routed: RoutedNetlist, *, refine: int = 1) -> Network:
    """Compile a routed chip of spiking neurons, with all that programs, fabrication and scores are of.

    Every array of `Network.spiking` is as `compile_spiking` makes it; the populations of the network are its dendrites,
    by place.

    Parameters
    ----------
    routed
        The chip.
    refine
        Divide the integration step by this.

    Raises
    ------
    SoensimError
        As for `compile_spiking`.
    """
    netlist = routed.netlist
    spiking = compile_spiking(routed, refine=refine)
    populations = _populations(netlist, spiking)
    names = [population.name for population in populations]
    steps = spiking.record_every // refine
    return Network(
        name=netlist.name,
        netlist_hash=routed.hash,
        inputs=_inputs(netlist, spiking),
        populations=populations,
        synapses=compile_synapses(routed, names, list(netlist.spike_inputs)),
        output=_output(netlist, names),
        feed_forward=False,
        sample_tau=sample_duration(netlist),
        substeps=spiking.record_every,
        netlist_substeps=steps,
        trained_substeps=netlist.timing.substeps or steps,
        integrator=spiking.integrator,
        spreads=netlist.spreads,
        critical_current_a=netlist.device_technology.junction.critical_current_a,
        die=compile_die(routed),
        light=_light(netlist, spiking),
        hold_samples=netlist.timing.hold_samples or 1,
        spiking=spiking,
    )


def _populations(netlist: Netlist, spiking: SpikingNetwork) -> tuple[Population, ...]:
    arrays, source = spiking.arrays, squid_source(spiking.source)
    populations: list[Population] = []
    start = 0
    for neurons in spiking.populations:
        trim = netlist.spiking[neurons.name].flux_trim
        for place in neurons.places:
            dendrites = spiking.dendrites(neurons.name, place)
            trimmed = trim is not None and place != REFRACTORY
            columns = [arrays.gamma_plus, arrays.gamma_minus, arrays.bias_current, arrays.flux_offset]
            gamma_plus, gamma_minus, bias_current, flux_offset = (_frozen(column[dendrites]) for column in columns)
            levels = _frozen(symmetric_levels(trim.bits, trim.range)) if trim is not None and trimmed else None
            populations.append(
                Population(
                    name=place_name(neurons.name, place),
                    neurons=slice(start, start + neurons.size),
                    source=source,
                    gamma_plus=gamma_plus,
                    gamma_minus=gamma_minus,
                    bias_current=bias_current,
                    flux_offset=flux_offset,
                    trim_levels=levels,
                )
            )
            start += neurons.size
    return tuple(populations)


def _frozen(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.setflags(write=False)
    return array


def place_name(population: str, place: str) -> str:
    """Name of the dendrites at a place of all neurons of a population, as `Network.populations` has it."""
    return population if place == SOMA else f"{population}.{place}"


def _inputs(netlist: Netlist, spiking: SpikingNetwork) -> tuple[InputLines, ...]:
    lines = []
    for name, channels in spiking.inputs.items():
        code = netlist.spike_inputs[name].code
        most = code.rate_max_mhz if isinstance(code, RateCode) else 1.0
        lines.append(InputLines(name, channels, "spikes" if code is None else "data", 0.0, most, code=code))
    return tuple(lines)


def _output(netlist: Netlist, names: Sequence[str]) -> CountOutput | FluxOutput | LinearOutput | None:
    readout = netlist.readout
    if readout is None:
        return None
    read = tuple(names.index(name) for name in readout.reads)
    if isinstance(readout, LinearReadout):
        return linear_output(netlist, readout, read)
    kind = FluxOutput if isinstance(readout, MeanFluxReadout) else CountOutput
    return kind(read, sum(netlist.populations[name].size for name in readout.reads))


def _light(netlist: Netlist, spiking: SpikingNetwork) -> Light | None:
    """Photons that the detectors count of a spike; None where every spike is detected for certain."""
    arrays = spiking.arrays
    photons_of = np.full(arrays.synapses, np.inf)
    photons_of[arrays.edge_synapse] = arrays.edge_photons
    photons = {key: photons_of[group.synapses] for key, group in spiking.groups.items()}
    photons = {key: values for key, values in photons.items() if np.isfinite(values).all()}
    if not photons:
        return None
    for values in photons.values():
        values.setflags(write=False)
    dark_per_s = float(arrays.kinds[:, 6].max(initial=0.0)) * 1e9
    return Light(
        ports=(None,) * len(netlist.spike_inputs),
        populations=(None,) * sum(len(population.places) for population in spiking.populations),
        photons=photons,
        dark_counts=dark_per_s * frame_seconds(netlist),
    )
