"""Chips side by side: each in a thread of its own, which gives the same results in the same order as one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from soensim._runtime.cores import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

Stop = Callable[[], None]

MOST_BYTES = 2**30  # of the states of all chips that run at a time


class _StoppedError(Exception):
    """Another item has failed, or the user has interrupted."""


def side_by_side(
    work: Callable[[Item, Stop], Result],
    items: Sequence[Item],
    workers: int,
    begins: Callable[[int], None] = lambda _: None,
) -> list[Result]:
    """Do some work for each item.

    Parameters
    ----------
    work
        ``work(item, stop)``; it calls ``stop()`` now and then, which ends it where the others are to end. One item's
        result must not depend on another's.
    items
        What it is done for.
    workers
        Threads; with 1 no thread is started.
    begins
        Called with the place of an item when its result is waited for, in order.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    if workers <= 1 or len(items) <= 1:
        results = []
        for place, item in enumerate(items):
            begins(place)
            results.append(work(item, lambda: None))
        return results
    ended = threading.Event()

    def stop() -> None:
        if ended.is_set():
            raise _StoppedError

    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        futures = [pool.submit(work, item, stop) for item in items]
        try:
            results = []
            for place, future in enumerate(futures):
                begins(place)
                results.append(future.result())
        finally:  # nothing is left to do, or an error or Ctrl-C came: threads end at their next block
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return results


def usable_workers(bytes_each: int) -> int:
    """Number of threads: the cores that this process may use, and no more than their states have memory for.

    Raises
    ------
    SoensimError
        The environment variable `SOENSIM_THREADS` is no whole number of 1 or more.
    """
    return max(1, min(usable_cores(), MOST_BYTES // max(bytes_each, 1)))
