"""Makes the runs of a search: a look at a candidate, its trainings on each rung, and its proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soensim.search.design import Design, Rung
from soensim.search.work import LOOK
from soensim.study.design import Point
from soensim.study.job import RunMaker, run_of
from soensim.study.run import Level, Run

PROOF_SEED = 1_000_000
"""chip_seed of the first chip of a proof: no chip of the search is among them."""
PROGRAMS = "programs"
_LOOKED_AT = ("netlist", "quantities", "data", "data_seed", "files", "soensim", "folder", "data_dir")


@dataclass(frozen=True)
class Candidate:
    """One combination of levels.

    Attributes
    ----------
    number
        From 0, in the order of the space.
    point
        Its levels, and what they set.
    """

    number: int
    point: Point

    @property
    def levels(self) -> Mapping[str, Level]:
        """By the factors' names."""
        return self.point.levels


class RunSource:
    """Makes the runs of one design; of each candidate the same ones whenever it is asked.

    Parameters
    ----------
    design
        What is searched.
    folder
        Of the results; programs whose proof is tried are kept in `programs` in it.
    """

    def __init__(self, design: Design, folder: Path) -> None:
        self._design, self._folder = design, folder
        self.maker = RunMaker(design.question)

    def look(self, candidate: Candidate) -> Run:
        """Make the run that finds a candidate's costs.

        Raises
        ------
        SoensimError
            As of `RunMaker.make`.
        """
        job = self._job(candidate, {}, 0)
        asked = {name: job[name] for name in _LOOKED_AT}
        return run_of({**asked, LOOK: list(self._design.costs)}, candidate.levels, 0)

    def trainings(self, candidate: Candidate, rung: Rung) -> list[Run]:
        """Make a candidate's runs on a rung, a seed each."""
        epochs = self._job(candidate, {}, 0)["recipe"]
        few = {f"recipe.{name}": rung.scaled(epochs[name]) for name in ("epochs", "ideal_epochs")}
        scored = {"evaluate.trials": rung.trials, "evaluate.split": "validation", **self._asked}
        return [
            self.maker.make(candidate.levels, {**candidate.point.settings, **few, **scored}, seed)
            for seed in range(rung.seeds)
        ]

    def proof(self, candidate: Candidate, seed: int) -> Run:
        """Make the run that scores the program of one seed on test chips, and keeps it."""
        # the chips of seed k are k times the trials further on: count back, so that all proofs have the same chips
        trials = self._design.proof_trials
        first = PROOF_SEED if "chip" not in self._design.question.varied else PROOF_SEED - seed * trials
        scored = {"evaluate.trials": trials, "evaluate.chip_seed": first, **self._asked}
        run = self.maker.make(candidate.levels, {**candidate.point.settings, **scored}, seed)
        return Run(run.key, run.levels, run.seed, {**run.job, "keep": str(self.program_file(run))})

    def program_file(self, proof: Run) -> Path:
        """Return where the program of a proof is kept."""
        return self._folder.absolute() / PROGRAMS / f"{proof.key[:16]}.safetensors"

    @property
    def _asked(self) -> dict[str, Any]:
        requirement = self._design.goal.requirement
        return (
            {} if requirement is None else {"evaluate.require": str(requirement), "evaluate.yield": requirement.share}
        )

    def _job(self, candidate: Candidate, settings: Mapping[str, Any], seed: int) -> Mapping[str, Any]:
        return self.maker.make(candidate.levels, {**candidate.point.settings, **settings}, seed).job
