"""Fresh Pythons for what is a matter of the process: each is a fork of one that has loaded packages, and no soensim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conftest import ROOT

FORKS = """
import importlib, json, os, sys, traceback

packages, jobs = json.load(sys.stdin)
for name in packages:
    importlib.import_module(name)
assert not [name for name in sys.modules if name.partition(".")[0] == "soensim"]
for code, arguments, environment, out, err in jobs:
    child = os.fork()
    if not child:
        for path, stream in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), stream)
        os.environ.update(environment)
        sys.argv = ["-c", *arguments]
        exec(compile(code, "<fresh>", "exec"), {"__name__": "__main__"})
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Job:
    """What a fresh Python runs: code, with arguments in `sys.argv`, and what is set in its environment before."""

    code: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None


def run_forks(folder, packages: Sequence[str], jobs: Sequence[Job]) -> list[tuple[int, str, str]]:
    """Exit status, standard output and error of each job; they run one after the other, and load the packages once."""
    files = [(folder / f"{k}.out", folder / f"{k}.err") for k in range(len(jobs))]
    sent = [
        (job.code, list(job.arguments), dict(job.environment or {}), str(out), str(err))
        for job, (out, err) in zip(jobs, files, strict=True)
    ]
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        input=json.dumps([list(packages), sent]),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    statuses = [int(line) for line in done.stdout.split()]
    return [(k, out.read_text(), err.read_text()) for k, (out, err) in zip(statuses, files, strict=True)]
