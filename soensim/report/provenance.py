"""Where a result comes from: the command, the program and its training, seeds, versions."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from soensim.evaluation import Evaluation
from soensim.program import Program

_PACKAGES = ("soensim", "numpy", "scipy")  # what a score depends on


@dataclass(frozen=True)
class Provenance:
    """All that is needed to get the same result again, as plain data.

    Attributes
    ----------
    command
        The command line that made the result.
    chip_file
        Path of the netlist.
    program
        Path of the program.
    header
        What training wrote into the program: recipe, data, seeds, versions, command; may be empty.
    seeds
        chip_seeds, and data_seed and train_seed where the program's header has them.
    versions
        By package.
    """

    command: str
    chip_file: str
    program: str
    header: dict[str, Any]
    seeds: dict[str, Any]
    versions: dict[str, str]


def trace_origin(evaluation: Evaluation, program: Program, *, command: str, chip_file: str, path: str) -> Provenance:
    """Collect the origin of an evaluation that ``command`` made of a netlist with the program at ``path``."""
    header = dict(program.header)
    trained = header.get("seeds", {})
    return Provenance(
        command=command,
        chip_file=chip_file,
        program=path,
        header=header,
        seeds={
            **evaluation.seeds.as_dict(),
            "data_seed": evaluation.data.data_seed,
            "train_seed": trained.get("train_seed"),
        },
        versions={"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    )


def as_json(evaluation: Evaluation, provenance: Provenance) -> dict[str, Any]:
    """Return the JSON form of an evaluation with its origin (docs/contracts.md)."""
    return {
        **evaluation.as_dict(),
        "seeds": provenance.seeds,
        "command": provenance.command,
        "versions": provenance.versions,
        "program": {"path": provenance.program, "header": provenance.header},
    }
