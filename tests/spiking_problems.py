"""Small spiking networks that several tests use."""

import numpy as np

from soensim.circuit import Device, source_table
from soensim.dynamics.spiking import Dendrite, Links, Neuron, Receiver, Refractory, SynapseResponse, assemble
from soensim.network.spiking import SpikingNetwork, SpikingPopulation
from soensim.technology import load_technology

TECHNOLOGY = load_technology("nist-2023")
TABLE = source_table(Device.from_technology(TECHNOLOGY))
TAU_0_NS = TECHNOLOGY.junction.tau_0_s * 1e9
RESPONSE = SynapseResponse(
    phi_peak=0.5, tau_rise_ns=0.02, tau_fall_ns=50.0, hotspot_ns=0.06, cut_ns=400.0, dead_time_ns=50.0
)
RECEIVER = Receiver(RESPONSE)
GAMMA_PLUS = 1 / (200 * np.pi)


def dendrite(name="soma", tau_ns=50.0, bias=1.8, **settings):
    return Dendrite(name, GAMMA_PLUS, TAU_0_NS / tau_ns, bias, **settings)


def point_neuron(threshold=0.3, refractory=True, coupling=-0.63, **soma):
    own = Refractory(dendrite("refractory", coupling=coupling), RECEIVER) if refractory else None
    return Neuron(dendrite(**soma), threshold, 10.0, own)


def tree_neuron():
    """Soma, refractory, two branches, one of which has two branches and one of these an inhibitory one."""
    far = dendrite("far", 100.0, coupling=-0.4)
    left = dendrite("left", 150.0, coupling=0.5, branches=(dendrite("l1", 250.0, coupling=0.6, branches=(far,)),))
    right = dendrite("right", 250.0, coupling=0.7, flux_offset=0.05)
    return point_neuron(branches=(left, right))


def links(pairs, receiver=RECEIVER, **settings):
    """Links from (emitter, neuron, place) triples."""
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    return Links(columns[0], columns[1], columns[2], receiver, **settings)


def network(neurons, channels, groups, **settings):
    populations, start, first = [], 0, 0
    for k, (neuron, count) in enumerate(neurons):
        populations.append(SpikingPopulation(f"p{k}", slice(start, start + count), neuron.places, first))
        start, first = start + count, first + count * len(neuron.places)
    arrays = assemble(neurons, channels, groups)
    return SpikingNetwork(
        "by-hand", arrays, TABLE, TAU_0_NS, tuple(populations), {"drive": slice(0, channels)}, **settings
    )


def busy(noise=False, n=3):
    """A small recurrent network of trees with delays, inputs into every branch and light between neurons."""
    light = {"photons": 6.0, "tau_rad_ns": 1.0} if noise else {}
    receiver = Receiver(RESPONSE, dark_counts_per_ns=1e-3) if noise else RECEIVER
    rng = np.random.default_rng(3)
    drive = [(n + k, k % n, (0, 2, 3, 4, 5)[k % 5]) for k in range(4 * n)]
    between = [(a, b, 2 + (a + b) % 4) for a in range(n) for b in range(n)]
    delays = rng.uniform(0.0, 3.0, len(between))
    groups = [
        links(drive, delay_ns=0.03, **light),
        links(between, receiver, delay_ns=delays, efficacy=rng.uniform(-1, 1, len(between)), **light),
    ]
    return network([(tree_neuron(), n)], 4 * n, groups)


def poisson(channels, duration_ns, per_ns=0.02, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0, duration_ns, rng.poisson(per_ns * duration_ns)) for _ in range(channels)]
