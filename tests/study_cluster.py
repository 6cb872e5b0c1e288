"""A Dask cluster for tests: one process that has imported distributed makes schedulers and workers by forking.

It reads `scheduler`, or `worker ADDRESS THREADS`, and answers with a process id, and of a scheduler with its
address. It ends with its standard input.
"""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


class Forge:
    """The process that makes them, from the test's side."""

    def __init__(self):
        self.pids = []
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def scheduler(self):
        return self._make("scheduler")

    def worker(self, address, threads=1):
        return self._make(f"worker {address} {threads}")[0]

    def cluster(self, workers=2):
        """Process id of a scheduler, its address, process ids of its workers."""
        pid, address = self.scheduler()
        return pid, address, [self.worker(address) for _ in range(workers)]

    def close(self):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _make(self, what):
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        pid, answer = self._process.stdout.readline().split()
        self.pids.append(int(pid))
        return int(pid), answer


async def be_scheduler(answer):
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        os.write(answer, scheduler.address.encode())
        os.close(answer)
        await scheduler.finished()


async def be_worker(answer, address, threads):
    from distributed import Worker

    async with Worker(address, nthreads=int(threads), dashboard=False) as worker:
        os.write(answer, b"ready")
        os.close(answer)
        await worker.finished()


def main():
    import distributed  # noqa: F401 - imported once, for all that are forked

    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        what, *arguments = line.split()
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.close(1)
            os.open(os.devnull, os.O_RDONLY)
            os.open(os.devnull, os.O_WRONLY)
            os.dup2(1, 2)
            asyncio.run({"scheduler": be_scheduler, "worker": be_worker}[what](theirs, *arguments))
            os._exit(0)
        os.close(theirs)
        print(pid, os.read(ours, 1000).decode() or "failed", flush=True)  # noqa: T201
        os.close(ours)


if __name__ == "__main__":
    main()
