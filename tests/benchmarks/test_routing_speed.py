"""Checking large chips: the whole process, as a user starts it, beside the import of soensim alone.

Run on demand: pytest tests/benchmarks/test_routing_speed.py --benchmark-enable --benchmark-only -o addopts=""
Start it twice: the first run compiles the kernels of numba.
"""

import resource
import subprocess
import sys

import pytest
from conftest import ROOT

CASES = {
    "import soensim": ["-c", "import soensim.check, soensim.routing.optical"],
    "optical-28": ["-m", "soensim.check", "netlists/optical-28.yaml"],
    "modular-1000 crossbar": ["-m", "soensim.check", "netlists/modular-1000.yaml"],
    "modular-1000 manhattan": ["-m", "soensim.check", "netlists/modular-1000.yaml", "--strategy", "manhattan"],
    "die-8100 crossbar": ["-m", "soensim.check", "netlists/die-8100.yaml"],
}


@pytest.mark.parametrize("case", CASES)
def test_whole_process(benchmark, case):
    command = [sys.executable, *CASES[case]]

    def run() -> None:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    benchmark.pedantic(run, rounds=2, warmup_rounds=1)
    benchmark.extra_info["largest_child_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
