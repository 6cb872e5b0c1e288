"""Speed of spiking networks: `pytest tests/benchmarks/test_spiking_speed.py --benchmark-enable --benchmark-only`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from spiking_problems import RECEIVER, RESPONSE, dendrite, links, network

from soensim.dynamics.spiking import Neuron, Receiver, Refractory
from soensim.network.spiking import SpikingNetwork
from soensim.simulation.spiking import simulate_spikes

NEURONS, LEAVES, FAN_OUT, STEPS = 100, 7, 10, 20_000
NS_PER_DENDRITE_AND_STEP = 25.0


def trees(neurons: int, flux_offset: float = 0.0) -> SpikingNetwork:
    """Neurons of 10 dendrites (soma, refractory, a trunk with 7 leaves); an input per leaf, 10 targets per neuron."""
    leaves = tuple(dendrite(f"l{k}", 250.0, coupling=0.15, flux_offset=flux_offset) for k in range(LEAVES))
    trunk = dendrite("trunk", 250.0, coupling=0.8, branches=leaves, flux_offset=flux_offset)
    back = Refractory(dendrite("refractory", coupling=-0.63, flux_offset=flux_offset), RECEIVER)
    neuron = Neuron(dendrite(branches=(trunk,), flux_offset=flux_offset), 0.3, 10.0, back)
    assert len(neuron.places) == 10
    channels = neurons * LEAVES
    drive = [(neurons + k, k // LEAVES, 3 + k % LEAVES) for k in range(channels)]
    rng = np.random.default_rng(0)
    between = [
        (n, int(m), 3 + int(p))
        for n in range(neurons)
        for m, p in zip(rng.integers(0, neurons, FAN_OUT), rng.integers(0, LEAVES, FAN_OUT), strict=True)
    ]
    light = links(between, Receiver(RESPONSE, 1e-6), delay_ns=1.0, photons=9.06, tau_rad_ns=1.0, efficacy=0.3)
    return network([(neuron, neurons)], channels, [links(drive), light])


@pytest.mark.benchmark(group="spiking engine, 1000 dendrites in 100 neurons")
@pytest.mark.parametrize(("rate_mhz", "flux_offset"), [(0, 0.0), (2, 0.0), (10, 0.0), (20, 0.0), (20, 0.45)], ids=str)
def test_time_per_dendrite_and_step(benchmark: Any, rate_mhz: float, flux_offset: float) -> None:
    """Target: < 25 ns per dendrite and step, one thread, from silence to every SQUID running in every step."""
    net = trees(NEURONS, flux_offset)
    duration_ns = STEPS * 0.1
    rng = np.random.default_rng(1)
    count = rate_mhz * 1e-3 * duration_ns
    inputs = [rng.uniform(0, duration_ns, rng.poisson(count)) for _ in range(net.arrays.channels)]

    def run() -> Any:
        return simulate_spikes(net, inputs, duration_ns=duration_ns, read_seed=0)

    trace = run()
    benchmark.pedantic(run, rounds=5)
    spent_ns = benchmark.stats.stats.median * 1e9 / (STEPS * net.arrays.dendrites)
    benchmark.extra_info["ns_per_dendrite_and_step"] = round(spent_ns, 2)
    benchmark.extra_info["output_mhz"] = round(float(trace.rate_mhz.mean()), 2)
    sys.stdout.write(f"\n{spent_ns:.1f} ns per dendrite and step, output {trace.rate_mhz.mean():.2f} MHz\n")
    assert spent_ns < NS_PER_DENDRITE_AND_STEP


@pytest.mark.benchmark(group="spiking engine, 100,000 dendrites in 10,000 neurons")
def test_time_of_a_large_network(benchmark: Any) -> None:
    net = trees(10_000)
    rng = np.random.default_rng(1)
    inputs = [rng.uniform(0, 50.0, rng.poisson(0.5)) for _ in range(net.arrays.channels)]
    benchmark.pedantic(lambda: simulate_spikes(net, inputs, duration_ns=50.0, read_seed=0), rounds=2, warmup_rounds=1)
    spent_ns = benchmark.stats.stats.min * 1e9 / (500 * net.arrays.dendrites)
    sys.stdout.write(f"\n{spent_ns:.1f} ns per dendrite and step\n")
