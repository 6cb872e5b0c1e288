"""A netlist file as `check`, `train` and `evaluate` read it: its task is checked with the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from soensim._runtime.words import shown_path
from soensim.errors import NetlistError, RecipeError, SoensimError
from soensim.netlist import Netlist, load_netlist
from soensim.netlist.yaml.load import netlist_source
from soensim.training.recipes import RECIPES
from soensim.training.task import assign


def load_chip(path: str | Path) -> Netlist:
    """Read a netlist file, and check that its task, if it has one, can be trained.

    Raises
    ------
    NetlistError
        With the place in the file: as `load_netlist`, or the task names an unknown rule or setting, or a value that
        the rule does not take.
    """
    netlist = load_netlist(path)
    task = netlist.task
    if task is None:
        return netlist
    try:
        assign(task)
    except RecipeError as error:
        source = netlist_source(path)
        if task.rule not in RECIPES:
            raise source.error(("task", "rule"), str(error)) from error
        known = {item.name for item in fields(RECIPES[task.rule])}
        lines = {}
        for part in error.parts:
            at = ("task", "recipe") if part.setting is None else ("task", "recipe", part.setting)
            is_key = part.setting is not None and part.setting not in known
            lines[source.position(at, key=is_key), str(part)] = str(source.error(at, str(part), key=is_key))
        raise NetlistError.of_file(str(path), [lines[place] for place in sorted(lines)]) from error
    return netlist


@contextmanager
def naming_file(path: str | Path) -> Iterator[None]:
    """Put a file in front of an error that what was made of it raises, and that does not name it.

    Raises
    ------
    SoensimError
        The error, with the file.
    """
    name = shown_path(path)
    try:
        yield
    except SoensimError as error:
        if name in str(error):
            raise
        raise SoensimError(f"{name}: {error}") from error
