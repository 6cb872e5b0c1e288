"""One run of a study, and what came out of it: what the engine, the store and the summary pass between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Level = str | int | float | bool
"""A value of a factor: what a key is set to, or the name of a case."""

Measured = float | int | None
"""A number that a run measured; None where the chip has no such number."""


@dataclass(frozen=True)
class Run:
    """One run: a point of the design and a seed.

    Attributes
    ----------
    key
        SHA-256 (hexadecimal) of all that decides the outcome: equal keys, equal outcomes.
    levels
        Level of each factor, by the factor's name, in the study's order of factors.
    seed
        Seed of this run, 0, 1, … at every point.
    job
        What is done, as plain values that JSON can hold; `soensim.study.work.work` reads it.
    """

    key: str
    levels: Mapping[str, Level]
    seed: int
    job: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came out of a run.

    Attributes
    ----------
    key
        That of the run.
    measures
        By name; empty where the run failed.
    error
        One line that says why the run failed; None where it did not.
    lost
        Whether it failed because its process died: such a run is done again when the study goes on.
    seconds
        Wall time that it took; it is no part of the table.
    """

    key: str
    measures: Mapping[str, Measured]
    error: str | None = None
    lost: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """One line of a study's table: a run that has ended, and what came out of it."""

    run: Run
    outcome: Outcome
