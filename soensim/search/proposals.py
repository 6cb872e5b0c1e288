"""Candidates that Optuna proposes, by ask and tell; what came out of them is in the results, and nothing is in a store.

A search that goes on asks for everything again and tells it the same values, so that the proposals are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from soensim.errors import StudyError
from soensim.search.design import Draw
from soensim.study.design import Factor, Point, drawn_units, point_of
from soensim.study.quantities import is_number


class Proposer(Protocol):
    """Chooses candidates, a batch at a time."""

    def ask(self, most: int) -> list[Point]:
        """Return the next candidates, at most so many; none when it has proposed all."""
        ...

    def tell(self, scores: Sequence[float]) -> None:
        """Say how good the last candidates are, in their order; less is better."""
        ...


def make_proposer(factors: Sequence[Factor], draw: Draw) -> Proposer:
    """Make a proposer that learns.

    Raises
    ------
    StudyError
        Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise StudyError(
            "draw.by is optuna, which is not installed: pip install 'soensim[search]', or draw by sobol or "
            "latin-hypercube"
        ) from error
    return _OptunaProposer(optuna, factors, draw)


class _OptunaProposer:
    def __init__(self, optuna: Any, factors: Sequence[Factor], draw: Draw) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=draw.seed))
        self._factors, self._left = tuple(factors), draw.candidates
        self._asked: list[Any] = []

    def ask(self, most: int) -> list[Point]:
        count = min(most, self._left)
        self._left -= count
        self._asked = [self._study.ask() for _ in range(count)]
        return [point_of(self._factors, [self._case(trial, one) for one in self._factors]) for trial in self._asked]

    def tell(self, scores: Sequence[float]) -> None:
        for trial, score in zip(self._asked, scores, strict=True):
            self._study.tell(trial, score)

    @staticmethod
    def _case(trial: Any, factor: Factor) -> Any:
        places = len(factor.cases)
        if all(is_number(case.level) for case in factor.cases):
            return factor.cases[trial.suggest_int(factor.name, 0, places - 1)]
        return factor.cases[trial.suggest_categorical(factor.name, list(range(places)))]


def drawn(factors: Sequence[Factor], draw: Draw) -> list[Point]:
    """Draw candidates by a Sobol sequence or a Latin hypercube; equal ones are there once."""
    points: dict[str, Point] = {}
    for row in drawn_units(len(factors), draw.by, draw.candidates, draw.seed):
        places = [min(int(unit * len(one.cases)), len(one.cases) - 1) for unit, one in zip(row, factors, strict=True)]
        point = point_of(factors, [one.cases[k] for one, k in zip(factors, places, strict=True)])
        points.setdefault(repr(list(point.levels.items())), point)
    return list(points.values())
