"""What the runs of a point come to: means over seeds with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soensim.errors import SoensimError
from soensim.evaluation.statistics import mean_interval, student_interval
from soensim.study.quantities import MAIN_COSTS, MAIN_MEASURES, Axis, axes_of, is_bound, measure_of, order_of
from soensim.study.run import Level, Outcome, Row
from soensim.study.table import csv_text, is_finite, measure_names, ordered

Levels = tuple[Level, ...]

_SAME = 1e-12  # of two numbers, relative: what rounding makes of equal ones


@dataclass(frozen=True)
class Statistic:
    """Mean of a measure at a point, in the unit of the table.

    Attributes
    ----------
    mean
        Over the seeds; None where no run has the number.
    low, high
        95 % Student interval over seeds; of a single seed the interval that the run itself measured over its chips or
        samples; None where there is none.
    n
        Seeds that have the number.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @property
    def of(self) -> str:
        """What the interval is over: "seeds", "chips" (those of one run), or nothing."""
        if self.low is None:
            return ""
        return "seeds" if self.n > 1 else "chips"

    @property
    def half_width(self) -> float | None:
        """Half of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


NOTHING = Statistic()


@dataclass(frozen=True)
class Point:
    """A point of the design.

    Attributes
    ----------
    levels
        In the order of the summary's axes.
    n, failed
        Runs that measured something, and runs that failed.
    statistics
        By measure.
    """

    levels: Levels
    n: int
    failed: int
    statistics: Mapping[str, Statistic]

    def of(self, measure: str) -> Statistic:
        """Return the mean of a measure; one that the study does not have is without value."""
        return self.statistics.get(measure, NOTHING)


@dataclass(frozen=True)
class Summary:
    """All points of a study, in the order of its table.

    Attributes
    ----------
    axes
        The factors.
    measures
        Names of the measures.
    points
        With equal levels once.
    averaged
        Factors over which each seed's values are averaged, and which are no axes.
    """

    axes: tuple[Axis, ...]
    measures: tuple[str, ...]
    points: tuple[Point, ...]
    averaged: tuple[Axis, ...] = ()

    def levels(self, place: int) -> tuple[Level, ...]:
        """Return the levels of a factor that occur, in order."""
        known = self.axes[place].levels
        return tuple(sorted({point.levels[place] for point in self.points}, key=lambda x: order_of(x, known)))

    def name(self, point: Point) -> str:
        """Name a point in words."""
        return ", ".join(axis.said(level) for axis, level in zip(self.axes, point.levels, strict=True)) or "the chip"


def summarise(
    rows: Sequence[Row],
    factors: Sequence[str | Axis],
    measures: Sequence[str] | None = None,
    *,
    keep: Sequence[str] | None = None,
) -> Summary:
    """Summarise the runs of each point.

    Parameters
    ----------
    rows
        The runs in any order.
    factors
        In the order of the study.
    measures
        Which; by default those that some run has. A measure's own interval in a run (of its chips) is read from the
        measures `NAME_low` and `NAME_high`, which are no measures of the summary.
    keep
        Names of the factors that make the points; over the others each seed's values are averaged, and a seed that
        lacks one of them has no value. By default all.

    Raises
    ------
    SoensimError
        As of `ordered`; or a factor to keep is none.
    """
    axes = axes_of(factors)
    kept = [axis.name for axis in axes] if keep is None else list(keep)
    unknown = [name for name in kept if name not in [axis.name for axis in axes]]
    if unknown:
        raise SoensimError(f"{unknown[0]!r} is no factor of the study; it has {[axis.name for axis in axes]}")
    lines = ordered(rows, axes)
    names = tuple(measures) if measures is not None else _present(lines)
    groups: dict[Levels, dict[int, list[Outcome]]] = {}
    for row in lines:
        levels = tuple(row.run.levels[axis.name] for axis in axes if axis.name in kept)
        groups.setdefault(levels, {}).setdefault(row.run.seed, []).append(row.outcome)
    shown = tuple(axis for axis in axes if axis.name in kept)
    points = [
        _point(levels, seeds, names) for levels, seeds in sorted(groups.items(), key=lambda item: _key(item[0], shown))
    ]
    return Summary(shown, names, tuple(points), tuple(axis for axis in axes if axis.name not in kept))


def _key(levels: Levels, axes: Sequence[Axis]) -> list[tuple[int, float, str]]:
    return [order_of(level, axis.levels) for level, axis in zip(levels, axes, strict=True)]


def _present(rows: Sequence[Row]) -> tuple[str, ...]:
    names = measure_names(rows)
    has = {name for row in rows for name, value in row.outcome.measures.items() if is_finite(value)}
    return tuple(name for name in names if name in has and not is_bound(name, names))


def _point(levels: Levels, seeds: Mapping[int, Sequence[Outcome]], names: Sequence[str]) -> Point:
    outcomes = [outcome for group in seeds.values() for outcome in group]
    failed = sum(outcome.error is not None for outcome in outcomes)
    cases = max((len(group) for group in seeds.values()), default=0)
    statistics = {name: _statistic(name, list(seeds.values()), cases) for name in names}
    return Point(levels, len(outcomes) - failed, failed, statistics)


def _statistic(name: str, groups: Sequence[Sequence[Outcome]], cases: int) -> Statistic:
    """Average each seed over its cases, then the seeds."""
    values = []
    for group in groups:
        found = [value for outcome in group if (value := number(outcome, name)) is not None]
        if len(found) == cases:
            values.append(sum(found) / cases)
    if not values:
        return NOTHING
    mean = sum(values) / len(values)
    if len(values) > 1 and max(values) - min(values) <= _SAME * max(map(abs, values)):
        return Statistic(values[0], values[0], values[0], len(values))
    if len(values) > 1:
        low, high = mean_interval(values) if measure_of(name).is_fraction else student_interval(values)
        return Statistic(mean, low, high, len(values))
    if cases == 1:
        (outcome,) = (group[0] for group in groups if number(group[0], name) is not None)
        ends = number(outcome, f"{name}_low"), number(outcome, f"{name}_high")
        if None not in ends:
            return Statistic(mean, *ends, 1)
    return Statistic(mean, n=1)


def number(outcome: Outcome, name: str) -> float | None:
    """Return what a run measured; None where it failed, or has no such number, or one that is not finite."""
    value = outcome.measures.get(name)
    return float(value) if outcome.error is None and is_finite(value) else None


def summary_csv(summary: Summary) -> str:
    """Write a summary as comma-separated values: factors, runs, failed; of each measure the mean, low, high, seeds.

    Where a measure has one seed and an interval, that is the interval of the run's own chips.
    """
    columns: dict[str, list[Level | None]] = {
        axis.name: [point.levels[place] for point in summary.points] for place, axis in enumerate(summary.axes)
    }
    extra: dict[str, list[Level | None]] = {
        "runs": [point.n for point in summary.points],
        "failed": [point.failed for point in summary.points],
    }
    for name in summary.measures:
        found = [point.of(name) for point in summary.points]
        extra[name] = [one.mean for one in found]
        extra[f"{name}_low"] = [one.low for one in found]
        extra[f"{name}_high"] = [one.high for one in found]
        extra[f"{name}_n"] = [one.n for one in found]
    twice = sorted(set(columns) & set(extra))
    if twice:
        raise SoensimError(f"two columns of the summary would be called {twice[0]!r}; give the factor another name")
    return csv_text(columns | extra)


def main_measure(summary: Summary) -> str | None:
    """Choose what a figure shows: an accuracy, else the first measure; None where nothing was measured."""
    return next((name for name in (*MAIN_MEASURES, *summary.measures) if name in summary.measures), None)


def main_cost(summary: Summary) -> str | None:
    """Choose what points are compared by: the first cost that differs between them; None where none does."""
    for name in MAIN_COSTS:
        found = {point.of(name).mean for point in summary.points} - {None}
        if len(found) > 1:
            return name
    return None
