"""Reading a network's states: linear scores and goodness. For numpy arrays and torch tensors."""

from __future__ import annotations

from collections.abc import Sequence

from soensim.dynamics import Array, array_namespace, normalise
from soensim.errors import SimulationError
from soensim.network import GoodnessOutput, LinearOutput, Network


def linear_scores(network: Network, states: Sequence[Array], weights: Array) -> Array:
    """Compute W s of the final or the mean state, as the chip's linear readout says.

    Parameters
    ----------
    network
        The chip.
    states
        One array per population, shape (..., samples, neurons), the start left out.
    weights
        Shape (classes, neurons of all populations that are read).

    Returns
    -------
    Array
        Shape (..., classes).

    Raises
    ------
    SimulationError
        The chip has no linear readout.
    """
    output = network.output
    if not isinstance(output, LinearOutput):
        raise SimulationError(f"chip {network.name!r} has no linear readout")
    read = []
    for k in output.populations:
        chosen = states[k][..., -1:, :] if output.state == "final" else states[k]
        sent = normalise(chosen, network.populations[k].normalisation)
        read.append(sent[..., -1, :] if output.state == "final" else sent.mean(-2))
    return (read[0] if len(read) == 1 else array_namespace(read[0]).concatenate(read, -1)) @ weights.T


def goodness(states: Array) -> Array:
    """Compute the mean over neurons of s^2 (Hinton 2022), shape (..., samples), from (..., samples, neurons)."""
    return (states * states).mean(-1)


def label_scores(output: GoodnessOutput, per_sample: Sequence[Array]) -> Array:
    """Sum goodness over the populations and samples that count; negative where the least wins.

    Parameters
    ----------
    output
        The chip's goodness readout.
    per_sample
        Goodness of each population, shape (..., samples).

    Returns
    -------
    Array
        Shape (...): higher is better.
    """
    total: Array = 0
    for k in output.populations:
        window = output.window(per_sample[k].shape[-1])
        total = total + per_sample[k][..., window.start : window.stop].sum(-1)
    return -total if output.low else total
