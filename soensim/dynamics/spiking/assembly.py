"""Neurons and links -> the flat arrays of a network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.spiking.arrays import Floats, Indices, SpikingArrays
from soensim.dynamics.spiking.neuron import Neuron, Receiver
from soensim.errors import SimulationError


@dataclass(frozen=True, eq=False)
class Links:
    """Optical paths that share a kind of receiver; each ends in a synapse of its own.

    Parameters
    ----------
    emitters
        (links,): a neuron, or neurons + channel for an input.
    neurons, places
        (links,): the neuron that receives, and the place in its tree (`Neuron.places`).
    delay_ns, photons, tau_rad_ns, efficacy
        (links,) or one number for all; see `SpikingArrays`.
    receiver
        Response and dark counts of the synapses.
    """

    emitters: Indices
    neurons: Indices
    places: Indices
    receiver: Receiver
    delay_ns: Floats | float = 0.0
    photons: Floats | float = math.inf
    tau_rad_ns: Floats | float = 0.0
    efficacy: Floats | float = 1.0

    def column(self, name: str) -> NDArray[Any]:
        """One of the columns at full length."""
        return np.broadcast_to(np.asarray(getattr(self, name)), (len(self.emitters),))


def assemble(neurons: Sequence[tuple[Neuron, int]], channels: int, links: Iterable[Links]) -> SpikingArrays:
    """Lay out a network.

    Synapses come in the order: those of refractory dendrites by neuron, then the links as they are given.

    Parameters
    ----------
    neurons
        Kinds of neurons, each with how many of them.
    channels
        Number of input channels.
    links
        The optical paths.

    Raises
    ------
    SimulationError
        A link names an emitter, a neuron or a place that does not exist, or a value that is not legal.
    """
    sizes = np.concatenate([np.full(count, len(neuron.tree())) for neuron, count in neurons]).astype(np.int64)
    groups = [*_refractory_links(neurons), *links]
    for group in groups:
        _check(group, sizes, len(sizes) + channels)
    arrays = SpikingArrays(**_neuron_columns(neurons, sizes), **_link_columns(groups, sizes, channels))
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _neuron_columns(neurons: Sequence[tuple[Neuron, int]], sizes: Indices) -> dict[str, NDArray[Any]]:
    """Columns of `SpikingArrays` that have a place per neuron or dendrite; ``sizes`` are dendrites per neuron."""
    first = _starts(sizes)
    dendrites = np.ascontiguousarray(np.concatenate([_block(neuron, count) for neuron, count in neurons], axis=1))
    parent = dendrites[4].astype(np.int64)  # within its neuron
    refractory_ns = [np.full(count, neuron.absolute_refractory_ns) for neuron, count in neurons]
    return {
        "first_dendrite": first,
        "threshold": np.concatenate([np.full(count, neuron.threshold) for neuron, count in neurons]),
        "absolute_refractory_ns": np.concatenate(refractory_ns),
        "gamma_plus": dendrites[0],
        "gamma_minus": dendrites[1],
        "bias_current": dendrites[2],
        "flux_offset": dendrites[3],
        "parent": np.where(parent < 0, -1, parent + np.repeat(first[:-1], sizes)),
        "coupling": dendrites[5],
    }


def _link_columns(groups: Sequence[Links], sizes: Indices, channels: int) -> dict[str, NDArray[Any]]:
    """Columns of `SpikingArrays` that have a place per synapse or edge."""

    def joined(name: str, dtype: type = np.float64) -> NDArray[Any]:
        parts: list[NDArray[Any]] = [group.column(name).astype(dtype) for group in groups]
        return np.concatenate(parts) if parts else np.zeros(0, dtype)

    receivers = list(dict.fromkeys(group.receiver for group in groups))
    length = [len(group.emitters) for group in groups]
    emitters = joined("emitters", np.int64)
    order = np.argsort(emitters, kind="stable")
    return {
        "synapse_dendrite": _starts(sizes)[joined("neurons", np.int64)] + joined("places", np.int64),
        "synapse_kind": np.repeat([receivers.index(group.receiver) for group in groups], length).astype(np.int64),
        "efficacy": joined("efficacy"),
        "kinds": _kinds(receivers),
        "first_edge": np.searchsorted(emitters[order], np.arange(len(sizes) + channels + 1)).astype(np.int64),
        "edge_synapse": order.astype(np.int64),
        "edge_delay_ns": joined("delay_ns")[order],
        "edge_photons": joined("photons")[order],
        "edge_tau_rad_ns": joined("tau_rad_ns")[order],
    }


def _starts(sizes: Indices) -> Indices:
    """Place of the first dendrite of each neuron, and the end."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _block(neuron: Neuron, count: int) -> Floats:
    """Columns of the dendrites of ``count`` equal neurons: (6, count x places)."""
    one = np.array(
        [
            [d.gamma_plus, d.gamma_minus, d.bias_current, d.flux_offset, parent, d.coupling]
            for d, parent in neuron.tree()
        ]
    ).T
    if not np.isfinite(one).all() or (one[0] <= 0).any() or (one[1] < 0).any():
        raise SimulationError(
            "neuron: gains must be positive, leaks 0 or more, and biases, offsets and couplings finite"
        )
    return np.tile(one, (1, count))


def _refractory_links(neurons: Sequence[tuple[Neuron, int]]) -> list[Links]:
    links, start = [], 0
    for neuron, count in neurons:
        members = np.arange(start, start + count)
        if neuron.refractory is not None:
            own = neuron.refractory
            links.append(Links(members, members, np.ones_like(members), own.receiver, efficacy=own.efficacy))
        start += count
    return links


def _kinds(receivers: Sequence[Receiver]) -> Floats:
    rows = [
        (r.phi_peak, r.tau_rise_ns, r.tau_fall_ns, r.hotspot_ns, r.cut_ns, r.dead_time_ns, receiver.dark_counts_per_ns)
        for receiver in receivers
        for r in (receiver.response,)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 7)


def _check(group: Links, sizes: Indices, emitters: int) -> None:
    for name, values, size in (
        ("emitter", group.emitters, emitters),
        ("neuron", group.neurons, len(sizes)),
    ):
        if len(values) and (values.min() < 0 or values.max() >= size):
            raise SimulationError(f"links: there are {size} {name}s, counted from 0; one link names another")
    if (group.places < 0).any() or (group.places >= sizes[group.neurons]).any():
        raise SimulationError("links: a link ends in a place that its neuron does not have")
    for name in ("delay_ns", "tau_rad_ns", "photons"):
        values = group.column(name)
        legal = (values > 0) if name == "photons" else (values >= 0) & np.isfinite(values)
        if not legal.all():
            raise SimulationError(f"links: {name} must be {'positive' if name == 'photons' else 'finite, 0 or more'}")
    if not np.isfinite(group.column("efficacy")).all():
        raise SimulationError("links: an efficacy is not a finite number")
    if not (math.isfinite(group.receiver.dark_counts_per_ns) and group.receiver.dark_counts_per_ns >= 0):
        raise SimulationError("links: dark counts must be a finite rate, 0 or more")
