"""Work for the engine of studies that needs no chip, and whose executions can be counted."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from soensim.errors import SoensimError
from soensim.study.engine import run_all
from soensim.study.run import Run
from soensim.study.workers import ProcessSlots


def work(job):
    """Note in a file that the run has begun, then do what the job says."""
    if "log" in job:
        descriptor = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{job['value']} {os.getpid()}\n".encode())
        os.close(descriptor)
    time.sleep(job.get("sleep_s", 0.0))
    match job.get("do"):
        case "error":
            raise SoensimError("no such\nchip")
        case "fault":
            raise KeyError("nobody expected this")
        case "exit":
            sys.exit("done")
        case "memory":
            raise MemoryError
        case "disk":
            raise SoensimError("x: cannot be written") from OSError(28, "No space left on device")
        case "nan":
            return {"accuracy": float("nan")}
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "die once" if executions(Path(job["log"]))[job["value"]] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "compute":
            until = time.process_time() + job["compute_s"]
            while time.process_time() < until:
                pass
        case "environment":
            return {"threads": int(os.environ["SOENSIM_THREADS"]), "products": int(os.environ["OMP_NUM_THREADS"])}
    return {"square": job["value"] ** 2, "half": job["value"] / 2, "none": None}


def make_runs(count, **job):
    return [Run(f"{k:064x}", {"value": k}, k % 3, {"value": k, **job}) for k in range(count)]


def executions(log):
    """How often each run was begun, by its value."""
    return Counter(int(line.split()[0]) for line in log.read_text().splitlines()) if log.exists() else Counter()


def settled(outcomes):
    """What must be the same in every order: all but the time."""
    return {key: (o.measures, o.error, o.lost) for key, o in outcomes.items()}


if __name__ == "__main__":  # an engine in a process of its own
    folder, count, sleep_s, workers = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    import study_problems

    runs = study_problems.make_runs(count, sleep_s=sleep_s, log=str(folder / "log"))
    run_all(runs, study_problems.work, folder=folder, slots=ProcessSlots(workers))
