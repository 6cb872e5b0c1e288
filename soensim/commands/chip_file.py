"""Files that a command reads: a netlist, whose task is checked with the rest of it; and which files those are."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import yaml

from soensim.errors import NetlistError, RecipeError
from soensim.netlist import ExplicitPlacement, Netlist, load_netlist
from soensim.netlist.topology.topology import FileTopology
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
        source = read_yaml(Path(path))
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


def chip_files(path: str | Path, netlist: Netlist) -> list[Path]:
    """Return the files that describe a chip: the netlist, and those that it names."""
    folder = Path(path).parent
    files = [Path(path), *(file for file in technology_files(netlist.technology, folder))]
    files += [folder / p.topology.path for p in netlist.projections if isinstance(p.topology, FileTopology)]
    placement = netlist.floorplan.placement if netlist.floorplan is not None else None
    if isinstance(placement, ExplicitPlacement) and placement.path is not None:
        files.append(folder / placement.path)
    return files


def technology_files(name: str, folder: Path = Path()) -> list[Path]:
    """Return the file of a technology and those that it extends; none for a preset, or where they cannot be read."""
    files: list[Path] = []
    while name.endswith((".yaml", ".yml")) or "/" in name:
        file = folder / name
        if file in files:
            break
        files.append(file)
        try:
            name = str(yaml.safe_load(file.read_text(encoding="utf-8")).get("extends"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError):
            break
        folder = file.parent
    return files


def data_files(name: str | None, data_dir: str | None) -> list[Path]:
    """Return the files of a data set that are not soensim's own."""
    own = [Path(name.removeprefix("npz:"))] if name is not None and name.startswith("npz:") else []
    return own if data_dir is None else [*own, *Path(data_dir).glob("mnist/*")]
