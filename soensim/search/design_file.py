"""Requirements as a YAML file: `schema: soensim-design/1`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from soensim._runtime.words import shown
from soensim.errors import SoensimError, StudyError
from soensim.evaluation import Requirement
from soensim.files.yaml_source import YamlSource, load_yaml
from soensim.netlist.base import BelowOne, Name, Part, Seed, Text, fault
from soensim.netlist.yaml.plain_errors import explain
from soensim.search.costs import check_cost
from soensim.search.design import MOST_TRIALS, RUNGS, Design, Draw, Goal, Rung
from soensim.search.proposals import drawn
from soensim.study.design import Case, Factor, Point, grid, merged
from soensim.study.job import Question
from soensim.study.study_file import Grid, Settings, check_levels, read_factors

SCHEMA = "soensim-design/1"
SEEDED = ("train", "chip")
"""What differs between the seeds of a candidate; its topology does not: a candidate is one chip."""

_OWN = {
    "chip": "give it as chip",
    "data": "give it as data",
    "name": "the chip that is found has the name of the design",
    "program": "candidates are trained",
    "recipe.wiring_budget_mm": "the cost of a chip must be known before it is trained; vary its topology",
    "evaluate.circuit": "circuits are solved by evaluate --circuit, of the chip that is found",
    "recipe.train_seed": "the seeds of a rung are 0, 1, …",
    **{
        f"evaluate.{name}": "give it as require, yield, rungs or proof"
        for name in ("trials", "chip_seed", "require", "yield", "split")
    },
}
_TECHNOLOGY = "technology."


def _cost(name: Any) -> Any:
    try:
        check_cost(str(name))
    except StudyError as error:
        raise fault(str(error)) from error
    return str(name)


def _accuracy(text: Any) -> Any:
    try:
        Requirement.read(str(text))
    except SoensimError as error:
        raise fault(str(error)) from error
    return str(text)


def _chips(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


CostName = Annotated[str, BeforeValidator(_cost)]
Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class DrawPart(Part):
    """Which candidates of a large space are looked at."""

    by: Literal["sobol", "latin-hypercube", "optuna"]
    """A scrambled Sobol sequence, a Latin hypercube, or Optuna's sampler, which learns from the candidates before."""
    candidates: Annotated[int, Field(ge=1, le=100_000)]
    """How many."""
    seed: Seed = 0
    """Of the draw."""


class RungPart(Part):
    """How far candidates are trained before it is decided which of them go on."""

    epochs: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    """Share of the recipe's epochs."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings; the best program counts."""
    trials: Annotated[int, Field(ge=2, le=1000)] = 20
    """Fabricated chips of each, scored on validation samples."""
    gain: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = 1.0
    """Factor by which the share of wrong answers may still fall on later rungs."""


class ProofPart(Part):
    """How the requirement is shown on test samples."""

    trials: Annotated[int, Field(ge=2, le=MOST_TRIALS)] | None = None
    """Fabricated chips (default: three times the fewest that can show the yield, 60 or more)."""
    most: Annotated[int, Field(ge=1, le=1000)] = 5
    """Candidates whose proof is tried at most."""


class DesignFile(Part):
    """Requirements as their file has them."""

    schema_: Annotated[Literal["soensim-design/1"], Field(alias="schema")]
    """Version of this format."""
    name: Name
    """Name of the design, and of the chip that is found."""
    chip: Annotated[list[Text], Field(min_length=1), BeforeValidator(_chips)]
    """Netlist that settings go over, or several to choose from, beside this file."""
    data: Text | None = None
    """Data set (default: that of the netlist's task, or of the program beside it)."""
    require: Annotated[str, BeforeValidator(_accuracy)]
    """What chips must reach, such as `accuracy >= 0.96`."""
    yield_: Annotated[BelowOne | None, Field(alias="yield")] = None
    """Share of the fabricated chips that must reach it; absent: their mean must."""
    limits: dict[CostName, Limit] = Field(default_factory=dict)
    """Largest legal value of a cost, by name."""
    least: CostName
    """Cost that is minimised."""
    set: Settings = Field(default_factory=dict)
    """What holds for every candidate, by path, as in a study."""
    search: Grid
    """What is varied, by path, as the grid of a study; a range needs steps."""
    draw: DrawPart | None = None
    """Which candidates are looked at (default: all combinations)."""
    rungs: Annotated[list[RungPart], Field(min_length=1)] | None = None
    """How far candidates are trained, from little to the full recipe."""
    wave: Annotated[int, Field(ge=1, le=100_000)] = 8
    """Candidates that are looked at together, cheapest first."""
    proof: ProofPart = Field(default_factory=ProofPart)
    """How the requirement is shown."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.yield_ == 0:
            raise fault("is 0; it must be above 0 and below 1", "yield")
        _check_paths(self.set, "set")
        for place, factors in enumerate(self.search):
            for name, levels in factors.items():
                check_levels(levels, "search", place, name)
            _check_paths(factors, "search", place)
            if set(factors) != set(self.search[0]):
                raise fault(f"has other factors than the first: {', '.join(self.search[0])}", "search", place)
            if "chip" in factors:
                raise fault("give several netlists as chip: [A, B]", "search", place, "chip", key=True)
        if self.draw is not None and len(self.search) > 1:
            raise fault("has several grids, and candidates are drawn from one; leave draw out", "search")
        if self.rungs is not None and self.rungs[-1].epochs < 1:
            raise fault("is below 1; the last rung is the full training", "rungs", len(self.rungs) - 1, "epochs")
        self._check_proof()
        return self

    def _check_proof(self) -> None:
        requirement, trials = self.goal.requirement, self.proof.trials or self.goal.usual_trials
        if trials > MOST_TRIALS:
            raise fault(f"takes {trials} chips to show; at most {MOST_TRIALS} can be drawn: ask for less", "yield")
        if requirement is not None and requirement.failures_allowed(trials) is None:
            raise fault(
                f"is {trials}; a yield of {requirement.share} takes at least {requirement.chips_needed}, all without a "
                "failure: give more, or ask for a lower yield",
                *("proof", "trials"),
            )

    @property
    def goal(self) -> Goal:
        """What chips must reach."""
        return Goal(Requirement.read(self.require).least, self.yield_)


def _check_paths(settings: Any, *at: str | int) -> None:
    for name, value in settings.items():
        paths = [name, *(path for case in getattr(value, "cases", {}).values() for path in case)]
        for path in paths:
            if path in _OWN and not (path == "chip" and at[0] == "search"):
                raise fault(f"{path} cannot be set: {_OWN[path]}", *at, name, key=True)
            if path.startswith(_TECHNOLOGY):
                raise fault(
                    f"{path} cannot be set: the netlist that is found must say it; set the key of the netlist, such as "
                    "routing.photons_per_spike, or give several chips",
                    *at,
                    name,
                    key=True,
                )


def load_design(path: str | Path) -> Design:
    """Read a file of requirements.

    Raises
    ------
    StudyError
        With ``file:line:column: path: what is wrong, what is legal``.
    """
    source = load_yaml(path, error=StudyError, what="design", empty=f"a design starts with `schema: {SCHEMA}`")
    content = _checked(source)
    settings: dict[str, Any] = {**content.set, "name": content.name}
    if content.data is not None:
        settings["data"] = content.data
    question = Question(content.chip[0], settings, SEEDED, (), Path(path).parent)
    try:
        factors, points = _space(content)
    except StudyError as error:
        raise StudyError(f"{source.name}: {error}") from error
    return Design(
        name=content.name,
        question=question,
        goal=content.goal,
        limits=content.limits,
        least=content.least,
        factors=factors,
        points=points,
        draw=_draw(content),
        rungs=RUNGS
        if content.rungs is None
        else tuple(Rung(r.epochs, r.seeds, r.trials, r.gain) for r in content.rungs),
        wave=content.wave,
        proof_trials=content.proof.trials or content.goal.usual_trials,
        proofs=content.proof.most,
    )


def design_schema() -> dict[str, Any]:
    """Make the JSON Schema of a file of requirements, for editors."""
    schema = DesignFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"{SCHEMA} design"}


def _checked(source: YamlSource) -> DesignFile:
    value = source.value
    if not isinstance(value, dict):
        raise source.error((), f"{shown(value)} is no design; it must be a mapping that starts with `schema: {SCHEMA}`")
    if value.get("schema") != SCHEMA:
        told = "is missing" if "schema" not in value else f"{shown(value['schema'])} is not legal"
        raise source.error(("schema",), f"{told}; a design starts with `schema: {SCHEMA}`", key="schema" not in value)
    try:
        return DesignFile.model_validate(value)
    except ValidationError as error:
        raise explain(error, source, design_schema(), StudyError) from error


def _draw(content: DesignFile) -> Draw | None:
    return None if content.draw is None else Draw(content.draw.by, content.draw.candidates, content.draw.seed)


def _space(content: DesignFile) -> tuple[tuple[Factor, ...], tuple[Point, ...]]:
    """Make the factors, and all candidates where they are known before the search."""
    chips = (
        [Factor("chip", tuple(Case(name, {"chip": name}) for name in content.chip))] if len(content.chip) > 1 else []
    )
    grids = [[*chips, *read_factors(factors)] for factors in content.search]
    factors, draw = merged(grids), _draw(content)
    if draw is not None:
        return factors, () if draw.by == "optuna" else tuple(drawn(factors, draw))
    names = [factor.name for factor in factors]
    points = [point for one in grids for point in grid(sorted(one, key=lambda f: names.index(f.name)))]
    return factors, tuple(points)
