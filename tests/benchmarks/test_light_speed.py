"""Cost of spikes: `pytest tests/benchmarks/test_light_speed.py --benchmark-enable --benchmark-only -o addopts=`.

The same chip without light (`--light average`) is timed in the same run; the ratio is in extra_info.
"""

import numpy as np
import pytest
import torch
from conftest import ROOT
from test_training_speed import median_seconds

from soensim.data import load_dataset
from soensim.netlist import load_netlist
from soensim.network import compile_network, refined, with_average_light
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import class_scores
from soensim.training import BpttRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.trainable_network import TrainableChip


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def network():
    return compile_network(route(load_netlist(ROOT / "netlists" / "optical-28.yaml")))


@pytest.mark.benchmark(group="evaluate 360 digits, optical-28")
@pytest.mark.parametrize("refine", [1, 4])
def test_evaluate(benchmark, network, refine):
    """Score the test split of the digits once."""
    images = load_dataset("digits-rows").test.inputs
    lit = refined(network, refine)
    program = Program.quantised(lit, TrainableChip(lit, BpttRecipe()).arrays())
    dark = median_seconds(lambda: class_scores(with_average_light(lit), program, images), repeats=5)
    benchmark(class_scores, lit, program, images)
    _note(benchmark, dark)


@pytest.mark.benchmark(group="bptt step, optical-28")
@pytest.mark.parametrize("batch", [32, 256])
def test_bptt_step(benchmark, network, batch):
    """One quantisation-aware forward and backward pass."""
    rng = np.random.default_rng(0)
    x, y = rng.random((batch, 8, 8), dtype=np.float32), torch.from_numpy(rng.integers(0, 10, batch))

    def step(chip_network):
        chip = TrainableChip(chip_network, BpttRecipe())
        rule = Bptt(chip, BpttRecipe())
        return lambda: rule.loss(chip.training_chip(True, (0, 0)), chip.encode(x), y, rng).total.backward()

    dark = median_seconds(step(with_average_light(network)))
    benchmark(step(network))
    _note(benchmark, dark)


def _note(benchmark, dark):
    if benchmark.stats is not None:  # not measured in a plain run
        benchmark.extra_info["without spikes, s"] = round(dark, 5)
        benchmark.extra_info["ratio"] = round(benchmark.stats.stats.median / dark, 2)
