"""Summary of a chip for an evaluation: sizes, bits, and how the program uses the levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from soensim.evaluation.result import ChipSummary, LevelUse, LightSummary, ProjectionSummary, SpikingSummary
from soensim.netlist import Netlist
from soensim.network import Network
from soensim.program import READOUT, Program


def summarise_chip(netlist: Netlist, network: Network, program: Program) -> ChipSummary:
    """Summarise a chip, and which of its levels the program uses."""
    projections = tuple(
        ProjectionSummary(
            projection=p.key,
            topology=p.topology.kind,
            synapses=len(network.synapses[p.key]),
            possible=network.synapses[p.key].shape[0] * network.synapses[p.key].shape[1],
            levels=len(network.synapses[p.key].levels),
            bits=p.efficacy.bits,
            use=_level_use(program, p.key),
        )
        for p in netlist.projections
    )
    bits = tuple(sorted({p.bits for p in projections if p.bits is not None}))
    return ChipSummary(
        name=network.name,
        hash=network.netlist_hash,
        neurons=network.neurons if network.spiking is None else network.spiking.arrays.neurons,
        inputs=network.channels,
        synapses=network.edges,
        bits=bits[0] if len(bits) == 1 else bits or None,
        projections=projections,
        readout=_level_use(program, READOUT) if READOUT in program.values else None,
        source_functions=tuple(p.source.name for p in network.populations),
        virtual=any(p.source.virtual for p in network.populations),
    )


def summarise_light(network: Network) -> LightSummary | None:
    """Summarise how light carries the rates of a chip; None where none does, or where it carries spikes."""
    light = network.light
    if light is None or network.spiking is not None:
        return None
    emission = next(found for found in (*light.ports, *light.populations) if found is not None)
    return LightSummary(
        model="average" if light.averaged else "spikes",
        spikes_per_sample=emission.spikes,
        statistics="poisson" if emission.poisson else "regular",
        dark_counts_per_sample=light.dark_counts,
    )


def summarise_spikes(
    network: Network, scores: NDArray[np.float64], spikes: Mapping[str, NDArray[np.float64]], frames: int
) -> SpikingSummary | None:
    """Summarise what spiking neurons did; None of chips without any.

    Parameters
    ----------
    network
        The chip.
    scores
        Of the classes, shape (samples, classes).
    spikes
        By source of light: mean spikes of a sample, one per neuron or line.
    frames
        Of a sample.
    """
    if network.spiking is None:
        return None
    from soensim.simulation.spiking.encode import duration_ns  # numba: loaded only by chips that need it
    from soensim.simulation.spiking.readout import reads_flux

    tied = (scores == scores.max(1)[:, None]).sum(1) > 1
    sample_us = duration_ns(network, frames) * 1e-3
    return SpikingSummary(
        ties=int(tied.sum()),
        silent=None if reads_flux(network) else int((tied & ~scores.any(1)).sum()),
        spikes_per_sample={name: float(counts.sum()) for name, counts in spikes.items()},
        mean_rate_mhz={name: float(counts.mean()) / sample_us for name, counts in spikes.items()},
    )


def _level_use(program: Program, key: str) -> LevelUse:
    efficacies = program.values[key]
    in_use = len(np.unique(program.signs[key] * efficacies))
    return LevelUse(in_use, float((efficacies == 0).sum() / max(1, efficacies.size)))
