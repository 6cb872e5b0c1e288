"""Speed with a delay per edge: `pytest tests/benchmarks/test_delay_speed.py --benchmark-enable --benchmark-only`.

Each measurement stands beside the same chip without delays, and beside a plain loop over lags that is written here.
The three are timed in turns, the shortest of each counts; both ratios are in extra_info.
"""

import time

import numpy as np
import pytest
import scipy.sparse
import torch
from conftest import compiled, delayed
from test_training_speed import _one_thread  # noqa: F401  (a fixture for all tests here)
from threadpoolctl import threadpool_limits

from soensim.network import compile_network
from soensim.program import Program, slots
from soensim.simulation import simulate
from soensim.training import BpttRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.trainable_network import TrainableChip

# The first-year chip with 28 recurrent neurons as an optical one: a training step of 40 ps, routes of 0 to 150 ps.
CHIP = """
schema: soensim/1
name: optical-28
technology: nist-2023
populations:
  pixels: {kind: input, size: 36, drive_low: 0.0, drive_high: 0.5}
  hidden:
    {kind: dendrite, size: 28, source_function: SOURCE, flux_offset: 0.15, beta_di: 628.3185307179587, tau_di_ns: 1.6}
projections:
  - {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 0.3}}
  - {source: hidden, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 0.3}}
timing: {sample_ns: 0.16, substeps: 4}
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""
SQUID, TANH = (CHIP.replace("SOURCE", source) for source in ("squid, bias_current: 1.9", "tanh"))
LARGE = SQUID.replace("size: 28", "size: 8100").replace("readout:", "# readout:")
LARGE = LARGE.replace("{kind: all-to-all}", "{kind: random, density: 0.005036, seed: 3}")
LONGEST_PS = 150


def shortest_seconds(*calls, turns):
    """Time of each call, the shortest of so many turns, in which a busy machine disturbs all alike."""
    times = np.empty((turns + 1, len(calls)))
    for turn in times:
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            turn[k] = time.perf_counter() - start
    return times[1:].min(axis=0)  # the first turn warms up


def report(benchmark, ours, without, plain):
    benchmark.extra_info["times_slower_than_without_delays"] = round(ours / without, 2)
    benchmark.extra_info["times_faster_than_plain"] = round(plain / ours, 2)


def program_of(network):
    rng = np.random.default_rng(0)
    weights = {}
    for key, slot in slots(network).items():
        values = rng.uniform(-0.1, 0.1, slot.shape)
        weights[key] = values
        if key in network.synapses:
            synapses = network.synapses[key]
            weights[key] = np.zeros(synapses.shape)
            weights[key][synapses.targets, synapses.sources] = values
    return Program.quantised(network, weights)


def matrices(network, key, values):
    """(lag, W of this lag) with an edge's parts at two lags, from its delay alone."""
    synapses = network.synapses[key]
    delay = synapses.delay_tau / network.dt_tau
    for lag in range(int(np.ceil(delay.max())) + 1):
        part = np.maximum(1 - np.abs(delay - lag), 0) * values
        at = part != 0
        place = synapses.sources[at], synapses.targets[at]
        yield lag, scipy.sparse.csr_array((part[at], place), shape=synapses.shape[::-1])


def plain_engine(network, program, x, dense):
    """Final state by one product per lag and step."""
    weights = {
        key: [(lag, w.toarray() if dense else w) for lag, w in matrices(network, key, program.values[key])]
        for key in network.synapses
    }
    (population,) = network.populations
    retention, gain = 1 - population.gamma_minus * network.dt_tau, population.gamma_plus * network.dt_tau
    states = [np.zeros((len(x), population.size))] * (1 + max(lag for lag, _ in weights["hidden->hidden"]))
    for at in range(x.shape[1] * network.substeps):
        flux = population.flux_offset
        for lag, w in weights["pixels->hidden"]:
            if at >= lag:
                flux = flux + x[:, (at - lag) // network.substeps] @ w
        for lag, w in weights["hidden->hidden"]:
            flux = flux + states[-1 - lag] @ w
        s = states[-1]
        states.append(retention * s + gain * population.source(flux, population.bias_current - s))
    return states[-1]


@pytest.mark.benchmark(group="bptt step with a delay per edge, 28 neurons")
@pytest.mark.parametrize("batch", [64, 128, 256])
@pytest.mark.parametrize("text", [SQUID, TANH], ids=["squid", "tanh"])
def test_bptt_step(benchmark, text, batch):
    """One forward and backward pass; target: less than twice the time of the chip without delays."""
    recipe = BpttRecipe()
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, 8, 36), dtype=np.float32), rng.integers(0, 10, batch)

    def training(network):
        chip = TrainableChip(network, recipe)
        rule = Bptt(chip, recipe)
        return lambda: rule.loss(chip.nominal(True), chip.encode(x), torch.from_numpy(y), rng).total.backward()

    network = compile_network(delayed(text, LONGEST_PS))

    (population,) = network.populations
    source = TrainableChip(network, recipe)._sources[0]
    values = program_of(network).values
    lines = {
        key: [
            (lag, torch.tensor(w.toarray(), dtype=torch.float32, requires_grad=True))
            for lag, w in matrices(network, key, values[key])
        ]
        for key in network.synapses
    }
    w_out = torch.randn(10, 28, requires_grad=True)
    retention, gain = 1 - population.gamma_minus * network.dt_tau, population.gamma_plus * network.dt_tau
    a, b, bias = (torch.tensor(v, dtype=torch.float32) for v in (retention, gain, population.bias_current))
    offset = torch.tensor(population.flux_offset, dtype=torch.float32)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)

    def plain():
        states = [torch.zeros(batch, 28)]
        for at in range(8 * network.substeps):
            flux = offset
            for lag, w in lines["pixels->hidden"]:
                if at >= lag:
                    flux = flux + inputs[:, (at - lag) // network.substeps] @ w
            for lag, w in lines["hidden->hidden"]:
                if at >= lag:
                    flux = flux + states[at - lag] @ w
            s = states[-1]
            states.append(a * s + b * source(flux, None if population.source.virtual else bias - s))
        torch.nn.functional.cross_entropy(10 * states[-1] @ w_out.T, labels).backward()

    late = training(network)
    benchmark(late)
    ours, without, plainly = shortest_seconds(late, training(compiled(text)), plain, turns=15)
    report(benchmark, ours, without, plainly)
    assert ours / without < 3  # leaves room for a busy machine; extra_info has what was reached


@pytest.mark.benchmark(group="simulate with a delay per edge")
@pytest.mark.parametrize(
    ("text", "samples", "turns"), [(SQUID, 28, 7), (LARGE, 1, 1)], ids=["28 neurons", "8100 neurons, 330,000 synapses"]
)
def test_simulate(benchmark, text, samples, turns):
    """256 inputs at the evaluation step of 10 ps, 16 lags, dense and sparse."""
    network, prompt = compile_network(delayed(text, LONGEST_PS), refine=4), compiled(text, refine=4)
    x = np.random.default_rng(0).uniform(0, 0.5, (256, samples, 36))
    program, prompt_program = program_of(network), program_of(prompt)

    def late():
        return simulate(network, program, x)

    def plain():
        with threadpool_limits(1):
            return plain_engine(network, program, x, dense=network.neurons < 100)

    trace = benchmark.pedantic(late, rounds=turns, warmup_rounds=1)
    np.testing.assert_allclose(trace.state[:, -1], plain(), rtol=0, atol=1e-9)
    ours, without, plainly = shortest_seconds(late, lambda: simulate(prompt, prompt_program, x), plain, turns=turns)
    report(benchmark, ours, without, plainly)
    benchmark.extra_info["lags"] = len(network.delay_layout(network.synapses["hidden->hidden"]).lags)
    benchmark.extra_info["ms_per_step"] = round(1e3 * ours / (samples * network.substeps), 3)
