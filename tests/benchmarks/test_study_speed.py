"""Speed of the engine of studies.

`pytest tests/benchmarks/test_study_speed.py --benchmark-enable --benchmark-only -o addopts=`

Numbers are in extra_info. The gain of a second worker on work that computes needs two cores that nobody else uses.
"""

import itertools
import json
import time

import pytest
from study_problems import make_runs, work

from soensim.study.engine import run_all
from soensim.study.store import RESULTS, load
from soensim.study.workers import ProcessSlots


@pytest.mark.benchmark(group="engine of studies")
@pytest.mark.parametrize("workers", [1, 2])
def test_overhead_of_a_run(benchmark, tmp_path, workers):
    folders, runs = (tmp_path / str(k) for k in itertools.count()), make_runs(2000)
    spent = []

    def all_of_them():
        before = time.process_time()
        run_all(runs, work, folder=next(folders), slots=ProcessSlots(workers))
        spent.append(time.process_time() - before)

    benchmark.pedantic(all_of_them, rounds=3)
    benchmark.extra_info["ms per run"] = round(1e3 * benchmark.stats.stats.min / len(runs), 3)
    benchmark.extra_info["ms of CPU per run, engine"] = round(1e3 * min(spent) / len(runs), 3)


@pytest.mark.benchmark(group="engine of studies")
@pytest.mark.parametrize("what", [{"sleep_s": 0.05}, {"do": "compute", "compute_s": 0.05}], ids=["sleep", "compute"])
def test_a_second_worker(benchmark, tmp_path, what):
    """Time of the same runs with one worker and with two, in turns; without the start of the workers."""
    folders, runs = (tmp_path / str(k) for k in itertools.count()), make_runs(60, **what)
    seconds = {1: [], 2: []}

    def measure(workers):
        begun = []
        run_all(
            runs,
            work,
            folder=next(folders),
            slots=ProcessSlots(workers),
            progress=lambda p: begun.append((time.perf_counter(), p.done)),
        )
        (first, done), (last, count) = begun[1], begun[-1]
        seconds[workers].append((last - first) / (count - done))

    benchmark.pedantic(lambda: [measure(workers) for workers in (1, 2)], rounds=3)
    benchmark.extra_info["two workers against one"] = round(min(seconds[1]) / min(seconds[2]), 3)


@pytest.mark.benchmark(group="engine of studies")
def test_go_on_after_ten_thousand_runs(benchmark, tmp_path):
    runs = make_runs(10_000)
    (tmp_path / RESULTS).mkdir()
    lines = [
        json.dumps(
            {"key": run.key, "levels": run.levels, "seed": run.seed}
            | {"measures": {f"measure {j}": j / 7 for j in range(20)}, "error": None, "lost": False, "seconds": 1.0}
        )
        for run in runs
    ]
    (tmp_path / RESULTS / "host-1.jsonl").write_text("\n".join(lines) + "\n")
    outcomes = benchmark.pedantic(lambda: run_all(runs, work, folder=tmp_path, slots=ProcessSlots(2)), rounds=5)
    assert outcomes == load(tmp_path)
