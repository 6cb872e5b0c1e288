"""What varies smoothly over a die: a random field with a correlation length, and a gradient.

The field is white noise on a square grid of nodes, smeared with a Gaussian: f(x) = sum_k w(x - u_k) z_k / |w|,
with w(d) = exp(-d^2 / L^2), nodes u_k every 0.6 L and z_k normal. Its variance is 1 everywhere, and two places at the
distance d have the correlation exp(-d^2 / (2 L^2)), to 1e-5 (tests/test_imperfections.py). The number of a node is a
function of the seed and the node alone: a device keeps its deviation when others are added, and no order matters. The
effort is a constant per device, for any die.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

from soensim.network import Network
from soensim.program import READOUT

FloatArray = NDArray[np.float64]
_Hash = NDArray[np.uint64]

_SPACING = 0.6  # of the nodes, in L: the correlation depends on where a pair is by 2 exp(-(pi / 0.6)^2 / 2) = 2e-6
_REACH = 6  # nodes to each side: beyond 3.6 L a weight is below 3e-6
_CHUNK = 4096  # devices at a time: 10 MB


def common_draw(chip_seed: int, name: str) -> float:
    """Draw the one normal number that all devices of a chip share at an infinite correlation length."""
    return float(np.random.default_rng(_seeds(chip_seed, f"{name}.common")).standard_normal())


def field_at(places_um: FloatArray, length_um: float, chip_seed: int, name: str) -> FloatArray:
    """Draw a random field at some places of a die.

    Parameters
    ----------
    places_um
        Shape (devices, 2).
    length_um
        L above; finite and above 0.
    chip_seed, name
        Which field.

    Returns
    -------
    array
        Shape (devices,): normal numbers with variance 1.
    """
    key = np.random.SeedSequence(_seeds(chip_seed, f"{name}.field")).generate_state(1, np.uint64)[0]
    offsets = np.arange(-_REACH, _REACH + 1)
    values = np.empty(len(places_um))
    for start in range(0, len(places_um), _CHUNK):
        at = places_um[start : start + _CHUNK] / (_SPACING * length_um)  # in spacings
        nearest = np.rint(at).astype(np.int64)
        nodes = nearest[:, :, None] + offsets  # (devices, 2, 13)
        weights = np.exp(-((_SPACING * (at[:, :, None] - nodes)) ** 2))
        normal = _node_numbers(key, nodes[:, 0, :, None], nodes[:, 1, None, :])
        norm = np.sqrt((weights**2).sum(2).prod(1))
        values[start : start + _CHUNK] = np.einsum("nij,ni,nj->n", normal, weights[:, 0], weights[:, 1]) / norm
    return values


def gradient_at(places_um: FloatArray, die_um: tuple[float, float], chip_seed: int, name: str) -> FloatArray:
    """Compute a ramp over a die, in a direction that is drawn for each chip.

    Parameters
    ----------
    places_um
        Shape (devices, 2).
    die_um
        Width and height of the die.
    chip_seed, name
        Which direction.

    Returns
    -------
    array
        Shape (devices,): cos a (x / width - 1/2) + sin a (y / height - 1/2), a uniform in [0, 2 pi).
    """
    angle = 2 * math.pi * np.random.default_rng(_seeds(chip_seed, f"{name}.gradient")).random()
    ramp: FloatArray = (places_um / np.array(die_um) - 0.5) @ np.array([math.cos(angle), math.sin(angle)])
    return ramp


def synapse_places(network: Network) -> dict[str, FloatArray]:
    """Place the synapses, and the weights of a readout on the chip, by program key; shape (efficacies, 2), in um.

    The synapses of a neuron are in rows and columns of its square cell, in the order of the projections and of their
    sources. The weight of a neuron in a readout is beside the neuron.
    """
    die = network.die
    if die is None:
        return {}
    places = {}
    filled = {k: np.zeros(p.size, dtype=np.int64) for k, p in enumerate(network.populations)}
    fan_in = {k: count.copy() for k, count in filled.items()}
    for synapses in network.synapses.values():
        fan_in[synapses.target] += np.bincount(synapses.targets, minlength=synapses.shape[0])
    for key, synapses in network.synapses.items():
        own = np.bincount(synapses.targets, minlength=synapses.shape[0])
        first = np.concatenate([[0], np.cumsum(own)[:-1]])  # edges are sorted by target
        rank = np.arange(len(synapses)) - first[synapses.targets] + filled[synapses.target][synapses.targets]
        filled[synapses.target] += own
        side = np.ceil(np.sqrt(fan_in[synapses.target]))[synapses.targets]
        within = np.stack([rank % side, rank // side], axis=1)
        centre = die.neurons_um[network.populations[synapses.target].name][synapses.targets]
        places[key] = centre + ((within + 0.5) / side[:, None] - 0.5) * die.cell_um
    output = network.output
    if output is not None:
        read = np.concatenate([die.neurons_um[network.populations[k].name] for k in output.populations])
        places[READOUT] = np.tile(read, (output.classes, 1))
    return places


def _seeds(chip_seed: int, name: str) -> list[int]:
    return [chip_seed, zlib.crc32(name.encode())]


def _node_numbers(key: np.uint64, column: NDArray[np.int64], row: NDArray[np.int64]) -> FloatArray:
    """Normal number of each node: Box and Muller's from a hash of the node (splitmix64, Steele et al. 2014)."""
    place = (column.astype(np.uint64) << np.uint64(32)) ^ (row.astype(np.uint64) & np.uint64(0xFFFFFFFF))
    first = _mixed(_mixed(place) + key)
    second = _mixed(first)
    radius = np.sqrt(-2 * np.log1p(-_uniform(first)))
    normal: FloatArray = radius * np.cos(2 * math.pi * _uniform(second))
    return normal


def _mixed(number: _Hash) -> _Hash:
    number = number + np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def _uniform(number: _Hash) -> FloatArray:
    """Make numbers in [0, 1) of 53 random bits."""
    return (number >> np.uint64(11)).astype(np.float64) * 2.0**-53
