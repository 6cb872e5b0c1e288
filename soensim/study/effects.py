"""What a factor does: differences between its levels, paired over seeds, with intervals.

Runs of one seed share what is drawn with it (data order, initial efficacies, chips), so that levels are compared seed
by seed: mean and 95 % interval are those of the differences (paired intervals of Student 1908, Biometrika 6, 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from soensim.evaluation.statistics import student_interval
from soensim.study.quantities import Axis, Measure, axes_of, decimals_for, is_number, number_text, order_of
from soensim.study.run import Level, Row
from soensim.study.summary import Levels, Statistic, Summary, number, summarise
from soensim.study.table import ordered

Values = Mapping[Levels, Mapping[int, float]]
"""A measure by point and seed."""

_SAME = 1e-12  # of two numbers, relative: what rounding makes of equal ones
_MOST_DECIMALS = 5
MOST_CONFOUNDED = 12


@dataclass(frozen=True)
class Difference:
    """Mean over seeds of a difference, in the unit of the table.

    Attributes
    ----------
    mean
        Over the seeds.
    low, high
        95 % Student interval; None of a single seed.
    n
        Seeds.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def shown(self) -> Literal["more", "less", ""]:
        """Which sign the interval shows; empty where it holds 0, or where there is none."""
        if self.low is None or self.high is None:
            return ""
        return "more" if self.low > 0 else "less" if self.high < 0 else ""


@dataclass(frozen=True)
class Contrast:
    """One level of a factor against another.

    Attributes
    ----------
    axis
        The factor.
    level, against
        Which levels; the difference is that of the first minus the second.
    at
        Levels of the other factors, where the contrast is one at a point; empty where it is averaged over them.
    over
        Factors that it is averaged over.
    cases
        Combinations of their levels.
    difference
        What was found.
    beside
        Levels of factors that change with this one, at the level and at the other: their effects cannot be told apart.
    """

    axis: Axis
    level: Level
    against: Level
    at: tuple[tuple[Axis, Level], ...]
    over: tuple[Axis, ...]
    cases: int
    difference: Difference
    beside: tuple[tuple[Axis, Level, Level], ...] = ()


def values_of(rows: Sequence[Row], factors: Sequence[str | Axis], measure: str) -> dict[Levels, dict[int, float]]:
    """Return a measure by point and seed; runs without it are left out."""
    axes = axes_of(factors)
    values: dict[Levels, dict[int, float]] = {}
    for row in ordered(rows, axes):
        value = number(row.outcome, measure)
        if value is not None:
            values.setdefault(tuple(row.run.levels[axis.name] for axis in axes), {})[row.run.seed] = value
    return values


def paired(pairs: Sequence[tuple[Levels, Levels]], values: Values) -> tuple[Difference | None, int]:
    """Compare points seed by seed, averaged over pairs of points.

    Every seed is averaged over the same pairs. Where runs are missing, those pairs and seeds are left out that leave
    the most runs; of equally many the most seeds.

    Returns
    -------
    tuple
        The difference of the first points minus the second, None where nothing can be compared, and the pairs counted.
    """
    by_seed, counted = _by_seed(pairs, values)
    return (_difference(list(by_seed.values())) if by_seed else None), counted


def _by_seed(pairs: Sequence[tuple[Levels, Levels]], values: Values) -> tuple[dict[int, float], int]:
    """Average the differences of each seed over pairs, and count these."""
    common = {pair: frozenset(values.get(pair[0], {})) & frozenset(values.get(pair[1], {})) for pair in pairs}
    choices = {seeds for seeds in common.values() if seeds}
    if choices:
        choices.add(frozenset.intersection(*choices))

    def counted(seeds: frozenset[int]) -> list[tuple[Levels, Levels]]:
        return [pair for pair in pairs if seeds and seeds <= common[pair]]

    def size(seeds: frozenset[int]) -> tuple[int, int]:
        return len(seeds) * len(counted(seeds)), len(seeds)

    chosen: frozenset[int] = max(sorted(choices, key=sorted), key=size, default=frozenset())
    kept = counted(chosen)
    return {
        seed: sum(_minus(values[one][seed], values[other][seed]) for one, other in kept) / len(kept)
        for seed in sorted(chosen)
    }, len(kept)


def _difference(found: Sequence[float]) -> Difference:
    mean = sum(found) / len(found)
    low, high = student_interval(found) if len(found) > 1 else (None, None)
    return Difference(mean, low, high, len(found))


def _minus(one: float, other: float) -> float:
    return 0.0 if abs(one - other) <= _SAME * max(abs(one), abs(other)) else one - other


def reference_of(axis: Axis, levels: Sequence[Level]) -> Level:
    """Return the level that others are compared with: as stated, else the largest number, else the first."""
    if axis.reference is not None and axis.reference in levels:
        return axis.reference
    return max(levels, key=lambda level: float(level)) if all(map(is_number, levels)) else levels[0]


def main_contrasts(rows: Sequence[Row], factors: Sequence[str | Axis], measure: str) -> list[Contrast]:
    """Compare every level of each factor with its reference, averaged over the other factors.

    A factor whose level follows from that of an earlier one is left out; so is one with more than `MOST_CONFOUNDED`
    levels with each of which others change, as in a design that is drawn.
    """
    grid = _Grid(axes_of(factors), values_of(rows, factors, measure))
    return [
        found
        for place in grid.independent()
        for level in grid.compared(place)
        if (found := grid.contrast(place, level, grid.pairs(place, level))) is not None
    ]


def simple_contrasts(rows: Sequence[Row], factors: Sequence[str | Axis], measure: str) -> list[Contrast]:
    """Compare every level of each factor with its reference at every combination of the other factors."""
    grid = _Grid(axes_of(factors), values_of(rows, factors, measure))
    return [
        found
        for place in grid.independent()
        for level in grid.compared(place)
        for pair in grid.pairs(place, level)
        if (found := grid.contrast(place, level, [pair], at=grid.others(place))) is not None
    ]


@dataclass(frozen=True)
class _Grid:
    """The points of a study that have a measure, and which of them can be compared."""

    axes: tuple[Axis, ...]
    values: Values

    @cached_property
    def points(self) -> list[Levels]:
        return list(self.values)

    def levels(self, place: int) -> list[Level]:
        known = self.axes[place].levels
        return sorted({point[place] for point in self.points}, key=lambda level: order_of(level, known))

    def reference(self, place: int) -> Level:
        """Return the level that most others can be compared with; of several as of `reference_of`."""
        return self._references[place]

    @cached_property
    def _references(self) -> dict[int, Level]:
        found = {}
        for place in self.varied:
            levels = self.levels(place)
            cases: dict[tuple[Level, ...], set[Level]] = {}
            for point in self.points:
                cases.setdefault(tuple(point[k] for k in self.others(place)), set()).add(point[place])
            beside = {
                level: len(set().union(*(group for group in cases.values() if level in group))) for level in levels
            }
            most = max(beside.values())
            found[place] = reference_of(self.axes[place], [level for level in levels if beside[level] == most])
        return found

    def compared(self, place: int) -> list[Level]:
        """Return the levels that are compared with the reference."""
        levels = self.levels(place)
        if len(levels) > MOST_CONFOUNDED and self.beside(place):
            return []
        return [level for level in levels if level != self.reference(place)]

    @cached_property
    def following(self) -> frozenset[tuple[int, int]]:
        """Pairs of factors that vary, of which the level of the second follows from that of the first."""
        counts = [len({point[k] for point in self.points}) for k in range(len(self.axes))]
        return frozenset(
            (given, place)
            for given in self.varied
            for place in self.varied
            if given != place and len({(point[given], point[place]) for point in self.points}) == counts[given]
        )

    @cached_property
    def varied(self) -> list[int]:
        return [place for place in range(len(self.axes)) if len({point[place] for point in self.points}) > 1]

    def independent(self) -> list[int]:
        """Return the factors that vary, without those that follow from an earlier one."""
        return [k for k in self.varied if not any((earlier, k) in self.following for earlier in range(k))]

    def others(self, place: int) -> list[int]:
        """Return the factors that vary beside one, without those that follow from it."""
        return [k for k in self.varied if k != place and (place, k) not in self.following]

    def beside(self, place: int) -> list[int]:
        """Return the factors that change with one."""
        return [k for k in self.varied if (place, k) in self.following]

    def pairs(self, place: int, level: Level) -> list[tuple[Levels, Levels]]:
        """Pair the points of a level with those of the reference that are equal in the other factors."""
        against = self.reference(place)
        groups = self._groups[place]
        return [(group[level], group[against]) for group in groups if level in group and against in group]

    @cached_property
    def _groups(self) -> dict[int, list[dict[Level, Levels]]]:
        """Points that are equal in the other factors, by their level of a factor."""
        groups = {}
        for place in self.varied:
            others, found = self.others(place), dict[tuple[Level, ...], dict[Level, Levels]]()
            for point in self.points:
                found.setdefault(tuple(point[k] for k in others), {}).setdefault(point[place], point)
            groups[place] = list(found.values())
        return groups

    def contrast(
        self, place: int, level: Level, pairs: Sequence[tuple[Levels, Levels]], at: Sequence[int] = ()
    ) -> Contrast | None:
        """Compare pairs; the factors ``at`` have one level in all of them."""
        difference, cases = paired(pairs, self.values)
        if difference is None:
            return None
        one, other = pairs[0]
        return Contrast(
            self.axes[place],
            level,
            self.reference(place),
            tuple((self.axes[k], one[k]) for k in at),
            tuple(self.axes[k] for k in self.others(place) if k not in at),
            cases,
            difference,
            tuple((self.axes[k], one[k], other[k]) for k in self.beside(place) if one[k] != other[k]),
        )


@dataclass(frozen=True)
class Interaction:
    """That a contrast depends on another factor, as far as the runs show it.

    Attributes
    ----------
    one, other
        The contrast at two levels of the other factor.
    difference
        Of the first minus the second, seed by seed.
    """

    one: Contrast
    other: Contrast
    difference: Difference


def interactions(rows: Sequence[Row], factors: Sequence[str | Axis], measure: str) -> list[Interaction]:
    """Find which contrasts depend on another factor: of each two factors the strongest that is shown.

    Compared are, seed by seed, the differences to the reference at the first and the last level of the other factor,
    averaged over further factors.
    """
    grid = _Grid(axes_of(factors), values_of(rows, factors, measure))
    places = grid.independent()
    found = []
    for count, place in enumerate(places, 1):
        for by in places[count:]:
            known = [one for level in grid.compared(place) if (one := _depends(grid, place, by, level)) is not None]
            if known:
                found.append(max(known, key=lambda one: abs(one.difference.mean)))
    return found


def _depends(grid: _Grid, place: int, by: int, level: Level) -> Interaction | None:
    ends = grid.levels(by)
    pairs = grid.pairs(place, level)
    own = [[pair for pair in pairs if pair[0][by] == end] for end in (ends[0], ends[-1])]
    one, other = (grid.contrast(place, level, some, at=[by]) for some in own)
    first, second = (_by_seed(some, grid.values)[0] for some in own)
    seeds = sorted(set(first) & set(second))
    if one is None or other is None or len(seeds) < 2:
        return None
    difference = _difference([_minus(first[seed], second[seed]) for seed in seeds])
    return Interaction(one, other, difference) if difference.shown else None


@dataclass(frozen=True)
class Cheapest:
    """The cheapest point, or level, that is not shown to be worse than the best.

    Attributes
    ----------
    best, cheapest
        Their levels.
    difference
        Of the cheapest minus the best in the measure; None where they are the same.
    costs
        Mean cost of the cheapest, and of the best.
    """

    best: Levels
    cheapest: Levels
    difference: Difference | None
    costs: tuple[float, float]


def cheapest_within(
    rows: Sequence[Row], factors: Sequence[str | Axis], measure: str, cost: str, *, keep: Sequence[str] | None = None
) -> Cheapest | None:
    """Find the cheapest point whose paired difference to the best does not show that it is worse.

    Parameters
    ----------
    rows, factors
        As for `soensim.study.summary.summarise`.
    measure, cost
        More of the one and less of the other is better.
    keep
        Factors whose levels are compared, averaged over the others; by default all.

    Returns
    -------
    Cheapest or None
        None where the best has one seed: then nothing is shown.
    """
    summary = summarise(rows, factors, [measure, cost], keep=keep)
    known = {
        point.levels: (gain, price)
        for point in summary.points
        if (gain := point.of(measure).mean) is not None and (price := point.of(cost).mean) is not None
    }
    if not known:
        return None
    best = max(known, key=lambda levels: (known[levels][0], -known[levels][1]))
    if next(point for point in summary.points if point.levels == best).of(measure).n < 2:
        return None
    axes = axes_of(factors)
    values = values_of(rows, axes, measure)
    places = [k for k, axis in enumerate(axes) if keep is None or axis.name in keep]
    groups = _by_levels(list(values), places)
    candidates: list[tuple[float, Levels, Difference | None]] = [(known[best][1], best, None)]
    for levels, (_, price) in known.items():
        if price < known[best][1]:
            pairs = [(one, groups[best][rest]) for rest, one in groups[levels].items() if rest in groups[best]]
            difference, _ = paired(pairs, values)
            if difference is not None and difference.n > 1 and difference.shown != "less":
                candidates.append((price, levels, difference))
    price, levels, difference = min(candidates, key=lambda one: (one[0], -known[one[1]][0]))
    return Cheapest(best, levels, difference, (price, known[best][1]))


def _by_levels(points: Sequence[Levels], places: Sequence[int]) -> dict[Levels, dict[Levels, Levels]]:
    """Group points by their levels at these places, and those of a group by their other levels."""
    groups: dict[Levels, dict[Levels, Levels]] = {}
    for point in points:
        rest = tuple(level for k, level in enumerate(point) if k not in places)
        groups.setdefault(tuple(point[k] for k in places), {})[rest] = point
    return groups


def behind_best(rows: Sequence[Row], summary: Summary, measure: str) -> dict[Levels, Difference]:
    """Compare every other point of a summary of all factors with the one that has the highest mean."""
    values = values_of(rows, summary.axes, measure)
    means = {point.levels: mean for point in summary.points if (mean := point.of(measure).mean) is not None}
    if not means:
        return {}
    best = max(means, key=lambda levels: means[levels])
    found = {levels: paired([(levels, best)], values)[0] for levels in means if levels != best}
    return {levels: difference for levels, difference in found.items() if difference is not None}


def plus_minus(difference: Difference, measure: Measure, *, signed: bool = True) -> str:
    """Write a difference and half of its interval in the measure's unit, such as "-1.3 ± 0.4 points".

    There are as many decimals as the half width has, and so many that what is written shows what the interval shows.
    """
    mean = measure.scale * (difference.mean if signed else abs(difference.mean))
    unit = f" {measure.difference_unit}" if measure.difference_unit else ""
    if difference.low is None or difference.high is None:
        return f"{_rounded(mean, 1 if measure.is_fraction else None)}{unit}"
    half = measure.scale * (difference.high - difference.low) / 2
    if half == 0:
        return f"{_rounded(mean, None)} ± 0{unit}"
    decimals = max(decimals_for(half), int(measure.is_fraction and half < 10))
    while decimals < _MOST_DECIMALS and (abs(round(mean, decimals)) > round(half, decimals)) != bool(difference.shown):
        decimals += 1
    return f"{_rounded(mean, decimals)} ± {half:,.{decimals}f}{unit}"


def _rounded(value: float, decimals: int | None) -> str:
    text = number_text(float(f"{value:.3g}")) if decimals is None else f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def value_text(statistic: Statistic, measure: Measure, *, unit: bool = True) -> str:
    """Write a mean with its interval: "97.2 % (96.8 to 97.6)"; – where there is none."""
    if statistic.mean is None:
        return "–"
    sign = f" {measure.unit}" if unit and measure.unit else ""
    mean, half = measure.scale * statistic.mean, statistic.half_width
    if statistic.low is None or statistic.high is None or half is None or half == 0:
        return f"{f'{mean:,.1f}' if measure.is_fraction else number_text(float(f'{mean:.4g}'))}{sign}"
    decimals = max(decimals_for(measure.scale * half), int(measure.is_fraction))
    low, high = (f"{measure.scale * end:,.{decimals}f}" for end in (statistic.low, statistic.high))
    return f"{mean:,.{decimals}f}{sign} ({low} to {high})"
