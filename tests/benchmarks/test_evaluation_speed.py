"""Speed of scores: `pytest tests/benchmarks/test_evaluation_speed.py --benchmark-enable --benchmark-only -o addopts=`.

CPU time of one fabricated chip in the kernels and in the plain time loop, in turns; the shortest of each counts.
Numbers are in extra_info.
"""

import dataclasses
import os

import numpy as np
import pytest
from conftest import ROOT
from test_kernel_speed import shortest_ms

from soensim.data import load_dataset
from soensim.netlist import load_netlist
from soensim.network import at_training_step, compile_network, refined
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import Samples, class_scores
from soensim.simulation.engine import Engine, one_blas_thread

EFFECTS = {
    "arm_inductance_spread": 0.02,
    "coupling_spread": 0.02,
    "critical_current_spread": 0.02,
    "dead_neurons": 0.005,
    "drop_synapses": 0.002,
    "gamma_plus_spread": 0.02,
    "programming_error": 0.02,
    "stuck_synapses": 0.002,
}
CASES = {
    "year1-28": ("year1-28", {}),
    "year1-28, SQUIDs differ": ("year1-28", {"critical_current_spread": 0.02, "arm_inductance_spread": 0.02}),
    "year1-28, 12 effects": ("year1-28", EFFECTS),
    "year1-28, read noise": ("year1-28", {"read_noise_flux": 0.01}),
    "year1-28, thermal noise": ("year1-28", {"thermal_noise_k": 4.0}),
    "optical-28": ("optical-28", {}),
    "rows-24": ("rows-24", {}),
}


def chip_and_samples(name, spreads):
    """A shipped program at the step that counts for its score, and its test samples."""
    network = compile_network(route(load_netlist(ROOT / "netlists" / f"{name}.yaml")))
    program = Program.load(ROOT / "netlists" / f"{name}.safetensors", network)
    coarse = at_training_step(network, program.header)
    fine = refined(coarse, 1 if coarse.virtual else 4)
    fine = dataclasses.replace(fine, spreads={**fine.spreads, **spreads})
    made_for = program.header["data"]
    if made_for["name"].startswith("mnist") and "SOENSIM_DATA" not in os.environ:
        pytest.skip("MNIST is not here")
    values = load_dataset(made_for["name"], data_seed=made_for["data_seed"]).test.inputs
    return fine, program, values


@pytest.mark.benchmark(group="a fabricated chip")
@pytest.mark.parametrize("case", CASES)
def test_score_one_chip(benchmark, case, monkeypatch):
    network, program, values = chip_and_samples(*CASES[case])
    samples, compiled = Samples(network, values), Engine._compiled
    seeds = iter(range(10**6))

    def score(how):
        monkeypatch.setattr(Engine, "_compiled", how)
        return class_scores(network, program, samples, chip_seed=next(seeds))

    with one_blas_thread():
        calls = {"kernel": lambda: score(compiled), "plain": lambda: score(lambda _: None)}
        found = shortest_ms(calls, 3)
        benchmark.pedantic(calls["kernel"], rounds=3)
    benchmark.extra_info.update({f"{name}, ms of CPU": round(ms, 1) for name, ms in found.items()})
    steps = values.shape[0] * values.shape[1] * network.hold_samples * network.substeps * network.neurons
    benchmark.extra_info["kernel, ns per state"] = round(1e6 * found["kernel"] / steps, 1)
    assert np.isfinite(found["kernel"])
