"""Does one run: checks the chip, trains it, scores it, and measures all three."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from soensim._runtime.malloc import keep_freed_memory
from soensim.check.check import check_routed
from soensim.data import Dataset, load_dataset, own_name
from soensim.errors import StudyError
from soensim.evaluation import Evaluation, Requirement, evaluate_network, trial_seeds
from soensim.evaluation.requirement import USUAL_YIELD
from soensim.fabrication import with_asked
from soensim.files.yaml_source import YamlSource
from soensim.netlist import Netlist
from soensim.netlist.yaml.load import checked_netlist
from soensim.network import compile_network, data_lines
from soensim.program import Program
from soensim.routing import RoutedNetlist, route
from soensim.study.measures import measure_chip
from soensim.study.run import Measured
from soensim.training import make_recipe, train

_TRAINING = ("netlist", "quantities", "files", "folder", "data", "data_seed", "data_dir", "recipe")

ALWAYS = datetime.date.min
"""The day of the checks of a study: every waiver holds, so that a run has one outcome on any day."""


def work(job: Mapping[str, Any]) -> dict[str, Measured]:
    """Do a run, and return its measures by name: without trials of the check alone.

    Parameters
    ----------
    job
        As `soensim.study.job.RunMaker` makes it.

    Raises
    ------
    SoensimError
        The chip is not legal with the settings of the point, has no routes, or cannot be trained or scored.
    """
    if job["evaluate"]["trials"] == 0:
        return measure_chip(check_routed(route(netlist_of(job)), today=ALWAYS), None, job["measures"])
    scored = score(job)
    measures = measure_chip(check_routed(scored.routed, today=ALWAYS), scored.evaluation, job["measures"])
    return measures if scored.validation is None else {"validation": scored.validation, **measures}


@dataclass(frozen=True)
class Scored:
    """What a run made: the chip that the program is for, the program, its validation accuracy where it was trained."""

    routed: RoutedNetlist
    program: Program
    validation: float | None
    evaluation: Evaluation


def score(job: Mapping[str, Any]) -> Scored:
    """Train what a job says, or load its program, and score it.

    Raises
    ------
    SoensimError
        As `work`.
    """
    keep_freed_memory()
    data = dataset_of(job)
    routed, program, validation = make_program(job)
    scoring = job["evaluate"]
    spreads = {name.removeprefix("spread."): size for name, size in scoring.items() if name.startswith("spread.")}
    evaluation = evaluate_network(
        routed,
        with_asked(compile_network(routed), spreads),
        program,
        data,
        chip_seeds=trial_seeds(scoring["trials"], scoring["chip_seed"]),
        refine=scoring.get("refine"),
        read_seed=scoring["read_seed"],
        requirement=requirement_of(scoring),
        circuit_samples=scoring.get("circuit"),
        split=scoring.get("split", "test"),
    )
    return Scored(routed, program, validation, evaluation)


def dataset_of(job: Mapping[str, Any]) -> Dataset:
    """Load the data of a job; the last ones are kept. Own data are laid onto its chip, as its program was trained."""
    is_own = own_name(job["data"]) is not None
    lines = (data_lines(netlist_of(job)) or None) if is_own else None
    return _data(job["data"], job["data_seed"], job["data_dir"], lines, job.get("program") if is_own else None)


def netlist_of(job: Mapping[str, Any]) -> Netlist:
    """Make the netlist of a job.

    Raises
    ------
    NetlistError
        It is not legal; the message has the path of the key, and no place in a file.
    """
    source = YamlSource("chip", "{}", job["netlist"], StudyError)
    return checked_netlist(source, Path(job["folder"]), job["quantities"])


def requirement_of(scoring: Mapping[str, Any]) -> Requirement | None:
    """Read what chips must reach; None where nothing is required.

    Raises
    ------
    SoensimError
        It is not legal.
    """
    text = scoring.get("require")
    return None if text is None else Requirement.read(str(text), scoring.get("yield", USUAL_YIELD))


def make_program(job: Mapping[str, Any]) -> tuple[RoutedNetlist, Program, float | None]:
    """Make the chip of a job and its program: load it, or train it.

    Returns
    -------
    tuple
        The chip that the program is for, which a wiring budget has pruned; the program; its accuracy on the validation
        samples, None where it was not trained.
    """
    if job["program"] is not None:
        routed = route(netlist_of(job))
        return routed, Program.load(job["program"], compile_network(routed)), None
    return _trained(json.dumps({name: job[name] for name in _TRAINING}, sort_keys=True))


@lru_cache(maxsize=16)
def _trained(text: str) -> tuple[RoutedNetlist, Program, float]:
    """Train, once for all runs that differ in their scoring alone; ``text`` is the part of the job that decides it."""
    job = json.loads(text)
    routed = route(netlist_of(job))
    settings = dict(job["recipe"])
    recipe = make_recipe(settings.pop("rule"), settings)
    data = dataset_of(job)
    result = train(compile_network(routed), data, recipe, routed=routed)
    validation = float(result.history[result.epoch - 1]["validation_accuracy"])
    return routed if result.pruned is None else result.pruned.routed, result.program, validation


@lru_cache(maxsize=2)
def _data(name: str, data_seed: int, data_dir: str | None, lines: int | None, program: str | None) -> Dataset:
    trained = None if program is None else Program.load(program).header.get("data")
    return load_dataset(name, data_seed=data_seed, data_dir=data_dir, lines=lines, trained=trained)
