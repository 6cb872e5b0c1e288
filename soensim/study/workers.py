"""Slots that are processes of this machine.

Each worker is a fresh Python with one thread for products (BLAS, torch), whose order of sums is then the same on every
machine, and its share of the cores for what soensim does side by side. It has one run at a time, so that a death is the
death of exactly one run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO, Any

from soensim._runtime.cores import THREADS, usable_cores
from soensim.errors import SoensimError
from soensim.study.slots import Ended, Reply, Work
from soensim.study.worker_process import GRACE_S, Ready

_BEGIN = (
    "import sys; from multiprocessing.connection import Connection; c = Connection(int(sys.argv[1])); "
    "sys.path[:] = c.recv(); from soensim.study.worker_process import serve; serve(c, int(sys.argv[2]))"
)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FAILED_STARTS = 3
_LAST_WORDS = 4000  # bytes


@dataclass(frozen=True)
class ProcessSlots:
    """Worker processes of this machine.

    Attributes
    ----------
    workers
        Number of processes; by default the cores that this process may use.
    """

    workers: int = field(default_factory=usable_cores)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SoensimError(f"the number of workers is {self.workers}: must be 1 or more")

    @contextmanager
    def start(self, work: Work) -> Iterator[WorkerPool]:
        """Make the slots ready; a process starts with the first run that needs it."""
        pool = WorkerPool(work, self.workers)
        try:
            yield pool
        finally:
            pool.close()


@dataclass
class _Worker:
    """One process, from the engine's side."""

    process: subprocess.Popen[bytes]
    connection: Connection
    life: int
    stderr: IO[bytes]
    ready: bool = False
    key: str | None = None

    def close(self) -> None:
        """Give back what the engine holds of it; the process has ended, or does so now."""
        self.process.kill()
        self.process.wait()
        self.connection.close()
        os.close(self.life)
        self.stderr.close()


class WorkerPool:
    """Worker processes at work (`soensim.study.slots.Pool`)."""

    def __init__(self, work: Work, count: int) -> None:
        self.count = count
        self._work = work
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    def submit(self, key: str, job: Mapping[str, Any]) -> None:
        """Give a run to a worker that has none."""
        while True:
            worker = next((w for w in self._workers if w.key is None), None) or self._started()
            os.ftruncate(worker.stderr.fileno(), 0)  # what it says from now on belongs to this run
            try:
                worker.connection.send(dict(job))
            except ConnectionError:  # it died while it had nothing to do
                self._died(worker)
            else:
                worker.key = key
                return

    def wait(self, longest_s: float) -> Sequence[Ended]:
        """Return the runs that have ended.

        Raises
        ------
        RuntimeError
            Workers cannot import the work.
        SoensimError
            Several workers in a row ended before they had begun.
        """
        if not self._workers:
            time.sleep(longest_s)
        by_connection = {worker.connection: worker for worker in self._workers}
        ended = [self._heard(by_connection[ready]) for ready in wait(list(by_connection), longest_s)]  # type: ignore[index]
        return [run for run in ended if run is not None]

    def close(self) -> None:
        """End all workers; what they have under way may remove its temporary files."""
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + GRACE_S
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, until - time.monotonic()))
        while self._workers:
            self._workers.pop().close()

    def _started(self) -> _Worker:
        ours, theirs = Pipe()
        life_theirs, life_ours = os.pipe()
        threads = str(max(1, usable_cores() // self.count))
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        process = subprocess.Popen(  # noqa: S603 - this Python, with a program of our own
            [sys.executable, "-P", "-c", _BEGIN, str(theirs.fileno()), str(life_theirs)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(theirs.fileno(), life_theirs),
            env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), THREADS: threads},
        )
        theirs.close()
        os.close(life_theirs)
        worker = _Worker(process, ours, life_ours, stderr)
        self._workers.append(worker)
        with suppress(ConnectionError):  # it has died already: `wait` finds that
            ours.send(sys.path)
            ours.send(self._work)
        return worker

    def _heard(self, worker: _Worker) -> Ended | None:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._died(worker)
        if isinstance(message, Ready):
            if message.traceback is not None:
                raise RuntimeError(f"a worker cannot import what it is to do:\n{message.traceback}")
            worker.ready, self._failed_starts = True, 0
            return None
        key, worker.key = worker.key, None
        return None if key is None else Ended(key, message)

    def _died(self, worker: _Worker) -> Ended | None:
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(GRACE_S)
        cause, last_words = _cause(worker.process.returncode), _last_words(worker.stderr)
        self._workers.remove(worker)
        worker.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts == _FAILED_STARTS:
                last = last_words.strip().splitlines()[-1:]
                raise SoensimError(
                    f"{_FAILED_STARTS} worker processes in a row ended before they could begin: {cause}"
                    f"{': ' + last[0] if last else ''}; free some memory, or take fewer workers"
                )
        if worker.key is None:
            return None
        reply = Reply({}, f"its process {cause}", last_words or None, lost=True)
        return Ended(worker.key, reply if worker.ready else None)


def _cause(status: int | None) -> str:
    """Say how a process ended, from its exit status."""
    if status is None:
        return "no longer answers"
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"was ended by {name}" + (", as where memory runs out" if -status == signal.SIGKILL else "")


def _last_words(stderr: IO[bytes]) -> str:
    """Return the end of what a worker wrote to standard error."""
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _LAST_WORDS))
    return stderr.read().lstrip(b"\0").decode("utf-8", "replace")  # zeros are where it was truncated
