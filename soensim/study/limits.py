"""Which limit binds: how far a chip uses what light, tracks, fan-in, delay, area and power allow, over a factor.

The uses are measures of the runs (`use_light`, `use_tracks`, …): what the chip has over what is allowed, 1 at the
limit, by the closed forms of the chip's budget. As in the roofline model (Williams, Waterman, Patterson, Commun. ACM
52(4), 65, 2009) each limit is a ceiling, and the lowest binds. A limit that no run has is not drawn; nothing is
extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from soensim.errors import SoensimError
from soensim.study.quantities import Axis, axes_of, is_number, number_text
from soensim.study.run import Row
from soensim.study.summary import number
from soensim.study.table import ordered

USES = {
    "use_light": "light",
    "use_tracks": "tracks",
    "use_fan_in": "fan-in",
    "use_delay": "delay",
    "use_area": "area",
    "use_power": "power",
}


@dataclass(frozen=True)
class Ceiling:
    """One limit over a factor.

    Attributes
    ----------
    name
        Such as "light".
    levels, uses
        Levels of the factor, ascending, and the largest use at each: 1 is the limit.
    crossing
        Level at which the use passes 1, between two levels of the study; None where it does not.
    """

    name: str
    levels: tuple[float, ...]
    uses: tuple[float, ...]
    crossing: float | None

    @property
    def largest(self) -> float:
        """The largest use."""
        return max(self.uses)

    @property
    def rises(self) -> bool:
        """Whether the limit is reached towards larger levels."""
        return self.uses[-1] >= self.uses[0]


@dataclass(frozen=True)
class Ceilings:
    """All limits that the runs of a study have, over one factor.

    Attributes
    ----------
    axis
        The factor.
    ceilings
        The one that binds first.
    absent
        Largest number of edges without a route at each level, by level; empty where the runs do not have it.
    """

    axis: Axis
    ceilings: tuple[Ceiling, ...]
    absent: tuple[tuple[float, float], ...]

    @property
    def binding(self) -> Ceiling | None:
        """The limit whose largest use is the largest; None where the runs have none."""
        return self.ceilings[0] if self.ceilings else None


def find_ceilings(rows: Sequence[Row], factors: Sequence[str | Axis], factor: str) -> Ceilings:
    """Find the limits over a factor; at each level the run that uses most of a limit counts.

    Raises
    ------
    SoensimError
        There is no such factor, or its levels are no numbers.
    """
    axes = axes_of(factors)
    axis = next((axis for axis in axes if axis.name == factor), None)
    if axis is None:
        raise SoensimError(f"{factor!r} is no factor of the study; it has {[one.name for one in axes]}")
    lines = ordered(rows, axes)
    if not all(is_number(row.run.levels[factor]) for row in lines):
        raise SoensimError(f"limits are drawn over a factor whose levels are numbers; {factor!r} has others")
    found = []
    for measure, name in USES.items():
        uses = _largest(lines, factor, measure)
        if uses:
            levels = tuple(level for level, _ in uses)
            found.append(Ceiling(name, levels, tuple(use for _, use in uses), _crossing(uses)))
    found.sort(key=lambda ceiling: (-ceiling.largest, ceiling.name))
    return Ceilings(axis, tuple(found), _largest(lines, factor, "absent_edges"))


def _largest(rows: Sequence[Row], factor: str, measure: str) -> tuple[tuple[float, float], ...]:
    """Return the largest value at each level, ascending."""
    found: dict[float, float] = {}
    for row in rows:
        value, level = number(row.outcome, measure), row.run.levels[factor]
        if value is not None and is_number(level):
            found[float(level)] = max(value, found.get(float(level), -math.inf))
    return tuple(sorted(found.items()))


def _crossing(uses: Sequence[tuple[float, float]]) -> float | None:
    """Interpolate where the use passes 1: by a power law where all four numbers are positive, else linearly."""
    for (level, use), (after, higher) in pairwise(uses):
        if (use <= 1 < higher) or (higher <= 1 < use):
            if min(level, use, higher) > 0:
                part = -math.log(use) / (math.log(higher) - math.log(use))
                return math.exp(math.log(level) + part * (math.log(after) - math.log(level)))
            return level + (1 - use) / (higher - use) * (after - level)
    return None


def limit_sentences(found: Ceilings) -> list[str]:
    """Say which limit binds, where it is reached, and how far the others are used."""
    binding, axis = found.binding, found.axis
    if binding is None:
        return []
    others = ", ".join(f"{one.name} {_percent(one.largest)}" for one in found.ceilings[1:])
    rest = f"; of the others at most {others}" if others else ""
    if binding.crossing is not None:
        places = sorted((binding.crossing, level) for level in binding.levels)
        below = max(level for _, level in places if level <= binding.crossing)
        above = min(level for _, level in places if level >= binding.crossing)
        side = "above" if binding.rises else "below"
        crossing = number_text(float(f"{binding.crossing * axis.scale:.3g}"))
        unit = f" {axis.unit}" if axis.unit else ""
        text = (
            f"The limit that binds is {binding.name}: it is broken {side} a {axis.label} of {crossing}{unit} "
            f"(interpolated between {axis.text(below)} and {axis.text(above)}), at most used to "
            f"{_percent(binding.largest)}{rest}."
        )
    elif binding.largest > 1:
        text = f"The limit that binds is {binding.name}: it is broken at every {axis.label}{rest}."
    else:
        level = binding.levels[binding.uses.index(binding.largest)]
        text = (
            f"No limit is reached. The nearest is {binding.name}, which is used to {_percent(binding.largest)} at "
            f"{axis.said(level)}{rest}."
        )
    lost = [(level, count) for level, count in found.absent if count > 0]
    if not lost:
        return [text]
    level, count = max(lost, key=lambda one: one[1])
    return [text, f"Edges without a route: up to {number_text(count)}, at {axis.said(level)}."]


def _percent(use: float) -> str:
    return f"{number_text(float(f'{100 * use:.2g}'))} %"
