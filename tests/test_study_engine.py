"""The engine of studies: the same outcomes whatever is killed, with real processes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import study_problems
from conftest import ROOT
from here_slots import HereSlots
from study_problems import executions, make_runs, settled, work

from soensim._runtime.cores import usable_cores
from soensim.errors import SoensimError
from soensim.study import engine, workers
from soensim.study.engine import Progress, run_all
from soensim.study.run import Run
from soensim.study.slots import Ended, Reply
from soensim.study.store import RESULTS, load
from soensim.study.workers import ProcessSlots

TESTS = ROOT / "tests"


def expected(count):
    return {f"{k:064x}": ({"square": k * k, "half": k / 2, "none": None}, None, False) for k in range(count)}


def gone(pid):
    """Whether a process has ended; a zombie has."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def workers_of(log):
    return {int(line.split()[1]) for line in log.read_text().splitlines()} if log.exists() else set()


def wait_until(condition, longest_s=60.0):
    until = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.005)


def start_engine(folder, count, sleep_s, slots=2):
    return subprocess.Popen(
        [sys.executable, str(TESTS / "study_problems.py"), str(folder), str(count), str(sleep_s), str(slots)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


# --- what comes out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [ProcessSlots(1), ProcessSlots(3), HereSlots()])
def test_outcomes_do_not_depend_on_the_slots(tmp_path, slots):
    runs = make_runs(12)
    outcomes = run_all(runs, work, folder=tmp_path, slots=slots)
    assert settled(outcomes) == expected(12)
    assert list(outcomes) == [run.key for run in runs]
    assert load(tmp_path) == outcomes


def test_what_is_done_is_not_done_again(tmp_path):
    log = tmp_path / "log"
    first = run_all(make_runs(5, log=str(log)), work, folder=tmp_path, slots=HereSlots())
    assert set(executions(log).values()) == {1}
    again = run_all(make_runs(8, log=str(log)) + make_runs(8, log=str(log)), work, folder=tmp_path, slots=HereSlots())
    assert list(again)[:5] == list(first)
    assert {key: again[key] for key in first} == first
    assert executions(log) == dict.fromkeys(range(8), 1)

    class NoSlots:
        def start(self, _work):
            raise AssertionError("nothing is to do")

    some = run_all(make_runs(3), work, folder=tmp_path, slots=NoSlots())
    assert list(some) == list(first)[:3]


def test_no_more_runs_than_slots_are_under_way(tmp_path):
    slots = HereSlots(count=4)
    run_all(make_runs(11), work, folder=tmp_path, slots=slots)
    assert slots.most == 4


def test_slots_that_become_fewer(tmp_path):
    class Shrinking(HereSlots):
        def wait(self, longest_s):
            if self.count == 1:
                return super().wait(longest_s)
            back, self.under_way, self.most, self.count = self.under_way, [], 0, 1
            return [Ended(key, None) for key, _ in back]

    slots = Shrinking(4)
    slots.later = 1
    assert settled(run_all(make_runs(6), work, folder=tmp_path, slots=slots)) == expected(6)
    assert slots.most == 1


FAILURES = {
    "error": ("no such chip", False),
    "fault": ("a fault of soensim: KeyError: 'nobody expected this'; see faults/", False),
    "exit": ("a fault of soensim: SystemExit: done; see faults/", False),
    "nan": ("a fault of soensim: TypeError: measure 'accuracy' is nan and no finite number; see faults/", False),
    "memory": ("there is not enough memory: an array is too large (in 3 attempts); it is done again when", True),
    "disk": ("the disk is full (in 3 attempts); it is done again when the study goes on", True),
    "die": ("its process was ended by SIGKILL, as where memory runs out (in 3 attempts); it is done again when", True),
    "segfault": (
        "its process was ended by SIGSEGV (in 3 attempts); it is done again when the study goes on; see fau",
        True,
    ),
}


def test_a_run_that_fails_says_why(tmp_path):
    log = tmp_path / "log"
    runs = [Run(f"{do:-<64}", {}, 0, {"value": k, "do": do, "log": str(log)}) for k, do in enumerate(FAILURES)]
    outcomes = run_all([*runs, *make_runs(4)], work, folder=tmp_path, slots=ProcessSlots(2))
    assert len(outcomes) == len(FAILURES) + 4
    for k, (run, (text, lost)) in enumerate(zip(runs, FAILURES.values(), strict=True)):
        outcome = outcomes[run.key]
        assert outcome.error.startswith(text), outcome.error
        assert outcome.measures == {}
        assert outcome.lost == lost
        assert executions(log)[k] == (3 if lost else 1)
    assert [o.error for o in outcomes.values()][len(FAILURES) :] == [None] * 4
    kept = {path.name.partition("-")[0] for path in (tmp_path / "faults").iterdir()}
    assert kept == {"fault", "exit", "nan", "segfault"}


def test_the_traceback_of_a_fault_is_kept(tmp_path):
    runs = [Run(f"{do:-<64}", {}, 0, {"value": 1, "do": do}) for do in ("fault", "segfault")]
    outcomes = run_all(runs, work, folder=tmp_path, slots=ProcessSlots(1))
    fault, segfault = (tmp_path / o.error.partition("; see ")[2] for o in outcomes.values())
    assert fault == tmp_path / "faults" / "fault-----------.txt"
    assert fault.read_text().startswith(
        f"run {runs[0].key}\na fault of soensim: KeyError: 'nobody expected this'\n\nTrace"
    )
    assert "study_problems.py" in fault.read_text()
    assert "Segmentation fault" in segfault.read_text()  # and where: faulthandler


def test_a_run_that_was_lost_is_done_again_when_the_study_goes_on(tmp_path):
    def lost(_):
        return (Reply({}, "its process died", lost=True),)

    slots = HereSlots(replies={1: [lost(k) for k in range(3)], 2: [lost(k) for k in range(2)]})
    runs = make_runs(4)
    outcomes = run_all(runs, work, folder=tmp_path, slots=slots)
    assert [o.lost for o in outcomes.values()] == [False, True, False, False]
    assert outcomes[runs[1].key].error == "its process died (in 3 attempts); it is done again when the study goes on"
    assert settled(run_all(runs, work, folder=tmp_path, slots=HereSlots())) == expected(4)
    assert settled(load(tmp_path)) == expected(4)


def test_attempts_of_a_cluster_count_and_those_that_did_not_begin_do_not(tmp_path):
    lost = Reply({}, "its process died", lost=True)
    slots = HereSlots(replies={0: [(lost, 4)], 1: [(None,)] * 9, 2: [(lost, 1), (lost, 1)]})
    outcomes = list(run_all(make_runs(3), work, folder=tmp_path, slots=slots).values())
    assert [o.lost for o in outcomes] == [True, False, False]
    assert outcomes[0].error.startswith("its process died (in 4 attempts)")


def test_a_run_whose_worker_dies_is_given_out_again(tmp_path):
    log = tmp_path / "log"
    outcomes = run_all(make_runs(5, do="die once", log=str(log)), work, folder=tmp_path, slots=ProcessSlots(2))
    assert settled(outcomes) == expected(5)
    assert set(executions(log).values()) == {2}


def test_a_stopping_rule_adds_runs(tmp_path):
    """Here: squares are wanted until one is above 20. The same from any number of slots, and after a stop."""
    runs = make_runs(12)
    asked = []

    def more(outcomes):
        asked.append(set(outcomes))
        done = [k for k, run in enumerate(runs) if run.key in outcomes]
        enough = any(outcomes[runs[k].key].measures["square"] > 20 for k in done)
        return [] if enough or done != list(range(len(done))) else runs[: len(done) + 1]

    one = run_all(runs[:2], work, folder=tmp_path / "one", slots=HereSlots(1), more=more)
    assert list(one) == [run.key for run in runs[:6]]  # 5 * 5 is above 20
    assert asked[0] == set()
    asked.clear()
    run_all(runs[:2], work, folder=tmp_path / "two", slots=HereSlots(3))
    two = run_all(runs[:2], work, folder=tmp_path / "two", slots=HereSlots(3), more=more)
    assert settled(two) == settled(one)
    assert asked[0] == {run.key for run in runs[:2]}
    three = run_all([], work, folder=tmp_path / "two", slots=HereSlots(3), more=more)
    assert three == two
    assert run_all([], work, folder=tmp_path / "none", slots=HereSlots(), more=lambda _: []) == {}


def test_progress(tmp_path):
    told = []
    lost = (Reply({}, "died", lost=True), 3)
    replies = {
        0: [(Reply({}, seconds=2.0),)],
        1: [(Reply({}, seconds=4.0),)],
        2: [lost],
        3: [(Reply({}, seconds=3.0),)],
    }
    run_all(make_runs(4), work, folder=tmp_path, slots=HereSlots(1, dict(replies)), progress=told.append)
    assert told == [
        Progress(0, 0, 4, 1, None),
        Progress(1, 0, 4, 1, 6.0),
        Progress(2, 0, 4, 1, 6.0),
        Progress(3, 1, 4, 1, 3.0),
        Progress(4, 1, 4, 1, 0.0),
    ]
    told.clear()
    replies[4], replies[5] = [(Reply({}, seconds=9.0),)], [(Reply({}, seconds=9.0),)]
    run_all(make_runs(6), work, folder=tmp_path, slots=HereSlots(2, replies), progress=told.append)
    assert told[0] == Progress(3, 0, 6, 2, 4.5)  # mean of 2, 4, 3; three runs in two slots
    told.clear()
    wrong = make_runs(7, do="error")[6:]
    run_all(make_runs(6) + wrong, work, folder=tmp_path, slots=HereSlots(3), progress=told.append)
    assert [(p.done, p.failed, p.total) for p in told] == [(6, 0, 7), (7, 1, 7)]
    assert told[0].seconds_left == pytest.approx(sum(o.seconds for o in load(tmp_path).values() if not o.error) / 6)


def test_a_number_of_slots_that_changes_is_told(tmp_path):
    told, slots = [], HereSlots(0)
    slots.later = 2
    run_all(make_runs(1), work, folder=tmp_path, slots=slots, progress=lambda p: told.append((p.done, p.slots)))
    assert told == [(0, 0), (0, 2), (1, 2)]


# --- workers -----------------------------------------------------------------------------------------------


def test_workers_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.setenv("SOENSIM_THREADS", str(usable_cores()))
    for count in (1, usable_cores(), 2 * usable_cores()):
        outcomes = run_all(
            make_runs(1, do="environment"), work, folder=tmp_path / str(count), slots=ProcessSlots(count)
        )
        (measures,) = (o.measures for o in outcomes.values())
        assert measures == {"threads": max(1, usable_cores() // count), "products": 1}
    assert ProcessSlots().workers == usable_cores()
    with pytest.raises(SoensimError, match="the number of workers is 0: must be 1 or more"):
        ProcessSlots(0)


def test_workers_that_die_while_they_wait_are_replaced(tmp_path):
    with ProcessSlots(1).start(work) as pool:
        for value in range(3):
            pool.submit(str(value), {"value": value, "log": str(tmp_path / "log")})
            ended = []
            wait_until(lambda ended=ended: ended.extend(pool.wait(0.1)) or ended)
            assert ended[0].reply.measures["square"] == value**2
            (worker,) = pool._workers
            worker.process.kill()
            worker.process.wait()
            if value == 1:
                assert pool.wait(1.0) == []  # found before the next run is given out
                assert pool._workers == []
    assert executions(tmp_path / "log") == {0: 1, 1: 1, 2: 1}


def test_work_that_workers_cannot_import(tmp_path, monkeypatch):
    monkeypatch.setattr(study_problems, "missing_later", lambda _: {}, raising=False)
    study_problems.missing_later.__qualname__ = "missing_later"
    study_problems.missing_later.__module__ = "study_problems"
    with pytest.raises(RuntimeError, match=r"a worker cannot import what it is to do:\nTraceback(.|\n)*missing_later"):
        run_all(make_runs(2), study_problems.missing_later, folder=tmp_path, slots=ProcessSlots(2))


def test_workers_that_cannot_begin(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_BEGIN", "import sys; sys.exit('no memory for Python')")
    with pytest.raises(SoensimError) as error:
        run_all(make_runs(2), work, folder=tmp_path, slots=ProcessSlots(2))
    assert str(error.value) == (
        "3 worker processes in a row ended before they could begin: ended with status 1: no memory for Python; "
        "free some memory, or take fewer workers"
    )


# --- signals and kills -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_workers_and_goes_on_to_the_caller(tmp_path, number):
    log, before = tmp_path / "log", signal.getsignal(number)

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(number, interrupt)
    timer = threading.Thread(
        target=lambda: (wait_until(lambda: len(executions(log)) > 3), os.kill(os.getpid(), number))
    )
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_all(make_runs(500, log=str(log), sleep_s=0.02), work, folder=tmp_path, slots=ProcessSlots(2))
    finally:
        timer.join()
        signal.signal(number, before)
    assert 1 <= len(load(tmp_path)) < 500
    assert len(executions(log)) <= len(load(tmp_path)) + 2
    assert all(gone(pid) for pid in workers_of(log))


def test_ctrl_c_on_the_terminal_is_not_for_the_workers(tmp_path):
    with ProcessSlots(1).start(work) as pool:
        pool.submit("a", {"value": 3, "sleep_s": 0.2, "log": str(tmp_path / "log")})
        wait_until(lambda: workers_of(tmp_path / "log"))
        os.kill(*workers_of(tmp_path / "log"), signal.SIGINT)
        ended = []
        wait_until(lambda: ended.extend(pool.wait(0.1)) or ended)
        assert ended[0].reply.measures["square"] == 9


def test_workers_end_with_a_killed_engine(tmp_path):
    """Also one that is in the middle of a long run."""
    log = tmp_path / "log"
    process = start_engine(tmp_path, 2, 30.0)
    wait_until(lambda: len(workers_of(log)) == 2)
    process.kill()
    assert process.communicate()[1] == ""
    wait_until(lambda: all(gone(pid) for pid in workers_of(log)))


def test_the_engine_is_killed_at_random_times(tmp_path):
    rng, log, kills, count = np.random.default_rng(17), tmp_path / "log", 8, 80
    for _ in range(kills):
        done = len(executions(log))
        process = start_engine(tmp_path, count, 0.03)
        wait_until(lambda process=process, done=done: len(executions(log)) > done or process.poll() is not None)
        time.sleep(rng.uniform(0.0, 0.12))
        process.kill()
        process.communicate()
    before = settled(load(tmp_path))
    assert 0 < len(before) < count  # it was killed in the middle
    outcomes = run_all(make_runs(count, log=str(log)), work, folder=tmp_path, slots=ProcessSlots(2))
    assert settled(outcomes) == expected(count)
    assert sum(executions(log).values()) <= count + 2 * kills
    assert all(before[key] == (o.measures, o.error, o.lost) for key, o in outcomes.items() if key in before)


def test_workers_are_killed_at_random_times(tmp_path):
    rng, log, killed = np.random.default_rng(18), tmp_path / "log", set()

    def kill():
        while len(killed) < 8:
            time.sleep(rng.uniform(0.0, 0.12))
            value, pid = (int(word) for word in (log.read_text().splitlines() if log.exists() else ["0 0"])[-1].split())
            if pid and value not in killed:  # so that no run dies three times
                killed.add(value)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = run_all(make_runs(80, log=str(log), sleep_s=0.03), work, folder=tmp_path, slots=ProcessSlots(2))
    killer.join()
    assert settled(outcomes) == expected(80)
    assert 80 < sum(executions(log).values()) <= 80 + len(killed)


def test_two_engines_share_a_study_and_take_over_from_a_dead_one(tmp_path):
    log = tmp_path / "log"
    one, two = start_engine(tmp_path, 60, 0.02, 1), start_engine(tmp_path, 60, 0.02, 1)
    wait_until(lambda: len(executions(log)) > 30)
    two.kill()
    two.communicate()
    assert one.communicate() == (None, "")
    assert one.returncode == 0
    assert settled(load(tmp_path)) == expected(60)
    assert len(executions(log)) == 60
    assert sum(executions(log).values()) <= 61
    assert len(workers_of(log)) == 2
    assert len(list((tmp_path / RESULTS).glob("*.jsonl"))) == 2


def test_two_engines_that_both_live_do_nothing_twice(tmp_path):
    log = tmp_path / "log"
    both = [start_engine(tmp_path, 30, 0.02, 1) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert executions(log) == dict.fromkeys(range(30), 1)
    assert settled(load(tmp_path)) == expected(30)


def test_what_cannot_be_written_ends_the_engine(tmp_path):
    (tmp_path / engine.FAULTS).write_text("")
    with pytest.raises(SoensimError, match="faults: cannot be made: File exists"):
        run_all(make_runs(1, do="fault"), work, folder=tmp_path, slots=HereSlots())
