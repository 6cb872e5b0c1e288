"""Speed of training and simulation: `pytest tests/benchmarks --benchmark-enable --benchmark-only -o addopts=`.

Each measurement stands beside a plain one, written here and timed in the same run; the ratio is in extra_info.
"""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from soensim._runtime.malloc import keep_freed_memory
from soensim.netlist import load_netlist
from soensim.network import compile_network, with_average_light
from soensim.program import Program, dense_weights
from soensim.routing import route
from soensim.simulation import simulate
from soensim.training import BpttRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.trainable_network import TrainableChip

CHIP = ROOT / "netlists" / "rows-24.yaml"


def median_seconds(call, repeats=15):
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def shortest_ms(calls, turns):
    """CPU milliseconds of each call, by name. In each turn a call follows itself, as a step of training does."""
    found = dict.fromkeys(calls, np.inf)
    for _ in range(turns):
        for name, call in calls.items():
            call()  # warms up: the others have filled the caches
            for _ in range(2):
                start = time.process_time()
                call()
                found[name] = min(found[name], 1e3 * (time.process_time() - start))
    return found


@pytest.fixture(autouse=True)
def _one_thread():
    keep_freed_memory()  # as `soensim train` does
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group="bptt step, rows-24")
@pytest.mark.parametrize("batch", [64, 256, 1024])
def test_bptt_step(benchmark, batch):
    """One quantisation-aware forward and backward pass against a plain per-step loop in float weights."""
    network = compile_network(route(load_netlist(CHIP)))
    recipe = BpttRecipe()
    chip = TrainableChip(network, recipe)
    rule = Bptt(chip, recipe)
    rng = np.random.default_rng(0)
    x = rng.random((batch, 28, 28), dtype=np.float32)
    y = rng.integers(0, 10, batch)

    def ours():
        rule.loss(chip.nominal(True), chip.encode(x), torch.from_numpy(y), rng).total.backward()

    shapes = ((24, 28), (24, 24), (24,), (10, 24))
    w_ih, w_hh, b, w_out = (torch.randn(*shape, requires_grad=True) for shape in shapes)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)

    def plain():
        s = torch.zeros(batch, 24)
        for t in range(28):
            s = 0.95 * s + 0.05 * torch.tanh(inputs[:, t] @ w_ih.T + s @ w_hh.T + b)
        torch.nn.functional.cross_entropy(10 * s @ w_out.T, labels).backward()

    reference = median_seconds(plain)
    benchmark(ours)
    benchmark.extra_info["plain_loop_ms"] = round(1e3 * reference, 3)
    benchmark.extra_info["times_faster_than_plain"] = round(reference / benchmark.stats.stats.median, 2)


@pytest.mark.benchmark(group="simulate 10,000 samples, rows-24")
def test_simulate(benchmark):
    """The engine on a test set against a plain float64 loop over the whole batch."""
    network = compile_network(route(load_netlist(CHIP)))
    program = Program.load(CHIP.with_suffix(".safetensors"))
    x = np.random.default_rng(0).random((10_000, 28, 28))
    dense = dense_weights(network, program.values)
    w_ih, w_hh = dense["pixels->hidden"].T, dense["hidden->hidden"].T
    trim = program.values["hidden.flux_trim"]

    def plain():
        s = np.zeros((10_000, 24))
        for t in range(28):
            s = 0.95 * s + 0.05 * np.tanh(x[:, t] @ w_ih + s @ w_hh + trim)
        return s

    reference = median_seconds(plain, 5)
    trace = benchmark(lambda: simulate(network, program, x))
    np.testing.assert_allclose(trace.state[:, -1], plain(), atol=1e-9)
    benchmark.extra_info["times_faster_than_plain"] = round(reference / benchmark.stats.stats.median, 2)


@pytest.mark.benchmark(group="bptt step, 1000 neurons in modules, 21,000 edges with delays, batch 128")
def test_edges_alone(benchmark, monkeypatch):
    """A step over edges alone against the general kernels, whose inputs are a flux per step."""
    network = compile_network(route(load_netlist(Path(__file__).parent / "modular-1000-fast.yaml")))
    recipe, rng = BpttRecipe(), np.random.default_rng(0)
    chip = TrainableChip(with_average_light(network), recipe)
    rule = Bptt(chip, recipe)
    x, y = chip.encode(rng.random((128, 28, 28))), torch.from_numpy(rng.integers(0, 10, 128))

    def step():
        for latent in chip.latent.values():
            latent.grad = None
        rule.loss(chip.training_chip(True, (0, 0, 0)), x, y, rng).total.backward()

    def general():
        with monkeypatch.context() as patched:
            patched.setattr("soensim.training.trainable_network.edges_alone", lambda *_: False)
            step()

    found = shortest_ms({"edges": step, "general": general}, 3)
    benchmark.pedantic(step, rounds=3)
    benchmark.extra_info.update({f"{name}_ms": round(ms, 1) for name, ms in found.items()})
    benchmark.extra_info["times_faster"] = round(found["general"] / found["edges"], 2)
