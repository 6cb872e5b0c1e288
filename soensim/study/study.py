"""A study: a question about a chip, the design of its runs, and when there are enough of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from soensim.errors import SoensimError, StudyError
from soensim.study.design import Factor, Point
from soensim.study.job import Question, RunMaker
from soensim.study.measures import COLUMNS
from soensim.study.quantities import Axis
from soensim.study.run import Level, Outcome, Run
from soensim.study.table import ERROR, SEED

MOST_TRIED = 100
PLACE_OF_CHIP = re.compile(r"^chip:\d+:\d+: ")


@dataclass(frozen=True)
class Stop:
    """When a point has enough seeds.

    Attributes
    ----------
    measure
        Whose interval decides.
    width
        From one end of its 95 % Student interval over the seeds to the other, in the measure's unit of the table.
    most
        Seeds that a point gets at most.
    """

    measure: str
    width: float
    most: int


@dataclass(frozen=True)
class Axes:
    """What a figure shows.

    Attributes
    ----------
    y
        Measure.
    x
        Factor or measure on the abscissa; over a measure, which is a cost, the Pareto front is drawn.
    by
        Factor with a series per level.
    columns
        Factor with a panel per level. Where neither of the three is given, they are chosen by the levels.
    """

    y: str
    x: str | None = None
    by: str | None = None
    columns: str | None = None


@dataclass(frozen=True)
class Study:
    """A study as it is to be run.

    Attributes
    ----------
    name
        Of its table and figures.
    asks
        The question, in words.
    question
        What the runs have in common.
    factors
        What is varied, in the order of the table's columns.
    points
        Combinations of levels, in the order of the table's rows.
    seeds
        Runs per point.
    first_seed
        Of the first run of every point; the next ones count up.
    stop
        Adds seeds to a point until its interval is narrow; None: every point has `seeds`.
    measures
        Those that the summary and the figures show, most important first.
    figures
        What is drawn; empty: the first measure over the first factor.
    expectation
        What was expected before the study ran.
    looks
        How factors are shown, by name; the others by the last key of their names.
    """

    name: str
    asks: str
    question: Question
    factors: tuple[Factor, ...]
    points: tuple[Point, ...]
    seeds: int
    stop: Stop | None = None
    measures: tuple[str, ...] = ()
    figures: tuple[Axes, ...] = ()
    expectation: str = ""
    first_seed: int = 0
    looks: Mapping[str, Axis] = field(default_factory=dict)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The factors as they are shown, in order, with their levels."""
        shown = [(factor, self.looks.get(factor.name, Axis(factor.name))) for factor in self.factors]
        return tuple(replace(axis, levels=tuple(case.level for case in factor.cases)) for factor, axis in shown)


@dataclass(frozen=True)
class Plan:
    """The runs of a study that are known before any has ended.

    Attributes
    ----------
    study
        Whose runs they are.
    maker
        Makes further runs.
    runs
        Seed by seed at every point, in the order of the table.
    """

    study: Study
    maker: RunMaker
    runs: tuple[Run, ...]

    def more(self, outcomes: Mapping[str, Outcome]) -> list[Run]:
        """Return the runs that a stopping rule adds: one at every point whose seeds have all ended and do not suffice.

        What is added depends on what has come out, and not on the order in which it came.
        """
        stop = self.study.stop
        if stop is None:
            return []
        runs = []
        for point in self.study.points:
            seed, known = 0, list[Outcome]()
            while (run := self._run(point, seed)).key in outcomes:
                known.append(outcomes[run.key])
                seed += 1
            if self.study.seeds <= seed < stop.most and not _suffices(stop, known):
                runs.append(run)
        return runs

    def all_runs(self, outcomes: Mapping[str, Outcome]) -> list[Run]:
        """Return every run of the table, those that were added among them, in the order of the table."""
        if self.study.stop is None:
            return list(self.runs)
        runs = []
        for point in self.study.points:
            seed = 0
            while (run := self._run(point, seed)).key in outcomes or seed < self.study.seeds:
                runs.append(run)
                seed += 1
        return runs

    def _run(self, point: Point, seed: int) -> Run:
        return self.maker.make(point.levels, point.settings, self.study.first_seed + seed)


def is_complete(plan: Plan, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether every run that is wanted has ended, those of the stopping rule too."""
    ended = {key: outcome for key, outcome in outcomes.items() if not outcome.lost}
    return all(run.key in ended for run in plan.runs) and not plan.more(ended)


def make_plan(study: Study, known: Mapping[str, Outcome] = MappingProxyType({})) -> Plan:
    """Make all runs of a study, and refuse a level that is legal at no point.

    Parameters
    ----------
    study
        What is asked.
    known
        Outcomes so far, by the key of the run: a level of a run that has measured something is legal.

    Raises
    ------
    SoensimError
        A path is no key, a value is not legal wherever it is set, two runs are the same, or a factor is called as
        another column of the table.
    """
    for factor in study.factors:
        if factor.name in (SEED, ERROR, *COLUMNS, *study.question.measures):
            raise StudyError(f"{factor.name}: the table has a column of this name; give the factor another name")
    maker = RunMaker(study.question)
    seeds = range(study.first_seed, study.first_seed + study.seeds)
    runs = [maker.make(point.levels, point.settings, seed) for point in study.points for seed in seeds]
    by_key: dict[str, Run] = {}
    for run in runs:
        other = by_key.setdefault(run.key, run)
        if other is not run:
            raise StudyError(_same(other, run, study))
    plan = Plan(study, maker, tuple(runs))
    _check_levels(plan, known)
    return plan


def _check_levels(plan: Plan, known: Mapping[str, Outcome]) -> None:
    """Find for every level a point whose chip is legal."""
    study = plan.study
    first = [run for run in plan.runs if run.seed == study.first_seed]
    measured = [run for run in plan.runs if run.key in known and known[run.key].error is None]
    legal = {item for run in measured for item in run.levels.items()}
    having: dict[tuple[str, Level], list[Run]] = {}
    for run in first:
        for item in run.levels.items():
            having.setdefault(item, []).append(run)
    verdicts: dict[str, SoensimError | None] = {}

    def refused(run: Run) -> SoensimError | None:
        if run.key not in verdicts:
            verdicts[run.key] = _refusal(run)
        return verdicts[run.key]

    for item in [(factor.name, case.level) for factor in study.factors for case in factor.cases]:
        tried = having.get(item, [])[:MOST_TRIED]
        if tried and item not in legal and all(refused(run) is not None for run in tried):
            raise StudyError(f"{_written(tried[0].levels)}: {_told(refused(tried[0]))}")
    if not study.factors and first and not measured and refused(first[0]) is not None:
        raise StudyError(_told(refused(first[0])))


def _refusal(run: Run) -> SoensimError | None:
    from soensim.study.work import netlist_of, requirement_of  # slow to load: not where every level has ended once

    try:
        netlist_of(run.job)
        requirement_of(run.job["evaluate"])
    except SoensimError as error:
        return error
    return None


def _told(error: SoensimError | None) -> str:
    return "" if error is None else PLACE_OF_CHIP.sub("", error.in_one_line)


def _written(levels: Mapping[str, Level]) -> str:
    return ", ".join(f"{name} = {level}" for name, level in levels.items())


def _same(one: Run, other: Run, study: Study) -> str:
    if one.levels != other.levels:
        return (
            f"{_written(one.levels)} and {_written(other.levels)} are the same run: a level has no effect, since "
            "another setting is over it; leave one out"
        )
    varied = ", ".join(study.question.varied) or "nothing"
    return f"seeds {one.seed} and {other.seed} are the same run: {varied} is varied with the seed; give one seed"


def _suffices(stop: Stop, outcomes: Sequence[Outcome]) -> bool:
    """Whether the interval of a measure is narrow enough; a failed run, or one without the measure, has no say."""
    values = [outcome.measures.get(stop.measure) for outcome in outcomes]
    numbers = [float(value) for value in values if value is not None]
    if not numbers:
        return True  # nothing that more seeds could make narrower
    if len(numbers) < 2:
        return False
    from soensim.evaluation.statistics import student_interval  # slow to load: only with a stopping rule

    low, high = student_interval(numbers)
    return math.isfinite(high - low) and high - low <= stop.width
