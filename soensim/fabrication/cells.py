"""Cells of the time loop from a network and one fabricated chip; numpy for simulation, torch for training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from soensim.dynamics import Array, Cell, Detectors, LightDraws, SourceFunction, SpikingLight, Term
from soensim.fabrication.carried_light import carried, stray_counts, stray_flux
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.varied_squid import varied_source
from soensim.network import Network, Synapses, step_coefficients, with_delay_factor


class Lagged(Protocol):
    """Where the efficacies of a projection are in the matrix over its delayed signals."""

    @property
    def lags(self) -> Sequence[int]:
        """Steps back from the state that a step starts from; empty for a projection without edges."""


Layout = TypeVar("Layout", bound=Lagged)


def build_cells(
    network: Network,
    chip: FabricatedChip,
    layouts: Mapping[str, Layout],
    weights: Callable[[str, Layout, Array], Array],
    *,
    sources: Sequence[SourceFunction] | None = None,
    convert: Callable[[Array], Array] = lambda array: array,
    populations: int | None = None,
) -> list[Cell]:
    """Make the cells of a chip, ready for `soensim.dynamics.unroll`.

    Parameters
    ----------
    network
        The chip as drawn.
    chip
        What was fabricated.
    layouts
        Where the efficacies of each projection are among its delayed signals, by key; with the chip's delays.
    weights
        ``weights(key, layout, efficacies)`` makes the matrix (lags x sources or channels, neurons), dense or sparse.
    sources
        Source function per population; None: those of the network.
    convert
        Makes the array type of the values from a numpy array in float64.
    populations
        Only the first of them, as if those after them stayed at rest; None is all.
    """
    count = len(network.populations) if populations is None else populations
    cells = []
    for index, population in enumerate(network.populations[:count]):
        retention, gain = step_coefficients(network, population, chip.gamma_minus[index], chip.gamma_plus[index])
        offset = convert(chip.flux_offset[index])
        if population.trim_key in chip.values:
            offset = offset + chip.values[population.trim_key]
        if (stray := stray_flux(network, chip, index)) is not None:
            offset = offset + stray
        terms = [
            _term(network, synapses, layout.lags, weights(key, layout, carried(network, chip, key)))
            for key, synapses in network.synapses.items()
            if synapses.target == index and (synapses.source or 0) < count and (layout := layouts[key]).lags
        ]
        cells.append(
            Cell(
                retention=convert(retention),
                gain=convert(gain),
                bias_current=convert(chip.bias_current[index]),
                source=fabricated_source(population.source, chip, index) if sources is None else sources[index],
                flux_offset=offset,
                terms=terms,
                normalisation=population.normalisation,
            )
        )
    return cells


def fabricated_source(source: SourceFunction, chip: FabricatedChip, index: int) -> SourceFunction:
    """Return the source function of a population on a chip: its own, where its SQUIDs are those of the drawing."""
    return varied_source(source, chip.squids[index]) if chip.squids and not source.virtual else source


def _term(network: Network, synapses: Synapses, lags: Sequence[int], weights: Array) -> Term:
    """Make a projection's term of the flux.

    `SpikingLight.inputs` has the light of the ports after the ports themselves.
    """
    if not network.carries_spikes(synapses.key):
        return Term(synapses.source, lags, weights, synapses.port)
    behind = len(network.inputs) if synapses.source is None else 0
    return Term(synapses.source, lags, weights, synapses.port + behind, light=True)


def delayed_network(network: Network, chip: FabricatedChip) -> Network:
    """Return the network with the delays of a chip: itself, where they are those of the drawing."""
    if chip.delay_factor == 1 and not chip.edge_delay_factor:
        return network
    return with_delay_factor(network, chip.delay_factor, chip.edge_delay_factor)


def spiking_light(
    network: Network, chip: FabricatedChip, draws: LightDraws, populations: int | None = None
) -> SpikingLight | None:
    """Make the light of a chip for one run of the time loop; None where its light is taken for an average.

    ``populations`` are those of `build_cells`: what is beside them sends and sees nothing.
    """
    light = network.light
    if light is None or light.averaged:
        return None
    count = len(network.populations) if populations is None else populations
    lit = [
        key
        for key in light.photons
        if network.synapses[key].target < count and (network.synapses[key].source or 0) < count
    ]
    detectors = [
        Detectors(
            source=(synapses := network.synapses[key]).source,
            port=synapses.port,
            target=synapses.target,
            neurons=synapses.shape[0],
            sources=synapses.sources,
            targets=synapses.targets,
            no_photon=np.exp(-light.photons[key] * chip.photons.get(key, 1.0)),
            dark_counts=light.dark_counts + stray_counts(network, chip, key),
        )
        for key in lit
    ]
    return SpikingLight(light.ports, light.populations, detectors, [chip.values[key] for key in lit], draws)
