"""Does one run of a search: looks at a candidate, or trains it and scores chips of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from soensim.check.check import check_routed
from soensim.errors import SoensimError, StudyError
from soensim.network import check_fit, compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.search.costs import costs_of
from soensim.study.run import Measured
from soensim.study.work import ALWAYS, dataset_of, netlist_of, score

LOOK = "look"
"""The key of a job that asks for these costs and for no training."""


def work(job: Mapping[str, Any]) -> dict[str, Measured]:
    """Do a run, and return its measures by name.

    Parameters
    ----------
    job
        As `soensim.search.runs.RunSource` makes it.

    Raises
    ------
    SoensimError
        The chip is not legal, breaks a design rule, or cannot be trained or scored.
    """
    return look(job) if LOOK in job else train_and_score(job)


def look(job: Mapping[str, Any]) -> dict[str, Measured]:
    """Check a candidate, and return its costs.

    Raises
    ------
    SoensimError
        It is not legal, cannot be simulated, does not fit its data, or breaks a design rule.
    """
    routed = route(netlist_of(job))
    report = check_routed(routed, today=ALWAYS)
    broken = next((finding for finding in report.findings if finding.counts), None)
    if broken is not None:
        raise StudyError(f"breaks {broken.id}: {broken.object}: {broken.message}")
    network, data = compile_network(routed), dataset_of(job)
    check_fit(network, data)
    frames = data.steps * network.hold_samples * (network.labels or 1)
    return costs_of(report, frames, job[LOOK])


def train_and_score(job: Mapping[str, Any]) -> dict[str, Measured]:
    """Train a candidate, score chips of it, and keep the program where the job names a file for it."""
    scored = score(job)
    if job.get("keep") is not None:
        _keep(scored.program, Path(job["keep"]))
    accuracy, found = scored.evaluation.accuracy, scored.evaluation.chip_yield
    low, high = accuracy.chip_ci95 or (accuracy.chip_mean, accuracy.chip_mean)
    return {
        "codes": accuracy.quantised,
        "mean": accuracy.chip_mean,
        "mean_low": low,
        "mean_high": high,
        "spread": float(np.std(accuracy.chips, ddof=1)) if len(accuracy.chips) > 1 else 0.0,
        "worst": min(accuracy.chips),
        "chips": len(accuracy.chips),
        "passed": None if found is None else found.passed,
        "samples": scored.evaluation.samples,
    }


def _keep(program: Program, path: Path) -> None:
    """Keep a program, so that it need not be trained again; where that cannot be, it is."""
    with suppress(OSError, SoensimError):
        path.parent.mkdir(parents=True, exist_ok=True)
        program.save(path)
