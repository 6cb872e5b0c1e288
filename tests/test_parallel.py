"""Chips side by side: the results of one by one, in order; an error or Ctrl-C ends all."""

import dataclasses
import os
import threading
import time

import numpy as np
import pytest
from conftest import compiled
from test_imperfections import CALM, quantised

import soensim.evaluation.score as score
from soensim.errors import SoensimError
from soensim.evaluation import evaluate
from soensim.evaluation.parallel import MOST_BYTES, side_by_side, usable_workers
from soensim.netlist import parse_netlist
from soensim.routing import route
from soensim.simulation import class_scores, engine

SQUID = CALM.replace("squid-fit", "squid")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    begun = []

    def work(item, stop):
        stop()
        time.sleep(0.02 * (7 - item) / 7)
        return item * item

    assert side_by_side(work, range(7), workers, begun.append) == [k * k for k in range(7)]
    assert begun == list(range(7))
    assert side_by_side(work, [], workers) == []


def test_items_run_at_a_time():
    meeting = threading.Barrier(3, timeout=10)  # passes only when three are in it
    assert side_by_side(lambda item, _: (meeting.wait(), item)[1], range(3), 3) == [0, 1, 2]


def test_after_an_error_nothing_more_begins():
    begun = []

    def work(item, _):
        begun.append(item)
        if item == 0:
            raise ValueError("first")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="first"):
        side_by_side(work, range(60), 2)
    assert len(begun) < 50


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_ends_the_others(error):
    ended, started = threading.Event(), threading.Event()

    def work(item, stop):
        if item == 0:
            started.wait(10)
            raise error("first")
        started.set()
        try:
            for _ in range(3000):
                stop()
                time.sleep(0.001)
        except BaseException:
            ended.set()
            raise

    with pytest.raises(error, match="first"):
        side_by_side(work, range(40), 2)
    assert ended.wait(2)


def test_workers_have_cores_and_memory():
    assert usable_workers(1) >= 1
    assert usable_workers(MOST_BYTES) == 1
    assert usable_workers(2 * MOST_BYTES) == 1


def test_states_of_all_workers_have_a_gibibyte(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    asked = (0, 1, 2**30 // 6, 2**28, 2**28 + 1, 2**29, 2**29 + 1, 2**40)
    assert [usable_workers(size) for size in asked] == [6, 6, 6, 4, 3, 2, 1, 1]
    monkeypatch.delattr(os, "sched_getaffinity")
    for cores, workers in ((3, 3), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert usable_workers(1) == workers


def test_a_user_may_ask_for_fewer_threads(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    for given, workers in (("1", 1), ("4", 4), ("6", 6), ("7", 6)):
        monkeypatch.setenv("SOENSIM_THREADS", given)
        assert usable_workers(1) == workers
    for given in ("0", "-1", "", "two", "1.0", "²"):
        monkeypatch.setenv("SOENSIM_THREADS", given)
        with pytest.raises(SoensimError, match=rf"^SOENSIM_THREADS={given} in the environment: must be a whole number"):
            usable_workers(1)


def test_chips_score_the_same_for_any_number_of_workers(digits, monkeypatch):
    spreads = {"efficacy_spread": 0.1, "thermal_noise_k": 4.0, "dead_neurons": 0.1}
    network = compiled(SQUID)
    results = []
    for workers in (1, 3):
        monkeypatch.setattr(score, "usable_workers", lambda _, workers=workers: workers)
        results.append(evaluate(route(parse_netlist(SQUID)), quantised(network), digits, trials=5, spreads=spreads))
    assert results[0] == dataclasses.replace(results[1], confusion=results[0].confusion)
    np.testing.assert_array_equal(results[0].confusion, results[1].confusion)


def test_a_block_that_is_not_full_scores_as_a_full_one(digits):
    """In the kernels, and in the plain loop, whose products have one shape."""
    network = compiled(SQUID)
    program, x = quantised(network), digits.test.inputs[:256]
    whole = class_scores(network, program, x)
    for count in (1, 100, 255):
        np.testing.assert_array_equal(class_scores(network, program, x[:count]), whole[:count])


def test_a_score_can_be_stopped_between_blocks(small, digits, monkeypatch):
    monkeypatch.setattr(engine, "_MOST_ROWS", 128)
    calls = []

    def stop():
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        class_scores(small, quantised(small), digits.test.inputs, stop=stop)
    assert len(calls) == 2
