"""What results were made from: so that a study in which nothing is new leaves them as they are."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from soensim.study.run import Outcome
from soensim.study.study import Plan

TABLE, SUMMARY, ANSWER, PAGE = "table.csv", "summary.csv", "study.json", "index.html"
MADE_FROM = "made_from"
_PACKAGES = ("soensim", "numpy", "scipy", "torch")


def versions() -> dict[str, str]:
    """Return the versions that results are made with, by package."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def made_from(plan: Plan, outcomes: Mapping[str, Outcome], command: str) -> str:
    """Hash all that decides the results of a study (SHA-256, hexadecimal).

    Parameters
    ----------
    plan
        The study and its runs.
    outcomes
        By the key of the run; those of other runs do not count.
    command
        As of `soensim.study.results.write_results`.
    """
    study = plan.study
    said = (study.name, study.asks, study.expectation, study.measures, study.figures, study.first_seed, study.stop)
    digest = hashlib.sha256(repr((versions(), command, said, study.axes, study.question.varied)).encode())
    for run in plan.all_runs(outcomes):
        if run.key in outcomes:
            outcome = outcomes[run.key]
            measured = (outcome.key, outcome.error, outcome.seconds, dict(outcome.measures))
            digest.update(repr((tuple(run.levels.values()), run.seed, measured)).encode())
    return digest.hexdigest()


def kept_answer(folder: Path, made: str) -> dict[str, Any] | None:
    """Return the JSON of the answer in a folder; None where it was made from something else, or a file is not there."""
    try:
        answer = json.loads((folder / ANSWER).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None  # the results are made again, and an error is told then
    if not isinstance(answer, dict) or answer.get(MADE_FROM) != made:
        return None
    return answer if all((folder / name).is_file() for name in answer["files"]) else None
