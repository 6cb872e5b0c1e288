"""Small chips and data that many tests use; how the whole suite is spread over the cores.

What takes long to load is imported inside the functions: the process that starts the workers runs no test.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from soensim.data import Dataset
    from soensim.netlist import Netlist
    from soensim.network import Network
    from soensim.routing import RoutedNetlist

# Loading makes millions of objects, none of them garbage; the default, 700, spends a fifth of it on looking for some.
gc.set_threshold(50_000, *gc.get_threshold()[1:])

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

SMALL = """
schema: soensim/1
name: small
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  hidden:
    kind: dendrite
    size: 6
    source_function: squid-fit
    bias_current: 1.9
    flux_offset: 0.15
    flux_trim: {bits: 6, range: 0.5}
    gamma_plus: 1.0e-3
    gamma_minus: 5.0e-4
projections:
  - source: pixels
    target: hidden
    topology: {kind: all-to-all}
    efficacy: {bits: 4, range: 0.3}
  - source: hidden
    target: hidden
    topology: {kind: random, density: 0.5, seed: 3, min_fan_in: 1}
    efficacy: {bits: 4, range: 0.3}
timing: {sample_tau: 200, substeps: 2}
readout:
  kind: linear
  population: hidden
  classes: 10
  state: final
  efficacy: {bits: 4, range: 1.0}
"""

LABELS = """
schema: soensim/1
name: labels
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.025, drive_high: 0.275}
  label: {kind: input, size: 10, carries: label, drive_low: 0.0, drive_high: 0.25}
  hidden: {kind: dendrite, size: 12, source_function: tanh, gamma_plus: 0.2, gamma_minus: 0.2}
projections:
  - {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}
  - {source: label, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}
  - {source: hidden, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1}
readout: {kind: goodness, population: hidden, state: all}
"""


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests interrupt: a shell has its jobs in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite with a worker per core; a part that is named on the command line runs in one process.

    A worker that runs out of tests takes some from another one. Each has one thread for its products, and so have the
    processes that its tests start: more threads than cores wait for each other.
    """
    if hasattr(config, "workerinput"):  # a worker is asked too, and must not start workers of its own
        return
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and config.getoption("numprocesses", 0) is None
    if whole and not (config.option.usepdb or config.option.collectonly or config.option.benchmark_only):
        config.option.numprocesses, config.option.dist = "auto", "worksteal"
        for library in ("OMP", "OPENBLAS", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")


# Files whose tests compile the kernels of training, those with the longest compilation first.
COMPILING = [
    "forward_forward_kernel",
    "kernels",
    "train",
    "readme",
    "docs",
    "eprop",
    "light",
    "device",
    "tracking",
    "robust",
    "rules",
    "quantise",
]


# Files with the longest tests beside these; the longest first, so that none of them is left for the end.
LONG = ["fuzz", "run_folder", "analyses", "fit", "circuit_source", "circuit_dendrite", "public_names", "environment"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let one worker compile the kernels: the first half of the tests is its, and the others find them in the cache.

    The second half begins with the long tests. A worker with no tests left takes some from the end of the other half.
    """
    if hasattr(config, "workerinput"):
        rank = {f"test_{name}.py": k for k, name in enumerate(COMPILING)}
        items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
        long = {f"test_{name}.py": k for k, name in enumerate(LONG)}
        first = sorted((item for item in items if item.path.name in long), key=lambda item: long[item.path.name])
        others = [item for item in items if item.path.name not in long]
        half = len(items) // 2
        items[:] = [*others[:half], *first, *others[half:]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let every second worker load the files of the tests from the last one on.

    All workers load all of them, and in a fresh clone and environment the first one to load a file or a package also
    translates it, which takes longer: two workers share this where they begin at different ends. A file that does not
    load is left to the collection, which says so.
    """
    worker = getattr(session.config, "workerinput", {"workerid": "gw0"})["workerid"]
    if int(worker.removeprefix("gw")) % 2:
        files = [path.stem for path in Path(__file__).parent.glob("test_*.py")]
        for name in ("hypothesis", "scipy.stats", "matplotlib.figure", *sorted(files, reverse=True)):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def pytest_collection_finish() -> None:
    """Take what is loaded by now out of the garbage collector's rounds: millions of objects that stay to the end."""
    gc.collect()
    gc.freeze()


def compiled(text: str, **options: int) -> Network:
    from soensim.netlist import parse_netlist
    from soensim.network import compile_network
    from soensim.routing import route

    return compile_network(route(parse_netlist(text)), **options)


def delayed(text: str, longest_ps: float, seed: int = 0) -> RoutedNetlist:
    """Route a chip and give every edge a delay of its own, uniform in [0, longest_ps]."""
    import numpy as np

    from soensim.netlist import parse_netlist
    from soensim.routing import route

    routed, rng = route(parse_netlist(text)), np.random.default_rng(seed)
    projections = {
        key: dataclasses.replace(p, delay_ps=rng.uniform(0, longest_ps, len(p.edges)))
        for key, p in routed.projections.items()
    }
    return dataclasses.replace(routed, projections=projections)


@pytest.fixture(scope="session")
def small_netlist() -> Netlist:
    from soensim.netlist import parse_netlist

    return parse_netlist(SMALL)


@pytest.fixture(scope="session")
def small() -> Network:
    return compiled(SMALL)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    from soensim.data import load_dataset

    return load_dataset("digits-rows")


def untimed(history):
    """Rows of a history without what a clock measured."""
    return [{key: v for key, v in row.items() if not key.startswith("seconds")} for row in history]


@pytest.fixture
def train_in_two_parts(monkeypatch):
    """Train, with a kill in the epoch of that number (from 0), and resume from what is left in the run folder."""
    from soensim.training import train
    from soensim.training.loop import Training

    def run(network, data, recipe, run_dir, stop, **options):
        epoch = Training._epoch

        def killed(self, number):
            if number == stop:
                raise KeyboardInterrupt
            return epoch(self, number)

        with monkeypatch.context() as patch:
            patch.setattr(Training, "_epoch", killed)
            with pytest.raises(KeyboardInterrupt):
                train(network, data, recipe, run_dir=run_dir, **options)
        return train(network, data, recipe, run_dir=run_dir, resume=True, **options)

    return run
