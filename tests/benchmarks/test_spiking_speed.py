"""Speed of spiking networks: `pytest tests/benchmarks/test_spiking_speed.py --benchmark-enable --benchmark-only`."""

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from spiking_problems import RECEIVER, RESPONSE, TAU_0_NS, dendrite, links, network

from soensim.dynamics.spiking import Dendrite, Neuron, Receiver, Refractory
from soensim.network.spiking import SpikingNetwork
from soensim.simulation.spiking import SpikeBatch, count_spikes, simulate_spikes

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


def layers(**light: Any) -> SpikingNetwork:
    """64 inputs, 28 and 10 slow point neurons, fully connected; hidden neurons fire at 7 MHz, output neurons at 10."""
    rng = np.random.default_rng(0)
    soma = Dendrite("soma", 1 / (2e4 * np.pi), TAU_0_NS / 500.0, 1.8, 0.1)
    first = [(38 + i, h, 0) for h in range(28) for i in range(64)]
    second = [(h, 28 + o, 0) for o in range(10) for h in range(28)]
    groups = [
        links(first, efficacy=rng.normal(0.02, 0.05, len(first)), delay_ns=0.05, **light),
        links(second, efficacy=rng.normal(0.1, 0.15, len(second)), delay_ns=0.1, **light),
    ]
    return network([(Neuron(soma, 0.3, 20.0), 38)], 64, groups, dt_ns=1.0)


def digits(samples: int) -> SpikeBatch:
    """Regular trains of 0 to 20 MHz for 1 us."""
    rng = np.random.default_rng(1)
    times, channels, starts = [], [], [0]
    for _ in range(samples):
        trains = [np.arange(rng.uniform(0, 1) / rate, 1000.0, 1 / rate) for rate in rng.uniform(0, 0.02, 64)]
        every = np.concatenate(trains)
        order = np.argsort(every, kind="stable")
        times.append(every[order])
        channels.append(np.repeat(np.arange(64), [len(train) for train in trains])[order])
        starts.append(starts[-1] + len(every))
    return SpikeBatch(np.concatenate(times), np.concatenate(channels), np.array(starts))


@pytest.mark.benchmark(group="spiking engine, 64-28-10, samples of 1 us")
@pytest.mark.parametrize(
    ("integrator", "dt_ns", "light"),
    [("exponential-euler", 1.0, {}), ("exponential-euler", 1.0, {"photons": 9.0, "tau_rad_ns": 0.0}),
     ("heun", 1.0, {}), ("heun", 8.0, {})],
    ids=["clocked", "clocked, photons drawn", "located, 1 ns", "located, 8 ns"],
)  # fmt: skip
def test_time_of_a_busy_batch(benchmark: Any, integrator: Any, dt_ns: float, light: dict[str, float]) -> None:
    """CPU of one thread, then wall time of two against one, in one run."""
    net, batch = dataclasses.replace(layers(**light), dt_ns=dt_ns, integrator=integrator), digits(60)
    seed = 0 if light else None

    def run(threads: int) -> tuple[float, float]:
        began, spent = time.perf_counter(), time.process_time()
        count_spikes(net, batch, duration_ns=1000.0, read_seed=seed, threads=threads)
        return time.perf_counter() - began, time.process_time() - spent

    run(1)
    benchmark.pedantic(lambda: run(1), rounds=3)
    one, two = (min(run(threads) for _ in range(3)) for threads in (1, 2))
    per_ns = one[1] * 1e9 / (60 * 1000 * 38)
    benchmark.extra_info |= {"ns_per_dendrite_and_ns": round(per_ns, 1), "two_threads": round(one[0] / two[0], 2)}
    sys.stdout.write(f"\n{per_ns:.1f} ns per dendrite and ns, two threads {one[0] / two[0]:.2f} times as fast\n")
    assert per_ns < 250.0
