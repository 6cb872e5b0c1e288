"""The chip that was found: its netlist as text, and its program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soensim.errors import SoensimError
from soensim.netlist import dump_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.study.run import Run
from soensim.study.work import make_program, netlist_of
from soensim.training import make_recipe
from soensim.training.netlist_copy import named_files


def netlist_text(run: Run, folder: Path, told: str, description: str) -> str:
    """Write the netlist of a run, to be read in a folder.

    Parameters
    ----------
    run
        Of a training.
    folder
        Where the netlist will be; files that it names get paths from there.
    told
        How it came to be: the comment on top, a paragraph per line.
    description
        Of the chip.

    Raises
    ------
    SoensimError
        A file that it names cannot be read from there.
    """
    document = {**_moved(run.job["netlist"], Path(run.job["folder"]), folder), "description": description}
    document["task"] = _task(run.job)
    netlist = netlist_of({**run.job, "netlist": document, "folder": str(folder)})
    comment = "".join(f"# {line}".rstrip() + "\n" for line in told.splitlines())
    return comment + dump_netlist(netlist)


def _task(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task that trains the program again; settings that the rule has by default are left out."""
    settings = dict(job["recipe"])
    rule = settings.pop("rule")
    usual = make_recipe(rule, {}).as_dict()
    return {"data": job["data"], "rule": rule, "recipe": {k: v for k, v in settings.items() if v != usual[k]}}


def _moved(document: Mapping[str, Any], before: Path, after: Path) -> dict[str, Any]:
    """Return a netlist whose files are named as seen from another folder."""
    moved: Any = document
    for place, name in named_files(document):
        path = before / name
        moved = _replaced(
            moved, place, str(path) if Path(name).is_absolute() else os.path.relpath(path, after.absolute())
        )
    return dict(moved)


def _replaced(value: Any, place: tuple[str | int, ...], word: str) -> Any:
    if not place:
        return word
    first, rest = place[0], place[1:]
    if isinstance(value, list):
        return [_replaced(entry, rest, word) if k == first else entry for k, entry in enumerate(value)]
    return {**value, first: _replaced(value[first], rest, word)}


def program_of(proof: Run, kept: Path) -> Program:
    """Return the program of a proof: the one that was kept, or, where that is gone, trained again to the same bits.

    Raises
    ------
    SoensimError
        It cannot be trained.
    """
    if kept.is_file():
        try:
            return Program.load(kept, compile_network(route(netlist_of(proof.job))))
        except SoensimError:  # a half of a disk: the training is the source
            pass
    return make_program(proof.job)[1]
