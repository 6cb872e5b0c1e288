"""Slots that are the workers of a Dask cluster, reached through its scheduler; of the extra `cluster`.

The engine stays on this machine and writes all results, so that workers need not see the study's folder. A worker must
have the same soensim, and one thread: a run has a process of its own. Dask gives out again what a dead worker had.
"""

from __future__ import annotations

import itertools
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from soensim._runtime.cores import THREADS
from soensim.errors import SoensimError
from soensim.study.slots import Ended, Reply, Work, one_line, perform

CONNECT_S = 10.0
_CLOSE_S = 3.0
_RESULT_S = 10.0
_COUNT_S = 2.0  # time between two looks at the number of workers
_ADDRESS = re.compile(r"[a-z]+://\S+:[0-9]+")

_LOGGERS = ("distributed", "tornado", "asyncio")

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class DaskSlots:
    """Workers of a Dask cluster.

    Attributes
    ----------
    address
        Of its scheduler, as `tcp://HOST:8786`.
    """

    address: str

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise SoensimError(
                f"the address of the scheduler is {self.address[:100]!r}: must be as tcp://HOST:8786, "
                "which `dask scheduler` says when it starts"
            )

    @contextmanager
    def start(self, work: Work) -> Iterator[DaskPool]:
        """Connect to the scheduler; its workers may come and go.

        Raises
        ------
        SoensimError
            distributed is not installed, the scheduler does not answer, or a worker has several threads.
        """
        distributed = _distributed(self.address)
        with _quiet():
            client = _connect(distributed, self.address)
            pool = DaskPool(client, work, self.address)
            try:
                pool.check_workers()
                yield pool
            finally:
                pool.close()


class DaskPool:
    """Workers of a cluster at work (`soensim.study.slots.Pool`)."""

    def __init__(self, client: Any, work: Work, address: str) -> None:
        self._client, self._work, self._address = client, work, address
        self._under_way: dict[str, Any] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._number = itertools.count()
        self._count, self._counted = 0, -_COUNT_S

    @property
    def count(self) -> int:
        """Number of workers; 0 while there are none yet.

        Raises
        ------
        SoensimError
            The scheduler was lost.
        """
        if time.monotonic() > self._counted + _COUNT_S:
            self._count, self._counted = len(self._threads()), time.monotonic()
        return self._count

    def check_workers(self) -> None:
        """Refuse workers that would do several runs in one process.

        Raises
        ------
        SoensimError
            A worker has several threads, or the scheduler was lost.
        """
        for name, threads in self._threads().items():
            if threads != 1:
                raise SoensimError(
                    f"worker {name} of {self._address} has {threads} threads; a run needs a process of its own: start "
                    "workers with --nthreads 1, and as many of them as there are cores"
                )

    def submit(self, key: str, job: Mapping[str, Any]) -> None:
        """Give a run to the cluster.

        Raises
        ------
        SoensimError
            The scheduler was lost.
        """
        self._check_scheduler()
        name = f"soensim-{key}-{os.getpid()}-{next(self._number)}"
        future = self._client.submit(perform_alone, self._work, dict(job), _version(), key=name, pure=False)
        self._under_way[key] = future
        future.add_done_callback(lambda _: self._ended.put(key))

    def wait(self, longest_s: float) -> Sequence[Ended]:
        """Return the runs that have ended.

        Raises
        ------
        SoensimError
            The scheduler was lost, or a worker has another soensim or none.
        """
        keys: list[str] = []
        with suppress(queue.Empty):
            keys.append(self._ended.get(timeout=longest_s))
            while True:
                keys.append(self._ended.get_nowait())
        self._check_scheduler()
        ended = [self._result(key) for key in keys]
        return [run for run in ended if run is not None]

    def close(self) -> None:
        """Forget the runs under way, and leave the cluster as it was; a worker ends the run that it has begun."""
        with suppress(Exception):  # whatever state a lost connection is in, nothing is left to do with it
            if self._under_way and self._client.status == "running":
                self._client.cancel(list(self._under_way.values()), force=True)
        with suppress(Exception):
            self._client.close(timeout=_CLOSE_S)

    def _result(self, key: str) -> Ended | None:
        import distributed

        future = self._under_way[key]
        try:
            reply = future.result(timeout=_RESULT_S)
        except distributed.scheduler.KilledWorker as error:
            attempts = error.allowed_failures + 1
            ended = Ended(key, Reply({}, "its process on the cluster died", lost=True), attempts)
        except TimeoutError:  # its worker died with the result: the scheduler lets another one do it
            future.add_done_callback(lambda _: self._ended.put(key))
            return None
        except (distributed.CancelledError, OSError) as error:
            self._check_scheduler()
            ended = Ended(key, Reply({}, f"the cluster gave it up: {one_line(str(error))}", lost=True))
        except Exception as error:
            raise SoensimError(
                f"a worker of {self._address} cannot do runs: {one_line(f'{type(error).__name__}: {error}')}; its "
                "environment must have the same soensim as this one"
            ) from error
        else:
            ended = Ended(key, Reply(*reply))
        del self._under_way[key]
        return ended

    def _threads(self) -> dict[str, int]:
        """Number of threads of each worker, by its address."""
        self._check_scheduler()
        try:
            return dict(self._client.nthreads())
        except Exception as error:
            self._check_scheduler()
            raise _lost(self._address) from error

    def _check_scheduler(self) -> None:
        if self._client.status != "running":
            raise _lost(self._address)


def perform_alone(work: Work, job: Mapping[str, Any], wanted: str) -> Reply:
    """Do a run on a worker of the cluster.

    Parameters
    ----------
    work, job
        What is done.
    wanted
        Version of soensim that the engine has.

    Raises
    ------
    RuntimeError
        This worker has another version.
    """
    if _version() != wanted:
        raise RuntimeError(f"it has soensim {_version()}, and the engine {wanted}")
    os.environ.setdefault(THREADS, "1")
    with _one_at_a_time:
        return perform(work, job)


def _version() -> str:
    return version("soensim")


def _lost(address: str) -> SoensimError:
    return SoensimError(
        f"the scheduler {address} was lost; what was done is kept: give the same command again, with the address of a "
        "scheduler that runs, or without --scheduler to go on with this machine alone"
    )


def _distributed(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise SoensimError(f"{address}: a cluster needs Dask distributed: pip install 'soensim[cluster]'") from error
    return distributed


def _connect(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False, direct_to_workers=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise SoensimError(
            f"the scheduler {address} does not answer within {CONNECT_S:.0f} s ({one_line(str(error))}); start it with "
            "`dask scheduler`, or leave --scheduler out to use this machine alone"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs off standard error: what matters of it is an error here."""
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    before = {logger: logger.level for logger in map(logging.getLogger, {*known, *_LOGGERS})}
    for logger in before:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
