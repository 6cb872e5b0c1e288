"""What a study leaves in its folder: the table, the summary, figures, a page, and the answer as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim.report.figures import save_png, save_svg

# isort: split
from matplotlib.figure import Figure

from soensim.study.figure import Roles, choose_roles, study_figure
from soensim.study.limits import find_ceilings, limit_sentences
from soensim.study.made import ANSWER, MADE_FROM, PAGE, SUMMARY, TABLE, made_from, versions
from soensim.study.page import About, study_page
from soensim.study.pareto import front_sentences, pareto_front
from soensim.study.quantities import Axis, is_number, measure_of
from soensim.study.run import Outcome, Row
from soensim.study.sentences import note, sentences
from soensim.study.study import Axes, Plan, Study
from soensim.study.summary import Summary, main_cost, main_measure, summarise, summary_csv
from soensim.study.table import table_csv
from soensim.study.trade_figures import pareto_figure


@dataclass(frozen=True)
class Results:
    """What came out of a study.

    Attributes
    ----------
    study
        Whose results they are.
    rows
        Every run that has ended, in the order of the table.
    summary
        Means over the seeds of each point.
    answers
        What they say, in sentences.
    note
        What the intervals in the sentences are.
    command
        That made them.
    files
        That were written.
    made_from
        Hash of all that decides them.
    """

    study: Study
    rows: tuple[Row, ...]
    summary: Summary
    answers: tuple[str, ...]
    note: str
    command: str
    files: tuple[Path, ...] = ()
    made_from: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as plain data for JSON (docs/contracts.md)."""
        names = [axis.name for axis in self.summary.axes]
        return {
            "study": self.study.name,
            "question": self.study.asks,
            "expectation": self.study.expectation,
            "factors": {factor.name: [case.level for case in factor.cases] for factor in self.study.factors},
            "runs": len(self.rows),
            "failed": sum(row.outcome.error is not None for row in self.rows),
            "answers": list(self.answers),
            "note": self.note,
            "points": [
                {
                    "levels": dict(zip(names, point.levels, strict=True)),
                    "runs": point.n,
                    "failed": point.failed,
                    "measures": {
                        name: {"mean": one.mean, "ci95": None if one.low is None else [one.low, one.high], "n": one.n}
                        for name, one in point.statistics.items()
                    },
                }
                for point in self.summary.points
            ],
            "files": [path.name for path in self.files],
            "command": self.command,
            "versions": versions(),
            MADE_FROM: self.made_from,
        }


def write_results(folder: Path, plan: Plan, outcomes: Mapping[str, Outcome], command: str) -> Results:
    """Write the results of the runs that have ended.

    Parameters
    ----------
    folder
        Of the study.
    plan
        Its runs.
    outcomes
        By the key of the run; runs without one are left out.
    command
        That made them.

    Raises
    ------
    SoensimError
        A file cannot be written.
    """
    study, axes = plan.study, plan.study.axes
    rows = tuple(Row(run, outcomes[run.key]) for run in plan.all_runs(outcomes) if run.key in outcomes)
    summary = summarise(rows, axes)
    measure = next(iter(study.measures), None) or main_measure(summary)
    answers = (*sentences(rows, axes, measure), *_further_sentences(study, rows, summary, measure))
    made = made_from(plan, outcomes, command)
    results = Results(study, rows, summary, answers, note(rows, axes, measure), command, made_from=made)
    texts = {TABLE: table_csv(rows, axes), SUMMARY: summary_csv(summary)}
    files = [folder / name for name in texts]
    for name, text in texts.items():
        write_atomic(folder / name, text)
    for name, figure in _figures(study, rows, summary, measure):
        for save, ending in ((save_png, ".png"), (save_svg, ".svg")):
            save(figure, folder / f"{name}{ending}")
            files.append(folder / f"{name}{ending}")
    results = replace(results, files=(*files, folder / PAGE, folder / ANSWER))
    write_atomic(folder / PAGE, study_page(rows, axes, _about(results)))
    write_atomic(folder / ANSWER, json.dumps(results.as_dict(), indent=1) + "\n")
    return results


def _about(results: Results) -> About:
    study = results.study
    first, last = study.first_seed, max((row.run.seed for row in results.rows), default=study.first_seed)
    varied = ", ".join(study.question.varied) or "nothing"
    chosen = choose_roles(results.rows, study.axes)
    return About(
        name=study.name,
        question=study.asks,
        expectation=study.expectation,
        command=results.command,
        seeds=f"{first} to {last}, which vary {varied}" if last > first else f"{first}",
        versions=versions(),
        measures=study.measures,
        figures=tuple((axes.y, _roles(axes) or chosen) for axes in study.figures),
    )


def _further_sentences(study: Study, rows: Sequence[Row], summary: Summary, measure: str | None) -> Iterator[str]:
    """Say what the front of gain against cost is, and which limit binds along the first numeric factor."""
    cost = main_cost(summary)
    if measure is not None and cost is not None and measure_of(measure).kind == "score" and len(summary.points) > 1:
        yield from front_sentences(pareto_front(rows, study.axes, measure, cost))
    numeric = next((axis for axis in summary.axes if all(map(is_number, axis.levels)) and len(axis.levels) > 1), None)
    if numeric is not None:
        yield from limit_sentences(find_ceilings(rows, study.axes, numeric.name))


def _figures(study: Study, rows: Sequence[Row], summary: Summary, measure: str | None) -> Iterator[tuple[str, Figure]]:
    """Draw what the study asks for; else the first measure, and the front against the first cost that differs."""
    if measure is None or not any(row.outcome.error is None for row in rows):
        return
    asked = study.figures or _usual(study, summary, measure)
    for place, axes in enumerate(asked, 1):
        name = study.name if place == 1 else f"{study.name}-{place}"
        yield name, _figure(axes, study.axes, rows)


def _usual(study: Study, summary: Summary, measure: str) -> tuple[Axes, ...]:
    cost = main_cost(summary)
    if cost is None or not study.factors or measure_of(measure).kind != "score":
        return (Axes(measure),)
    return Axes(measure), Axes(measure, cost)


def _figure(axes: Axes, factors: Sequence[Axis], rows: Sequence[Row]) -> Figure:
    names = [axis.name for axis in factors]
    if axes.x is not None and axes.x not in names and axes.by is None and axes.columns is None:
        return pareto_figure(pareto_front(rows, factors, axes.y, axes.x))
    return study_figure(rows, factors, axes.y, roles=_roles(axes))


def _roles(axes: Axes) -> Roles | None:
    """Return which factor is where; None where a study leaves it open."""
    given = (axes.x, axes.by, axes.columns)
    return Roles(*given) if any(given) else None
