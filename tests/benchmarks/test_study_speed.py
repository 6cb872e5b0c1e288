"""Speed of the engine of studies.

`pytest tests/benchmarks/test_study_speed.py --benchmark-enable --benchmark-only -o addopts=`

Numbers are in extra_info. The gain of a second worker on work that computes needs two cores that nobody else uses.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from study_problems import make_runs, work

from soensim.study.engine import run_all
from soensim.study.measures import CHECKED, SCORED
from soensim.study.store import RESULTS, load
from soensim.study.study import make_plan
from soensim.study.study_file import load_study
from soensim.study.workers import ProcessSlots

MANY = """\
schema: soensim-study/1
name: many
question: How long does it take to go on?
chip: {chip}
grid:
  populations.hidden.bias_current: {{from: 1.5, to: 1.99, steps: {levels}}}
seeds: {seeds}
measures: [chips_mean]
"""


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


@pytest.mark.benchmark(group="engine of studies")
@pytest.mark.parametrize("levels", [50, 1000])
def test_a_command_in_which_nothing_is_new(benchmark, tmp_path, levels):
    """`soensim study` over 10,000 runs that were done, with the start of Python; target: 2 s of CPU."""
    file = tmp_path / "study.yaml"
    file.write_text(MANY.format(chip=ROOT / "netlists" / "year1-28.yaml", levels=levels, seeds=10_000 // levels))
    (tmp_path / RESULTS).mkdir()
    lines = [
        json.dumps(
            {"key": run.key, "levels": dict(run.levels), "seed": run.seed}
            | {"measures": dict.fromkeys((*SCORED, *CHECKED), run.seed / 7)}
            | {"error": None, "lost": False, "seconds": 1.0}
        )
        for run in make_plan(load_study(file)).runs
    ]
    (tmp_path / RESULTS / "host-1.jsonl").write_text("\n".join(lines) + "\n")
    spent = []

    def command():
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        done = [sys.executable, "-m", "soensim.study", str(file), "--workers", "1"]
        told = subprocess.run(
            done, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        spent.append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before)
        return told.stdout

    command()  # writes the results
    kept = benchmark.pedantic(command, rounds=3)
    assert "10000 were done before: the results are as they were" in kept
    benchmark.extra_info["s of CPU that write the results"] = round(spent[0], 2)
    benchmark.extra_info["s of CPU"] = round(min(spent[1:]), 2)
