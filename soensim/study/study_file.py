"""A study as a YAML file: `schema: soensim-study/1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from soensim._runtime.words import DECIMAL, shown
from soensim.errors import StudyError
from soensim.files.yaml_source import YamlSource, load_yaml
from soensim.netlist.base import Name, Part, Positive, Seed, Text, fault
from soensim.netlist.yaml.plain_errors import explain
from soensim.study.design import Case, Factor, Point, Range, factor_of, grid, merged, sampled, zipped
from soensim.study.job import USUALLY_SEEDED, Question, Seeded
from soensim.study.key_path import KeyPath
from soensim.study.measures import MEASURES, VALIDATION, check_path
from soensim.study.quantities import Axis
from soensim.study.run import Level
from soensim.study.study import Axes, Stop, Study

SCHEMA = "soensim-study/1"

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Numbers = Annotated[int | float, Field(allow_inf_nan=False)]


def _path(text: Any) -> Any:
    if not isinstance(text, str):
        raise fault(f"{shown(text)} is no path of a key")
    try:
        KeyPath.read(text)
    except StudyError as error:
        raise fault(str(error)) from error
    return text


def _measure(name: Any) -> Any:
    if isinstance(name, str) and (name in MEASURES or name == VALIDATION):
        return name
    try:
        check_path(str(name))
    except StudyError as error:
        raise fault(str(error)) from error
    return name


PathText = Annotated[str, BeforeValidator(_path)]
MeasureName = Annotated[str, BeforeValidator(_measure)]
Settings = dict[PathText, Any]


class Span(Part):
    """Numbers between two ends."""

    from_: Annotated[Numbers, Field(alias="from")]
    """First number."""
    to: Numbers
    """Last number."""
    steps: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many numbers, both ends among them; of a drawn design (`sobol`, `latin-hypercube`) none is given."""
    scale: Literal["linear", "log"] = "linear"
    """Equal distances, or equal factors."""
    whole: bool = False
    """Whether only whole numbers are taken."""

    def as_range(self) -> Range:
        """Return the range."""
        return Range(self.from_, self.to, self.scale == "log", self.whole)


class Cases(Part):
    """Levels that set several keys each."""

    cases: Annotated[dict[Text, Settings], Field(min_length=1)]
    """By the name of the level, what it sets by path."""


def _axis(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Cases.model_validate(value) if "cases" in value else Span.model_validate(value)
    if isinstance(value, list):
        return value
    raise fault(
        f"{shown(value)} is not legal; it must be a list of values, a range {{from: …, to: …, steps: …}}, or "
        "{cases: {NAME: {PATH: VALUE}}}"
    )


Levels = Annotated[Span | Cases | list[Any], BeforeValidator(_axis)]
Factors = Annotated[dict[Text, Levels], Field(min_length=1)]
"""Factors with their levels, by path or name."""


def _grids(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Grid = Annotated[list[Factors], Field(min_length=1), BeforeValidator(_grids)]


class Draw(Part):
    """A design that is drawn in ranges."""

    points: Count
    """How many points."""
    seed: Seed = 0
    """Of the draw."""
    ranges: Annotated[dict[PathText, Span], Field(min_length=1)]
    """By path."""


class StopPart(Part):
    """When a point has enough seeds."""

    measure: MeasureName
    """Whose 95 % interval over the seeds decides."""
    width: Positive
    """From end to end of it, in the unit of the table (a fraction of an accuracy)."""
    most: Annotated[int, Field(ge=2, le=100_000)]
    """Seeds of a point at most."""


class FigurePart(Part):
    """What a figure shows."""

    y: MeasureName
    """Measure."""
    x: Text | None = None
    """Factor or measure on the abscissa (default: the first factor)."""
    by: Text | None = None
    """Factor with a series per level."""
    columns: Text | None = None
    """Factor with a panel per level."""


class Look(Part):
    """How a factor is shown."""

    label: Text = ""
    """What it is, without its unit (default: the last key of its path)."""
    unit: str = ""
    """Of its levels."""
    scale: Positive = 1.0
    """What a level is multiplied with to be in the unit."""
    phrase: str = ""
    """A level in a sentence, such as `{} of W_hh`; the braces become the level with its unit."""
    reference: str | int | float | bool | None = None
    """Level that the others are compared with (default: the largest number, the first text)."""

    def as_axis(self, name: str) -> Axis:
        """Return it for the factor of this name."""
        return Axis(name, self.label, self.unit, self.scale, self.phrase, reference=self.reference)


class StudyFile(Part):
    """A study as its file has it."""

    schema_: Annotated[Literal["soensim-study/1"], Field(alias="schema")]
    """Version of this format."""
    name: Name
    """Name of the study."""
    question: Text
    """What is asked, in words."""
    expectation: str = ""
    """What was expected before it ran."""
    chip: Text
    """Netlist, beside the study's file."""
    set: Settings = Field(default_factory=dict)
    """What holds at every point, by path: keys of the netlist, recipe.NAME, technology.QUANTITY, evaluate.NAME, data,
    rule, program."""
    grid: Grid | None = None
    """Factors of which every level is combined with every one of the others; of a list, one grid after the other."""
    zip: Annotated[Factors, Field(min_length=1)] | None = None
    """Factors of which the first levels are taken together, then the second, …."""
    sobol: Draw | None = None
    """Points of a scrambled Sobol sequence."""
    latin_hypercube: Annotated[Draw | None, Field(alias="latin-hypercube")] = None
    """Points of a Latin hypercube."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 3
    """Runs per point."""
    vary: list[Seeded] = Field(default_factory=lambda: list(USUALLY_SEEDED))
    """Whose seeds count up with the run's."""
    stop: StopPart | None = None
    """Adds seeds to a point until its interval is narrow."""
    measures: list[MeasureName] = Field(default_factory=list)
    """What the summary shows, most important first; paths in the JSON of evaluate and check are added to the table."""
    figures: list[FigurePart] = Field(default_factory=list)
    """What is drawn."""
    factors: dict[Text, Look] = Field(default_factory=dict)
    """How factors are shown, by path or name."""

    @model_validator(mode="after")
    def _one_design(self) -> Self:
        given = [name for name in ("grid", "zip", "sobol", "latin-hypercube") if getattr(self, name.replace("-", "_"))]
        if len(given) != 1:
            told = f"gives {' and '.join(given)}" if given else "varies nothing"
            raise fault(f"{told}; a study has one of grid, zip, sobol, latin-hypercube")
        if self.stop is not None and self.stop.most < self.seeds:
            raise fault(f"is {self.stop.most}, below seeds ({self.seeds}); raise it", "stop", "most")
        for name, levels in (self.zip or {}).items():
            check_levels(levels, "zip", name)
        for place, factors in enumerate(self.grid or ()):
            for name, levels in factors.items():
                check_levels(levels, "grid", place, name)
            if set(factors) != set(self._factor_names):
                raise fault(f"has other factors than the first grid: {', '.join(self._factor_names)}", "grid", place)
        for name in self.factors:
            if name not in self._factor_names:
                raise fault(
                    f"is no factor of this study; there are {', '.join(self._factor_names)}", "factors", name, key=True
                )
        for place, figure in enumerate(self.figures):
            for key in ("x", "by", "columns"):
                self._check_axis_name(getattr(figure, key), place, key)
        return self

    @property
    def _factor_names(self) -> list[str]:
        draw = self.sobol or self.latin_hypercube
        return list(self.grid[0] if self.grid else self.zip or (draw.ranges if draw is not None else ()))

    def _check_axis_name(self, name: str | None, place: int, key: str) -> None:
        factors = self._factor_names
        if name is None or name in factors or (key == "x" and (name in MEASURES or name in self.measures)):
            return
        legal = ", ".join(factors) + (", and measures" if key == "x" else "")
        raise fault(f"{shown(name)} is no factor of this study; there are {legal}", "figures", place, key)


def check_levels(levels: Span | Cases | list[Any], *at: str | int) -> None:
    """Refuse levels at a place of the file that are not legal; a range has steps."""
    if isinstance(levels, Cases):
        return
    try:
        KeyPath.read(str(at[-1]))
        if isinstance(levels, Span):
            levels.as_range()
    except StudyError as error:
        raise fault(str(error), *at, key=True) from error
    if isinstance(levels, Span) and levels.steps is None:
        raise fault("has no steps; a range of a grid or zip needs how many numbers", *at)
    if isinstance(levels, list) and not levels:
        raise fault("has no entries; give one value or more", *at)


def load_study(path: str | Path) -> Study:
    """Read the file of a study.

    Raises
    ------
    StudyError
        With ``file:line:column: path: what is wrong, what is legal``.
    """
    source = load_yaml(path, error=StudyError, what="study", empty=f"a study starts with `schema: {SCHEMA}`")
    content = _checked(source)
    folder = Path(path).parent
    try:
        factors, points = _design(content)
    except StudyError as error:
        raise StudyError(f"{source.name}: {error}") from error
    paths = tuple(name for name in content.measures if name not in MEASURES and name != VALIDATION)
    stop = content.stop
    if stop is not None and stop.measure not in (*MEASURES, VALIDATION, *paths):
        paths = (*paths, stop.measure)
    question = Question(content.chip, content.set, tuple(dict.fromkeys(content.vary)), paths, folder)
    return Study(
        name=content.name,
        asks=content.question,
        question=question,
        factors=factors,
        points=points,
        seeds=content.seeds,
        stop=None if stop is None else Stop(stop.measure, stop.width, stop.most),
        measures=tuple(content.measures),
        figures=tuple(Axes(figure.y, figure.x, figure.by, figure.columns) for figure in content.figures),
        expectation=" ".join(content.expectation.split()),
        looks={name: look.as_axis(name) for name, look in content.factors.items()},
    )


def study_schema() -> dict[str, Any]:
    """Make the JSON Schema of a study's file, for editors."""
    schema = StudyFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"{SCHEMA} study"}


def _checked(source: YamlSource) -> StudyFile:
    value = source.value
    if not isinstance(value, dict):
        raise source.error((), f"{shown(value)} is no study; it must be a mapping that starts with `schema: {SCHEMA}`")
    if value.get("schema") != SCHEMA:
        told = "is missing" if "schema" not in value else f"{shown(value['schema'])} is not legal"
        raise source.error(("schema",), f"{told}; a study starts with `schema: {SCHEMA}`", key="schema" not in value)
    try:
        return StudyFile.model_validate(value)
    except ValidationError as error:
        raise explain(error, source, study_schema(), StudyError) from error


def _design(content: StudyFile) -> tuple[tuple[Factor, ...], tuple[Point, ...]]:
    if content.grid is not None:
        grids = [read_factors(factors) for factors in content.grid]
        names = [factor.name for factor in grids[0]]
        points = [point for factors in grids for point in grid(sorted(factors, key=lambda f: names.index(f.name)))]
        return merged(grids), tuple(points)
    if content.zip is not None:
        factors = read_factors(content.zip)
        return factors, tuple(zipped(factors))
    method = "sobol" if content.sobol is not None else "latin-hypercube"
    draw = content.sobol or content.latin_hypercube
    if draw is None:  # the file was checked
        raise StudyError("varies nothing")
    points = sampled({path: span.as_range() for path, span in draw.ranges.items()}, method, draw.points, draw.seed)
    drawn = {path: list(dict.fromkeys(point.levels[path] for point in points)) for path in draw.ranges}
    return tuple(factor_of(path, levels) for path, levels in drawn.items()), tuple(points)


def _level(word: str) -> Level:
    """Read the name of a case: a number where it is one, so that it can be on an axis."""
    return float(word) if DECIMAL.fullmatch(word) else word


def read_factors(axes: Mapping[str, Span | Cases | Sequence[Any]]) -> tuple[Factor, ...]:
    """Make the factors of checked levels."""
    factors = []
    for name, axis in axes.items():
        if isinstance(axis, Cases):
            cases = [Case(_level(word), settings) for word, settings in axis.cases.items()]
            factors.append(Factor(name, tuple(cases)))
        elif isinstance(axis, Span):
            factors.append(factor_of(name, axis.as_range().steps(axis.steps or 2)))
        else:
            factors.append(factor_of(name, axis))
    return tuple(factors)
