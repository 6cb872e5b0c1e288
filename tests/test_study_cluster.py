"""Studies on a Dask cluster of real processes: the same outcomes, whatever is killed."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import yaml
from conftest import ROOT
from here_slots import HereSlots
from study_problems import executions, make_runs, settled, work
from test_study_engine import expected, wait_until

from soensim.errors import SoensimError
from soensim.study import cluster
from soensim.study.cluster import DaskSlots, perform_alone
from soensim.study.engine import run_all
from soensim.study.slots import Reply
from soensim.study.store import load
from soensim.study.workers import ProcessSlots


@pytest.fixture(scope="module")
def forge():
    pytest.importorskip("distributed", reason="Dask distributed is not installed (pip install 'soensim[cluster]')")
    from study_cluster import Forge

    forge = Forge()
    yield forge
    forge.close()


def test_a_cluster_of_two_processes(forge, tmp_path):
    """Every kind of failure too; then other slots find all done."""
    _, address, workers = forge.cluster(2)
    log, told = tmp_path / "log", []
    runs = make_runs(20, log=str(log), sleep_s=0.01)
    kinds = [run for do in ("error", "fault", "memory") for run in [make_runs(21, do=do, log=str(log))[20]]]
    runs += [type(run)(f"{k}{run.key[1:]}", {}, 0, run.job) for k, run in enumerate(kinds, 1)]
    outcomes = run_all(runs, work, folder=tmp_path, slots=DaskSlots(address), progress=told.append)
    assert settled(dict(list(outcomes.items())[:20])) == expected(20)
    errors = [o.error for o in list(outcomes.values())[20:]]
    assert errors[0] == "no such chip"
    assert errors[1].startswith("a fault of soensim: KeyError: 'nobody expected this'; see faults/2000")
    assert "study_problems.py" in (tmp_path / errors[1].partition("; see ")[2]).read_text()
    assert errors[2].startswith("there is not enough memory: an array is too large (in 3 attempts)")
    assert {int(line.split()[1]) for line in log.read_text().splitlines()} == set(workers)
    assert {p.slots for p in told} == {2}
    again = run_all(runs[:22], work, folder=tmp_path, slots=HereSlots())
    assert again == dict(list(outcomes.items())[:22])
    assert executions(log) == dict.fromkeys(range(20), 1) | {20: 5}


def test_workers_of_the_cluster_come_and_die(forge, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_COUNT_S", 0.1)
    _, address = forge.scheduler()
    log, told = tmp_path / "log", []

    def come_and_die():
        wait_until(lambda: told)
        first = forge.worker(address)
        wait_until(lambda: len(executions(log)) > 3)
        forge.worker(address)
        os.kill(first, signal.SIGKILL)

    thread = threading.Thread(target=come_and_die)
    thread.start()
    slots = DaskSlots(address)
    outcomes = run_all(
        make_runs(20, log=str(log), sleep_s=0.02), work, folder=tmp_path, slots=slots, progress=told.append
    )
    thread.join()
    assert settled(outcomes) == expected(20)
    assert 20 <= sum(executions(log).values()) <= 22
    assert told[0].slots == 0
    assert max(p.slots for p in told) >= 1


def test_the_scheduler_is_killed_at_random_times(forge, tmp_path):
    rng, log, kills = np.random.default_rng(19), tmp_path / "log", 4
    runs = make_runs(60, log=str(log), sleep_s=0.02)
    for _ in range(kills):
        scheduler, address, _workers = forge.cluster(2)
        done = len(executions(log))

        def kill(scheduler=scheduler, done=done):
            wait_until(lambda: len(executions(log)) > done)
            time.sleep(rng.uniform(0.0, 0.1))
            os.kill(scheduler, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(SoensimError) as error:
            run_all(runs, work, folder=tmp_path, slots=DaskSlots(address))
        thread.join()
        assert str(error.value) == (
            f"the scheduler {address} was lost; what was done is kept: give the same command again, with the "
            "address of a scheduler that runs, or without --scheduler to go on with this machine alone"
        )
    before = load(tmp_path)
    assert 0 < len(before) < 60
    assert sum(executions(log).values()) <= len(before) + 2 * kills
    outcomes = run_all(runs, work, folder=tmp_path, slots=ProcessSlots(2))
    assert settled(outcomes) == expected(60)
    assert {key: outcomes[key] for key in before} == before
    assert sum(executions(log).values()) <= 60 + 2 * kills


def test_workers_with_several_threads_are_refused(forge, tmp_path):
    _, address = forge.scheduler()
    forge.worker(address, threads=3)
    with pytest.raises(SoensimError, match=rf"^worker tcp://\S+ of {address} has 3 threads; a run needs a process"):
        run_all(make_runs(1), work, folder=tmp_path, slots=DaskSlots(address))


def test_workers_with_another_soensim_are_refused(forge, tmp_path, monkeypatch):
    _, address, _ = forge.cluster(1)
    monkeypatch.setattr(cluster, "_version", lambda: "9.9")
    with pytest.raises(SoensimError, match=rf"^a worker of {address} cannot do runs: RuntimeError: it has soensim 0"):
        run_all(make_runs(1), work, folder=tmp_path, slots=DaskSlots(address))


def test_a_scheduler_that_does_not_answer(forge, tmp_path, monkeypatch, capsys):
    assert cluster.CONNECT_S == 10.0
    monkeypatch.setattr(cluster, "CONNECT_S", 0.3)
    with pytest.raises(SoensimError, match=r"^the scheduler tcp://127.0.0.1:9 does not answer within 0 s \("):
        run_all(make_runs(1), work, folder=tmp_path, slots=DaskSlots("tcp://127.0.0.1:9"))
    assert capsys.readouterr().err == ""
    assert forge.pids


@pytest.mark.parametrize("address", ["", "here", "tcp://host", "host:8786", "tcp://a b:1"])
def test_addresses(address):
    with pytest.raises(SoensimError, match=r"^the address of the scheduler is .*: must be as tcp://HOST:8786"):
        DaskSlots(address)


def test_without_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SoensimError) as error:
        run_all(make_runs(1), work, folder=tmp_path, slots=DaskSlots("tcp://host:8786"))
    assert str(error.value) == "tcp://host:8786: a cluster needs Dask distributed: pip install 'soensim[cluster]'"


def test_a_worker_of_a_cluster_does_one_run_at_a_time(monkeypatch):
    monkeypatch.delenv("SOENSIM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    under_way, most, replies = [], [], []

    def alone(_):
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.pop()
        return {"threads": int(os.environ["SOENSIM_THREADS"])}

    def perform():
        replies.append(perform_alone(alone, {}, cluster._version()))

    threads = [threading.Thread(target=perform) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert [reply.measures for reply in replies] == [{"threads": 1}] * 3
    assert isinstance(replies[0], Reply)


def test_the_files_for_kubernetes():
    """The arguments of its containers are those of this Dask."""
    parts = list(yaml.safe_load_all((ROOT / "studies" / "cluster" / "kubernetes.yaml").read_text()))
    pods = {
        part["metadata"]["name"]: part["spec"]["template"]["spec"] for part in parts if part["kind"] == "Deployment"
    }
    scheduler, worker = (pods[f"soensim-{name}"]["containers"][0]["args"] for name in ("scheduler", "workers"))
    assert scheduler[:2] == ["dask", "scheduler"]
    assert worker[:3] == ["dask", "worker", f"tcp://{parts[0]['metadata']['name']}:8786"]
    for part in parts[1:]:
        assert part["spec"]["selector"]["matchLabels"] == part["spec"]["template"]["metadata"]["labels"]
    assert parts[0]["spec"]["selector"] == {"app": "soensim-scheduler"}
    pytest.importorskip("distributed", reason="Dask distributed is not installed")
    from distributed.cli import dask_scheduler, dask_worker

    assert dask_scheduler.main.make_context("scheduler", scheduler[2:]).params["port"] == "8786"
    assert dask_worker.main.make_context("worker", worker[2:]).params["nthreads"] == 1


def test_the_file_for_slurm(tmp_path):
    """With a cluster that only notes what it is asked for."""
    fake = """
import json, os
class SLURMCluster:
    scheduler_address = "nowhere"
    def __init__(self, **options): self.options = options
    def __enter__(self): return self
    def __exit__(self, *_): print(json.dumps(self.options))
    def scale(self, workers): self.options["workers"] = workers
"""
    (tmp_path / "dask_jobqueue.py").write_text(fake)
    arguments = ["--workers", "8", "--per-job", "4", "--memory", "1.5GB", "--", "schema"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "studies" / "cluster" / "slurm.py"), *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    options = json.loads(done.stdout)
    assert {name: options[name] for name in ("cores", "processes", "memory", "workers", "walltime", "queue")} == {
        "cores": 4,
        "processes": 4,
        "memory": "6GB",
        "workers": 8,
        "walltime": "04:00:00",
        "queue": None,
    }
    assert done.returncode == 2  # of the command, a quick one that takes no scheduler
    assert "--scheduler" in done.stderr


def test_logs_of_dask_are_back_afterwards():
    logger = logging.getLogger("distributed.client")
    logger.setLevel(logging.WARNING)
    with cluster._quiet():
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert logger.level == logging.WARNING
