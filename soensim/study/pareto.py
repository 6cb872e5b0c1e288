"""What a gain costs: the Pareto front of a study, which points it beats for certain, and its knee.

A point is dominated where another has no less of the gain and no more of the cost, and is better in one of them. There
are three kinds: points of the front; points that the means put behind it and no interval does; and points to which a
point of the front has a difference, paired over seeds, whose 95 % interval shows that it dominates.

The knee is the point of the front that is farthest above the chord between its ends when gain and cost are scaled to 0
to 1 (Satopaa, Albrecht, Irwin, Raghavan, "Finding a Kneedle in a haystack", ICDCS Workshops 2011, their difference
curve, without smoothing and threshold: a front is a few points and not a curve).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from soensim.study.effects import Values, paired, value_text, values_of
from soensim.study.quantities import Axis, Measure, measure_of, number_text
from soensim.study.run import Row
from soensim.study.summary import Levels, Point, Statistic, Summary, summarise

Place = Literal["front", "within", "dominated"]
MOST_NUMBERED = 9
_WIDE = 10.0  # largest cost over the smallest from which on their logarithms are compared, as on the figure's axis


@dataclass(frozen=True)
class ParetoPoint:
    """A point and where it lies.

    Attributes
    ----------
    point
        Of the summary.
    gain, cost
        Its means with intervals.
    place
        `front`; `within`: the means put another point before it, and no interval does; `dominated`: one does.
    """

    point: Point
    gain: Statistic
    cost: Statistic
    place: Place


@dataclass(frozen=True)
class Front:
    """The Pareto front of a gain against a cost.

    Attributes
    ----------
    summary
        What it is of.
    gain, cost
        More of the one and less of the other is better.
    points
        Those with both numbers, from cheap to expensive.
    log_cost
        Whether costs are compared by their logarithms, in the knee and on the figure's axis.
    """

    summary: Summary
    gain: Measure
    cost: Measure
    points: tuple[ParetoPoint, ...]
    log_cost: bool

    @property
    def front(self) -> tuple[ParetoPoint, ...]:
        """The points that no other dominates by its means."""
        return tuple(one for one in self.points if one.place == "front")

    @property
    def knee(self) -> ParetoPoint | None:
        """The point of the front that is farthest above its chord; None of fewer than three, or where none is above."""
        front = self.front
        if len(front) < 3 or front[0].gain.mean == front[-1].gain.mean:  # the same point several times
            return None
        heights = _above_chord([self.position(one) for one in front], [one.gain.mean or 0.0 for one in front])
        best = max(range(len(front)), key=lambda k: (heights[k], -k))
        return front[best] if heights[best] > 1e-9 else None

    @property
    def is_numbered(self) -> bool:
        """Whether the points of the front have numbers in the figure: of many these would cover one another."""
        return 1 < len(self.front) <= MOST_NUMBERED

    def position(self, one: ParetoPoint) -> float:
        """Cost of a point as it is compared: itself, or its logarithm."""
        cost = one.cost.mean or 0.0
        return math.log(cost) if self.log_cost else cost

    def name(self, one: ParetoPoint) -> str:
        """Name a point in words."""
        return self.summary.name(one.point)


def _above_chord(costs: Sequence[float], gains: Sequence[float]) -> list[float]:
    """Height of each point over the chord, both scaled to 0 to 1; the ends have 0."""
    x = [(cost - costs[0]) / (costs[-1] - costs[0]) for cost in costs]
    y = [(gain - gains[0]) / (gains[-1] - gains[0]) for gain in gains]
    return [above - along for along, above in zip(x, y, strict=True)]


def pareto_front(rows: Sequence[Row], factors: Sequence[str | Axis], gain: str, cost: str) -> Front:
    """Find the Pareto front of a study.

    Parameters
    ----------
    rows, factors
        As for `soensim.study.summary.summarise`.
    gain, cost
        Names of measures. With one seed a cost is taken as exact, as a count is; a gain then dominates nothing beyond
        doubt.

    Raises
    ------
    SoensimError
        As of `soensim.study.table.ordered`.
    """
    summary = summarise(rows, factors, [gain, cost])
    known = [
        (point, (point.of(gain).mean or 0.0, -(point.of(cost).mean or 0.0)))
        for point in summary.points
        if point.of(gain).mean is not None and point.of(cost).mean is not None
    ]
    costs = [-means[1] for _, means in known]
    log = bool(costs) and min(costs) > 0 and max(costs) >= _WIDE * min(costs)
    behind = [any(o != m and o[0] >= m[0] and o[1] >= m[1] for _, o in known) for _, m in known]
    front = [point.levels for (point, _), is_behind in zip(known, behind, strict=True) if not is_behind]
    gains, prices = values_of(rows, factors, gain), values_of(rows, factors, cost)
    placed = []
    for (point, _), is_behind in zip(known, behind, strict=True):
        place: Place = "within" if is_behind else "front"
        if is_behind and any(_dominates(levels, point.levels, gains, prices) for levels in front):
            place = "dominated"
        placed.append(ParetoPoint(point, point.of(gain), point.of(cost), place))
    placed.sort(key=lambda one: (one.cost.mean or 0.0, -(one.gain.mean or 0.0)))
    return Front(summary, measure_of(gain), measure_of(cost), tuple(placed), log)


def _dominates(one: Levels, other: Levels, gains: Values, prices: Values) -> bool:
    """Whether the intervals of the differences show that one dominates the other."""
    gain, price = (paired([(one, other)], values)[0] for values in (gains, prices))
    if gain is None or price is None or gain.low is None:
        return False
    most = price.mean if price.high is None else price.high
    return (gain.low > 0 and most <= 0) or (gain.low >= 0 and most < 0)


def front_rows(front: Front) -> list[tuple[str, ...]]:
    """List the points of the front and those within the noise of it, from cheap to expensive: number, name, cost, gain.

    Points of the front are numbered as in the figure; an asterisk marks the knee.
    """
    rows: list[tuple[str, ...]] = []
    count = 0
    for one in front.points:
        if one.place == "dominated":
            continue
        count += one.place == "front"
        name = f"{count}" if front.is_numbered else "yes"
        number = f"{name}{'*' if one is front.knee else ''}" if one.place == "front" else ""
        cost, gain = value_text(one.cost, front.cost), value_text(one.gain, front.gain)
        rows.append((front.name(one), number, cost, gain))
    return rows


def front_sentences(front: Front) -> list[str]:
    """Say what the front shows: its size, what is dominated beyond the intervals, and the knee."""
    if len(front.points) < 2:
        return []
    counts = {place: sum(one.place == place for one in front.points) for place in ("front", "within", "dominated")}
    gain, cost = front.gain.label, front.cost.label
    told = [
        f"Of {len(front.points)} points {counts['front']} {_are(counts['front'])} on the Pareto front of {gain} "
        f"against {cost} by their means; {counts['within']} {_are(counts['within'])} behind it by less than the "
        f"intervals show, {counts['dominated']} {_are(counts['dominated'])} shown to be dominated."
    ]
    knee = front.knee
    if knee is not None:
        scale = " on a logarithmic axis of the cost" if front.log_cost else ""
        price = number_text(float(f"{front.cost.scale * (knee.cost.mean or 0.0):.4g}"))
        unit = f" {front.cost.unit}" if front.cost.unit else ""
        told.append(
            f"The knee of the front{scale} is {front.name(knee)}: {gain} {value_text(knee.gain, front.gain)} for "
            f"{cost} {price}{unit}."
        )
    return told


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
