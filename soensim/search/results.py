"""What a search leaves in its folder: the chip, its program and page, the table, a page and the answer as JSON."""

from __future__ import annotations

import datetime
import json
import platform
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim.check.check import check_routed
from soensim.errors import StudyError
from soensim.evaluation import evaluate_network, trial_seeds
from soensim.fabrication import with_asked
from soensim.netlist.yaml.load import load_netlist
from soensim.network import at_training_step, compile_network, refined
from soensim.program import Program
from soensim.report.evaluation_page import page
from soensim.report.provenance import trace_origin
from soensim.report.sections.section import Subject
from soensim.routing import route
from soensim.search.answer import as_dict, said, sentences, table_columns
from soensim.search.chip import netlist_text, program_of
from soensim.search.design import Design
from soensim.search.page import Origin, design_page, question
from soensim.search.runs import PROOF_SEED, RunSource
from soensim.search.steps import Answer, Standing
from soensim.study.run import Run
from soensim.study.table import csv_text
from soensim.study.work import dataset_of, requirement_of

NETLIST, PROGRAM, EVALUATION = "netlist.yaml", "netlist.safetensors", "evaluation.html"
TABLE, PAGE, ANSWER = "table.csv", "index.html", "design.json"
CHIP_FILES, ANSWER_FILES = (NETLIST, PROGRAM, EVALUATION), (TABLE, PAGE, ANSWER)
_PACKAGES = ("soensim", "numpy", "scipy", "torch")
_RUNNERS_UP, _WIDTH = 12, 110


@dataclass(frozen=True)
class Written:
    """What was written: the answer as plain data, and the files."""

    plain: dict[str, Any]
    files: tuple[Path, ...]


def write_results(folder: Path, design: Design, answer: Answer, source: RunSource, command: str) -> Written:
    """Write the answer of a search; the files of a chip only where one was found, and those of an earlier one go.

    Raises
    ------
    SoensimError
        A file cannot be written, or a waiver of the chip has ended.
    """
    for name in CHIP_FILES:
        if answer.winner is None:
            (folder / name).unlink(missing_ok=True)
    chip = [] if answer.winner is None else _write_chip(folder, design, answer, answer.winner, source, command)
    versions = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    files = (*chip, *(folder / name for name in ANSWER_FILES))
    plain = {
        **as_dict(design, answer, _RUNNERS_UP),
        "files": [path.name for path in files],
        "command": command,
        "versions": versions,
    }
    table = csv_text(table_columns(design, answer))
    names = tuple(path.name for path in files if path.name not in (PAGE, ANSWER))
    write_atomic(folder / TABLE, table)
    write_atomic(folder / PAGE, design_page(design, answer, Origin(command, table, versions, names)))
    write_atomic(folder / ANSWER, json.dumps(plain, indent=1) + "\n")
    return Written(plain, files)


def _write_chip(
    folder: Path, design: Design, answer: Answer, winner: Standing, source: RunSource, command: str
) -> list[Path]:
    if winner.estimate is None:
        raise StudyError("the chip that was found was never trained")
    proof = source.proof(winner.candidate, winner.estimate.seed)
    first = f"Found by `{command}` among {len(answer.standings)} candidates: {said(design, winner)}."
    told = "\n".join(line for text in (first, *sentences(design, answer)[1:]) for line in textwrap.wrap(text, _WIDTH))
    path = folder / NETLIST
    write_atomic(path, netlist_text(proof, folder.absolute(), told, f"{question(design)}; found by a search"))
    program_of(proof, source.program_file(proof)).save(folder / PROGRAM)
    write_atomic(folder / EVALUATION, _evaluation_page(path, proof, design))
    return [folder / name for name in CHIP_FILES]


def _evaluation_page(path: Path, proof: Run, design: Design) -> str:
    """Score the chip as `soensim evaluate` does, from its files, with the chips of its proof."""
    routed = route(load_netlist(path))
    report = check_routed(routed, today=datetime.datetime.now(tz=datetime.UTC).date())
    if not report.passes:
        first = next(finding for finding in report.findings if finding.counts)
        raise StudyError(f"{path}: breaks {first.id} today: {first.message}")
    scoring = proof.job["evaluate"]
    spreads = {name.removeprefix("spread."): size for name, size in scoring.items() if name.startswith("spread.")}
    nominal = with_asked(compile_network(routed), spreads)
    program, data = Program.load(path.with_name(PROGRAM), nominal), dataset_of(proof.job)
    evaluation = evaluate_network(
        routed,
        nominal,
        program,
        data,
        chip_seeds=trial_seeds(design.proof_trials, PROOF_SEED),
        refine=scoring.get("refine"),
        read_seed=scoring["read_seed"],
        requirement=requirement_of(scoring),
    )
    network = refined(at_training_step(nominal, program.header), evaluation.steps.refine)
    origin = trace_origin(
        evaluation, program, command=_command(path, scoring), chip_file=str(path), path=str(path.with_name(PROGRAM))
    )
    return page(Subject(evaluation, routed, network, program, data, origin))


def _command(path: Path, scoring: Mapping[str, Any]) -> str:
    """Write the command that makes this page again."""
    flags = {"--trials": scoring["trials"], "--chip-seed": PROOF_SEED}
    if scoring.get("require") is not None:
        flags |= {"--require": scoring["require"], "--yield": scoring["yield"]}
    if scoring.get("refine") is not None:
        flags["--refine"] = scoring["refine"]
    spreads = {name.removeprefix("spread."): size for name, size in scoring.items() if name.startswith("spread.")}
    if spreads:
        flags["--spread"] = ",".join(f"{name}={size}" for name, size in spreads.items())
    words = [word for flag, value in flags.items() for word in (flag, str(value))]
    return shlex.join(["python", "-m", "soensim.evaluate", str(path), *words])
