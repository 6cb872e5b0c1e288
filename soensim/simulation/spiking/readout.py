"""Scores of every class from what the neurons of a spiking chip did in a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array
from soensim.errors import SimulationError
from soensim.network import FluxOutput, GoodnessOutput, LinearOutput, Network
from soensim.program import READOUT
from soensim.simulation.spiking.batch import SampleCounts

Floats = NDArray[np.float64]


def reads_flux(network: Network) -> bool:
    """Whether the readout of a spiking chip reads mean fluxes; else it reads spikes."""
    output = network.output
    return isinstance(output, FluxOutput) or (isinstance(output, LinearOutput) and output.state == "mean-flux")


def readings(network: Network, counted: SampleCounts) -> Floats:
    """Take what the readout reads: spikes, or mean fluxes (Phi_0), shape (samples, neurons that are read).

    Parameters
    ----------
    network
        A spiking chip with a readout.
    counted
        What all of its neurons did.

    Raises
    ------
    SimulationError
        The chip has no readout of spiking neurons.
    """
    output, spiking = network.output, network.spiking
    if output is None or isinstance(output, GoodnessOutput) or spiking is None:
        raise SimulationError(f"chip {network.name!r} has no readout of spiking neurons; add one to the netlist")
    found = counted.mean_flux if reads_flux(network) else counted.spikes
    neurons = [spiking.population(network.populations[k].name).neurons for k in output.populations]
    return np.concatenate([found[:, own] for own in neurons], axis=1).astype(np.float64)


def scores_of(network: Network, values: Mapping[str, Array], read: Floats) -> Floats:
    """Score the classes by what was read, shape (samples, classes): W s of a linear readout, else s itself.

    Parameters
    ----------
    network
        The chip.
    values
        What it holds, by program key; of a linear readout `READOUT`.
    read
        s, as `readings` gives it.
    """
    if not isinstance(network.output, LinearOutput):
        return read
    return weighted(read, np.asarray(values[READOUT], dtype=np.float64))


def weighted(read: Floats, weights: Floats) -> Floats:
    """W s, shape (samples, classes), added up in the order of the neurons.

    A product of matrices adds in an order that depends on how many samples there are, and sums that are equal, so that
    the first class wins, would differ in their last bit.
    """
    scores = np.zeros((len(read), len(weights)))
    for column, own in zip(read.T, weights.T, strict=True):
        scores += column[:, None] * own
    return scores
