"""Run folders of `soensim train`: what was asked for, what happened, and in what several of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soensim.errors import NetlistError, SoensimError
from soensim.files import read_text
from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.network import Network, compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.training.netlist_copy import MAX_NETLIST_BYTES
from soensim.training.pruned_chip import NETLIST_FILE, pruned_files
from soensim.training.result import program_row
from soensim.training.run_folder import HISTORY, NETLIST, NETLIST_FILES, PROGRAM, RUN
from soensim.training.run_records import read_description, read_history

Settings = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One training, as its run folder records it.

    Attributes
    ----------
    folder
        Path of the run folder.
    description
        Content of run.json.
    history
        One row per finished epoch.
    netlist
        The chip, or None where it came from no file.
    """

    folder: Path
    description: Mapping[str, Any]
    history: list[dict[str, Any]]
    netlist: Netlist | None

    @property
    def settings(self) -> Settings:
        """Every setting of recipe, data and chip by its path, flat."""
        parts = {**self.description["recipe"], "data": self.description["data"]["name"]}
        parts["data_seed"] = self.description["data"]["data_seed"]
        chip = {} if self.netlist is None else self.netlist.model_dump(mode="json", by_alias=True)
        return dict(_flat({**parts, "chip": chip}))

    @property
    def stated(self) -> set[str]:
        """Those settings of the chip that its netlist states, and all of the recipe."""
        chip = (
            {} if self.netlist is None else self.netlist.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        )
        left_out = {key for key in self.settings if key.startswith("chip.")} - {key for key, _ in _flat(chip, "chip")}
        return set(self.settings) - left_out

    @property
    def epoch(self) -> int:
        """The epoch that became the program, or would so far."""
        recipe = self.description["recipe"]
        return int(program_row(self.history, keep=recipe["keep"], ideal_epochs=recipe["ideal_epochs"])["epoch"])

    @property
    def accuracy(self) -> float:
        """Validation accuracy at that epoch."""
        return float(self.history[self.epoch - 1]["validation_accuracy"])


def load_run(folder: str | Path) -> Run:
    """Read a run folder, of a finished or a running training.

    Raises
    ------
    SoensimError
        It is no run folder, or a file of it is damaged.
    """
    folder = Path(folder)
    description, history = read_description(folder), read_history(folder)
    recipe = description["recipe"]
    epochs = recipe["ideal_epochs"] + recipe["epochs"]
    if len(history) > epochs:
        raise SoensimError(
            f"{folder / HISTORY}: has {len(history)} epochs, of a training of {epochs} by {folder / RUN}; "
            "one of them is of another training"
        )
    return Run(folder, description, history, _netlist(folder, description["netlist_file"]))


def _netlist(folder: Path, original: str | None) -> Netlist | None:
    """Read the copy of the chip; None for a training whose chip came from no file."""
    copy = folder / NETLIST
    if original is None:
        return None
    advice = f"the chip was {original}; copy it there if it has not changed"
    text = read_text(copy, limit_bytes=MAX_NETLIST_BYTES, error=NetlistError, advice=advice)
    # a run folder of an earlier version has no copies of edge files and technologies
    beside = folder if (folder / NETLIST_FILES).is_dir() else Path(original).parent
    return parse_netlist(text, name=str(copy), folder=beside)


def load_trained(run: Run) -> tuple[Network, Program] | None:
    """Compile the chip of a run and read its program; None before the training has ended, or without a netlist.

    Raises
    ------
    SoensimError
        The chip is no longer the one that was trained: an edge file or the technology changed.
    """
    path = run.folder / PROGRAM
    if run.netlist is None or not path.is_file():
        return None
    pruned = pruned_files(run.netlist, path)[NETLIST_FILE]
    has_budget = bool(run.description["recipe"].get("wiring_budget_mm"))
    network = compile_network(route(load_netlist(pruned) if has_budget else run.netlist))
    return network, Program.load(path, network)


def differences(runs: Sequence[Run]) -> list[Settings]:
    """Return for each run the settings in which not all of them agree, under the shortest names that tell them apart.

    Seeds are left out, unless nothing else differs; so are the chip's name where the chips differ in more, and what
    no netlist states. A run does not name what it does not have, such as the density of all-to-all.
    """
    settings, stated = [run.settings for run in runs], set().union(*(run.stated for run in runs))
    keys = [key for key in dict.fromkeys(key for one in settings for key in one) if key in stated]
    differing = [key for key in keys if len({json.dumps(one.get(key)) for one in settings}) > 1]
    named = [key for key in differing if not _is_seed(key) and key != "chip.name"] or differing
    short = {key: _short(key, named) for key in named}
    return [{short[key]: one[key] for key in named if one.get(key) is not None} for one in settings]


def labels(runs: Sequence[Run]) -> list[str]:
    """Name each run by the settings in which it differs from the others."""
    texts = [", ".join(f"{name} {_shown(value)}" for name, value in one.items()) for one in differences(runs)]
    return [label or run.folder.name for label, run in zip(texts, runs, strict=True)]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested settings; a projection is called by its populations."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for index, part in enumerate(value):
            ends = isinstance(part, dict) and "source" in part and "target" in part
            name = f"{part['source']}->{part['target']}" if ends else str(index)
            name += f".{part['place']}" if ends and part.get("place") else ""
            yield from _flat(part, f"{path}.{name}")
    else:
        yield path, value


def _is_seed(key: str) -> bool:
    return key.rpartition(".")[2] in ("train_seed", "data_seed", "seed")


def _short(key: str, among: Sequence[str]) -> str:
    parts = key.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[-count:])
        if sum(other == name or other.endswith(f".{name}") for other in among) == 1:
            return name
    return key


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
