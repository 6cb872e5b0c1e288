"""A netlist file as `check`, `train` and `evaluate` read it: its task is checked with the rest of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from soensim.errors import RecipeError
from soensim.netlist import Netlist, load_netlist
from soensim.netlist.yaml.source import read_yaml
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
        place, is_key = ("task", "rule"), False
        if task.rule in RECIPES:
            known = {item.name for item in fields(RECIPES[task.rule])}
            place, is_key = ("task", "recipe"), error.setting is not None and error.setting not in known
        at = place if error.setting is None else (*place, error.setting)
        raise read_yaml(Path(path)).error(at, str(error), key=is_key) from error
    return netlist
