"""Designs: which levels of the factors are run together."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soensim.errors import StudyError
from soensim.study.run import Level

MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Case:
    """One level of a factor.

    Attributes
    ----------
    level
        What the table and the figure call it.
    settings
        What it sets, by path.
    """

    level: Level
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Factor:
    """Something that a study varies.

    Attributes
    ----------
    name
        A path, or a name for cases that set several.
    cases
        Its levels, in order.
    """

    name: str
    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        levels = [case.level for case in self.cases]
        if not levels:
            raise StudyError(f"{self.name}: has no level; give one or more")
        known: set[tuple[bool, Level]] = set()
        for level in levels:
            if (isinstance(level, bool), level) in known:
                raise StudyError(f"{self.name}: {level} is given twice; keep one")
            known.add((isinstance(level, bool), level))  # true is no 1


@dataclass(frozen=True)
class Point:
    """One combination of levels, by the factors' names, and what they set, by path."""

    levels: Mapping[str, Level]
    settings: Mapping[str, Any]


def factor_of(path: str, values: Sequence[Any]) -> Factor:
    """Make the factor of one path; a value that is a list or a mapping is called by its JSON."""
    cases = tuple(Case(value if isinstance(value, Level) else json.dumps(value), {path: value}) for value in values)
    return Factor(path, cases)


def grid(factors: Sequence[Factor]) -> list[Point]:
    """Combine every level of each factor with every one of the others; the last factor changes fastest.

    Raises
    ------
    StudyError
        There are more than `MOST_POINTS`.
    """
    count = math.prod(len(factor.cases) for factor in factors)
    if count > MOST_POINTS:
        raise StudyError(f"the grid has {count} points; the limit is {MOST_POINTS}")
    return [point_of(factors, cases) for cases in itertools.product(*(factor.cases for factor in factors))]


def merged(grids: Sequence[Sequence[Factor]]) -> tuple[Factor, ...]:
    """Return the factors of several grids, in the order of the first, each with the levels of all of them."""
    factors = []
    for first in grids[0]:
        every = [case for factors in grids for factor in factors if factor.name == first.name for case in factor.cases]
        factors.append(Factor(first.name, tuple({case.level: case for case in every}.values())))
    return tuple(factors)


def zipped(factors: Sequence[Factor]) -> list[Point]:
    """Take the first levels of all factors together, then the second ones, ….

    Raises
    ------
    StudyError
        The factors differ in their number of levels.
    """
    counts = {factor.name: len(factor.cases) for factor in factors}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise StudyError(f"factors that are zipped have one number of levels; {told}")
    return [point_of(factors, cases) for cases in zip(*(factor.cases for factor in factors), strict=True)]


def sampled(ranges: Mapping[str, Range], method: str, count: int, seed: int) -> list[Point]:
    """Draw points in ranges, by a scrambled Sobol sequence or a Latin hypercube (`scipy.stats.qmc`).

    Parameters
    ----------
    ranges
        By path.
    method
        "sobol", which is balanced for powers of two, or "latin-hypercube".
    count
        Points.
    seed
        Scrambles or draws them.
    """
    points = []
    for row in drawn_units(len(ranges), method, count, seed):
        levels = {path: span.at(unit) for (path, span), unit in zip(ranges.items(), row, strict=True)}
        points.append(Point(levels, levels))
    return points


def drawn_units(dimensions: int, method: str, count: int, seed: int) -> list[list[float]]:
    """Draw points of the unit cube, as `sampled` does."""
    from scipy.stats import qmc  # slow to load: only where it is asked for

    if method == "sobol":
        units = qmc.Sobol(dimensions, rng=seed).random_base2(math.ceil(math.log2(count)))[:count]
    else:
        units = qmc.LatinHypercube(dimensions, rng=seed).random(count)
    return [[float(unit) for unit in row] for row in units]


@dataclass(frozen=True)
class Range:
    """A range of numbers.

    Attributes
    ----------
    low, high
        Its ends, both in it.
    log
        Whether steps are equal factors.
    whole
        Whether it has whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise StudyError(f"a range from {self.low:g} to {self.high:g} is not legal; it must rise")
        if self.log and self.low <= 0:
            raise StudyError(f"a range from {self.low:g} in equal factors is not legal; it must start above 0")

    def at(self, unit: float) -> float | int:
        """Return the number at a part of the range, from 0 to 1."""
        if self.log:
            value = math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + unit * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(f"{value:.6g}")

    def steps(self, count: int) -> list[float | int]:
        """Return so many numbers at equal distances or factors, both ends among them; equal whole ones once."""
        return list(dict.fromkeys(self.at(k / (count - 1)) for k in range(count)))


def point_of(factors: Sequence[Factor], cases: Sequence[Case]) -> Point:
    """Make the point of one level of each factor."""
    levels = {factor.name: case.level for factor, case in zip(factors, cases, strict=True)}
    settings: dict[str, Any] = {}
    for case in cases:
        settings.update(case.settings)
    return Point(levels, settings)
