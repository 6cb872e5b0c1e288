"""From a chip, what a study asks of it, and the settings of a point, to one run: its job and its key."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from soensim._runtime.words import nearest, shown
from soensim.data import absolute_name, own_name
from soensim.errors import SoensimError, StudyError
from soensim.fabrication.sizes import check_sizes, full_name
from soensim.netlist import Task
from soensim.netlist.topology.topology import needs_seed
from soensim.netlist.yaml.load import load_netlist, netlist_source
from soensim.program import Program
from soensim.study.key_path import ALL, Document, KeyPath, value_at, with_value
from soensim.study.run import Level, Run
from soensim.technology import technology_files
from soensim.training.task import assign

Seeded = Literal["train", "topology", "chip", "data", "read"]
SEEDED: tuple[Seeded, ...] = get_args(Seeded)
"""What can have another seed in every run of a point."""
USUALLY_SEEDED: tuple[Seeded, ...] = ("train", "topology", "chip")

_WORDS = ("chip", "data", "rule", "program")
_GROUPS = ("recipe", "evaluate", "technology")
_SCORING = ("trials", "refine", "circuit", "read_seed", "chip_seed", "require", "yield", "split")
_SPLITS = ("test", "validation")
_VERSION = version("soensim")
_SPREAD = "spread."
_WHERE_ONLY = ("folder", "data_dir", "keep")  # where files are, which decides nothing
_WITH_SEEDS = ("netlist", "recipe", "evaluate")


@dataclass(frozen=True)
class Question:
    """What a study asks, beside its factors.

    Attributes
    ----------
    chip
        Netlist file of the chip that settings go over.
    settings
        What holds at every point, by path, under the settings of the point: keys of the netlist; `recipe.NAME`;
        `technology.QUANTITY`; `evaluate.NAME` (trials, refine, circuit, chip_seed, read_seed, require, yield, split,
        spread.NAME); `data`, `rule`, `chip`, and `program`, a file that is scored without a training.
    varied
        Whose seeds count up with the seed of the run; some of `SEEDED`.
    measures
        Further measures, by path in the JSON of `evaluate` or `check`.
    folder
        Where the paths of chips and programs are looked up.
    data_dir
        Folder with local data files, as `load_dataset` takes it.
    """

    chip: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    varied: tuple[str, ...] = USUALLY_SEEDED
    measures: tuple[str, ...] = ()
    folder: Path = Path()
    data_dir: str | None = None


@dataclass(frozen=True)
class _Chip:
    """A netlist file as it is, and what its program was trained for."""

    path: Path
    document: Document
    folder: Path
    task: Task | None


@dataclass(frozen=True)
class _Training:
    """Name of a data set, and every setting of a recipe."""

    data: str
    recipe: Mapping[str, Any]
    seeded: dict[int, tuple[dict[str, Any], str]] = field(default_factory=dict)
    """The recipe with its seed counted up, and its JSON, by how far: points with one recipe share them."""

    def with_seed(self, offset: int) -> tuple[dict[str, Any], str]:
        """Return the recipe with another seed, and its JSON."""
        if offset not in self.seeded:
            recipe = {**self.recipe, "train_seed": self.recipe["train_seed"] + offset}
            self.seeded[offset] = recipe, _text(recipe)
        return self.seeded[offset]


class RunMaker:
    """Makes the runs of a question; every file is read once.

    Parameters
    ----------
    question
        What is asked.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self._chip, self._digest = cache(_read_chip), cache(_digest)
        self._assigned: dict[str, _Training] = {}
        self._files: dict[Path, None] = {}
        self._chips: dict[Path, None] = {}
        self._last: _Point | None = None

    def make(self, levels: Mapping[str, Level], settings: Mapping[str, Any], seed: int) -> Run:
        """Make a run.

        Parameters
        ----------
        levels
            Level of each factor, by name, for the table.
        settings
            What these levels set, by path.
        seed
            Of this run.

        Raises
        ------
        SoensimError
            A path is no path of a key, or the rule, a setting of it or the data set does not exist. Whether the netlist
            is legal with these settings is not looked at.
        """
        if self._last is None or self._last.settings is not settings:
            self._last = self._prepared(settings)
        point = self._last
        job, texts = point.job_of(seed)
        return Run(_hash(texts), dict(levels), seed, job)

    def _prepared(self, settings: Mapping[str, Any]) -> _Point:
        """Make what all runs of a point share."""
        question = self.question
        words, groups, keys = _sorted_out({**question.settings, **settings})
        chip = self._chip(question.folder / str(words.get("chip", question.chip)))
        scores = groups["evaluate"].get("trials") != 0
        training = self._assign(chip, words, groups["recipe"]) if scores else None
        document = _with_keys(chip.document, keys)
        program = None if words.get("program") is None else question.folder / str(words["program"])
        data = None if training is None else training.data
        read = [*_files_of(document, chip.path.parent), *([] if program is None else [program])]
        own = None if data is None else own_name(data)
        read += [] if own is None else own.files()
        self._chips[chip.path] = None
        self._files.update(dict.fromkeys((chip.path, *read)))
        job = {
            "netlist": document,
            "quantities": groups["technology"],
            "data": data,
            "recipe": None,
            "program": None if program is None else str(program),
            "evaluate": {"trials": 10, "chip_seed": 0, "read_seed": 0, **groups["evaluate"]},
            "measures": list(question.measures),
            "soensim": _VERSION,
            "folder": str(chip.folder),
            "data_dir": question.data_dir,
            "files": self._digests(read),
        }
        return _Point(settings, job, training, question.varied)

    def _digests(self, paths: Iterable[Path]) -> dict[str, str]:
        """Digest files by their names, without their folders; a second file of one name has a number."""
        digests: dict[str, str] = {}
        for path in paths:
            same = sum(name.partition("#")[0] == path.name for name in digests)
            digests[f"{path.name}#{same + 1}" if same else path.name] = self._digest(path)
        return digests

    def _beside(self, data: str | None) -> str | None:
        """Look own data up in the folder of the question, as chips and programs are."""
        own = None if data is None else own_name(data)
        return data if own is None else own.moved(self.question.folder).whole

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the runs made so far read: netlists, what these name, programs, own data."""
        return tuple(self._files)

    @property
    def chips(self) -> tuple[Path, ...]:
        """Netlist files of the runs made so far."""
        return tuple(self._chips)

    def _assign(self, chip: _Chip, words: Mapping[str, Any], settings: Mapping[str, Any]) -> _Training:
        """Look up data set and recipe, once for all seeds."""
        key = json.dumps([str(chip.path), words, settings], sort_keys=True)
        if key not in self._assigned:
            found = assign(chip.task, data=self._beside(words.get("data")), rule=words.get("rule"), settings=settings)
            self._assigned[key] = _Training(absolute_name(found.data), found.recipe.as_dict())
        return self._assigned[key]


class _Point:
    """What the runs of a point share; the seed of a run goes over it.

    Parameters
    ----------
    settings
        That the point was made for.
    job
        As of `RunMaker.make`, without `data_seed` and recipe, and with the seeds that the settings say.
    training
        Has the recipe; None where nothing is trained or scored.
    varied
        Whose seeds count up with the seed of the run.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        job: Mapping[str, Any],
        training: _Training | None,
        varied: Sequence[str],
    ) -> None:
        self.settings, self._job, self._training, self._varied = settings, job, training, frozenset(varied)
        self._same = {key: _text(value) for key, value in _decisive(job).items() if key not in _WITH_SEEDS}
        first, second = (_with_seeds(job["netlist"], seed) for seed in (0, 1))
        drawn = "topology" in self._varied and first != second
        self._fixed = None if drawn else (first, _text(first))

    def job_of(self, seed: int) -> tuple[dict[str, Any], dict[str, str]]:
        """Make the job of a run, and what decides its outcome as JSON by key."""
        offset = {name: seed if name in self._varied else 0 for name in SEEDED}
        scoring = dict(self._job["evaluate"])
        scoring["chip_seed"] += offset["chip"] * scoring["trials"]  # no chip is drawn for two runs
        scoring["read_seed"] += offset["read"]
        recipe, told = (None, "null") if self._training is None else self._training.with_seed(offset["train"])
        document, text = self._fixed or self._drawn(offset["topology"])
        seeded = {"data_seed": offset["data"], "evaluate": scoring}
        texts = {**self._same, "netlist": text, "recipe": told, **{key: _text(value) for key, value in seeded.items()}}
        return {**self._job, **seeded, "netlist": document, "recipe": recipe}, texts

    def _drawn(self, seed: int) -> tuple[Document, str]:
        """Make the netlist with seeds of drawn topologies, and its JSON."""
        document = _with_seeds(self._job["netlist"], seed)
        return document, _text(document)


def run_of(job: Mapping[str, Any], levels: Mapping[str, Level], seed: int) -> Run:
    """Make the run of a job; its key is the hash of all in it that decides the outcome."""
    texts = {key: _text(value) for key, value in _decisive(job).items()}
    return Run(_hash(texts), dict(levels), seed, job)


def _decisive(job: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what decides no outcome: where files are, whose content is digested, and what is kept."""
    decisive = {key: value for key, value in job.items() if key not in _WHERE_ONLY}
    if decisive.get("program") is not None:
        decisive["program"] = Path(decisive["program"]).name
    if (own := own_name(decisive.get("data") or "")) is not None:
        decisive["data"] = own.without_folders()
    return decisive


_text = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _hash(texts: Mapping[str, str]) -> str:
    """Hash the JSON of a mapping, of which every value is JSON already."""
    whole = ",".join(f'"{key}":{texts[key]}' for key in sorted(texts))
    return hashlib.sha256(f"{{{whole}}}".encode()).hexdigest()


def _sorted_out(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, Any]]:
    """Part settings into words of the study, groups, and keys of the netlist."""
    words: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    keys: dict[str, Any] = {}
    for path, value in settings.items():
        first, _, rest = path.partition(".")
        if path in _WORDS:
            words[path] = value
        elif first in _GROUPS and rest:
            groups[first][rest] = value
        elif first == "task":
            meant = rest if rest in _WORDS or rest.startswith("recipe.") else "data, rule or recipe.NAME"
            raise StudyError(f"{path}: a study says what is trained, and not the netlist's task; write {meant}")
        else:
            keys[path] = value
    for word, value in words.items():
        if not isinstance(value, str):
            raise StudyError(f"{word}: {shown(value)} is not legal; it must be text")
    for key, value in groups["technology"].items():
        _check_number(f"technology.{key}", value)
    groups["evaluate"] = _checked_scoring(groups["evaluate"])
    return words, groups, keys


def _checked_scoring(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse unknown settings of `evaluate`, and write sizes of imperfections under their full names."""
    checked = {}
    for name, value in settings.items():
        if name.startswith(_SPREAD):
            checked[_SPREAD + _checked_size(name, value)] = float(value)
        elif name in _SCORING:
            checked[name] = value
        else:
            raise StudyError(
                f"evaluate.{name}: there is no such setting; {nearest(name, _SCORING)}there are "
                f"{', '.join(_SCORING)} and spread.NAME"
            )
    if checked.get("split", "test") not in _SPLITS:
        raise StudyError(f"evaluate.split: {shown(checked['split'])} is not legal; it must be {' or '.join(_SPLITS)}")
    for name, least in (("trials", 0), ("refine", 1), ("circuit", 1), ("read_seed", 0), ("chip_seed", 0)):
        value = checked.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise StudyError(
                f"evaluate.{name}: {shown(value)} is not legal; it must be a whole number, {least} or more"
            )
    if "yield" in checked:
        _check_number("evaluate.yield", checked["yield"])
        if "require" not in checked:
            raise StudyError("evaluate.yield: is a share of the chips that meet evaluate.require; set that too")
    return checked


def _check_number(path: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise StudyError(f"{path}: {shown(value)} is not legal; it must be a finite number")


def _checked_size(name: str, value: Any) -> str:
    _check_number(f"evaluate.{name}", value)
    try:
        full = full_name(name.removeprefix(_SPREAD))
        check_sizes({full: float(value)})
    except SoensimError as error:
        raise StudyError(f"evaluate.{name}: {error}") from error
    return full


def _with_keys(document: Document, keys: Mapping[str, Any]) -> Document:
    """Set keys of a netlist; first kinds, since the other keys of a part are those of its kind."""
    read = {path: KeyPath.read(path) for path in keys}
    for path in sorted(keys, key=lambda path: _rank(read[path])):
        key, value = read[path], keys[path]
        set_value = _with_kind if path.endswith(".kind") else with_value
        document = set_value(document, key, value)
    return document


def _rank(path: KeyPath) -> tuple[bool, int, bool]:
    """Order in which keys are set: kinds, then wholes before their parts, then all entries before one of them."""
    return path.parts[-1] != "kind", len(path.parts), ALL not in path.parts


def _with_kind(document: Document, key: KeyPath, kind: Any) -> Document:
    """Set the kind of a part, which leaves keys of another kind behind."""
    holder = KeyPath(key.text, key.parts[:-1])
    for place in holder.places(document):
        here = KeyPath(key.text, tuple(map(str, place)))
        part = value_at(document, place)
        same = part == kind or (isinstance(part, Mapping) and part.get("kind") == kind)
        document = document if same else with_value(document, here, {"kind": kind})
    return document


def _with_seeds(document: Document, seed: int) -> Document:
    """Count the seeds of drawn topologies up, and give one to those that lack it."""
    projections = document.get("projections")
    if not isinstance(projections, list):
        return document
    seeded = []
    for projection in projections:
        topology = projection.get("topology") if isinstance(projection, Mapping) else None
        if isinstance(topology, Mapping) and needs_seed(topology):
            drawn = topology.get("seed", 0)
            drawn = drawn + seed if isinstance(drawn, int) else drawn
            seeded.append({**projection, "topology": {**topology, "seed": drawn}})
        else:
            seeded.append(projection)
    return {**document, "projections": seeded}


def _read_chip(path: Path) -> _Chip:
    netlist = load_netlist(path)  # so that it is legal before anything is set
    task = netlist.task or _task_of_program(path.with_suffix(".safetensors"))
    return _Chip(path, netlist_source(path).value, path.parent.absolute(), task)


def _task_of_program(path: Path) -> Task | None:
    """What the program beside a netlist was trained for; None where there is none, or its header does not say."""
    if not path.is_file():
        return None
    header = Program.load(path).header
    if not header.get("data") or not header.get("recipe"):
        return None
    settings = dict(header["recipe"])
    return Task.model_construct(data=header["data"]["name"], rule=settings.pop("rule"), recipe=settings)


def _files_of(document: Document, folder: Path) -> Iterable[Path]:
    """Files that a netlist names: of its technology, edges and positions."""
    technology, projections = document.get("technology"), document.get("projections")
    if isinstance(technology, str):
        yield from technology_files(technology, folder)
    floorplan = document.get("floorplan")
    parts: Sequence[Any] = (
        [p.get("topology") for p in projections if isinstance(p, Mapping)] if isinstance(projections, list) else []
    )
    parts = [*parts, floorplan.get("placement") if isinstance(floorplan, Mapping) else None]
    for part in parts:
        if isinstance(part, Mapping) and isinstance(part.get("path"), str):
            yield folder / part["path"]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
