"""What a run folder records, read and checked: a file may be damaged, changed by hand, or of another program."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from soensim.errors import SoensimError
from soensim.files import load_json, load_yaml, read_text
from soensim.files.tensors import format_of
from soensim.netlist.base import NAME_PATTERN, shown
from soensim.training.recipes import Recipe
from soensim.training.run_folder import CHECKPOINT, CHECKPOINT_FORMAT, HISTORY, HISTORY_CSV, NETLIST, RECIPE, RUN

MAX_BYTES = 2**28  # a history of 100,000 epochs has 60 MB
_LARGEST = 1e39  # float32 has none beyond
_ADVICE = "give a run folder of `soensim train` that has finished an epoch"
_NOT_AGAIN = "restore it, or train again with another --run-dir: no checkpoint beside it can be resumed"
_AGAIN = "delete it, and the training's command with --resume writes it again"


class _Kind(NamedTuple):
    holds: Callable[[Any], bool]
    name: str


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value.encode()) >= 0
    except UnicodeEncodeError:  # half of a surrogate pair: no page can show it
        return False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


_TEXT = _Kind(_is_text, "text")
_WHOLE = _Kind(_is_whole, "a whole number, 0 or more")
_NUMBER = _Kind(_is_number, "a finite number")
_FRACTION = _Kind(lambda value: _is_number(value) and 0 <= value <= 1, "a number in [0, 1]")
_DURATION = _Kind(lambda value: _is_number(value) and value >= 0, "a number, 0 or more")
_SETTING = _Kind(lambda value: isinstance(value, bool) or _is_text(value) or _is_number(value), "text or a number")
_FILE = _Kind(lambda value: value is None or _is_text(value), "text or null")


def _one_of(*words: str) -> _Kind:
    return _Kind(lambda value: value in words, " or ".join(words))


Parts = Mapping[str, Any]
"""Of a mapping: a `_Kind` by key, or the parts of a mapping in it."""

_DESCRIPTION: Parts = {
    "netlist": _TEXT,
    "netlist_hash": _TEXT,
    "netlist_file": _FILE,
    "command": _TEXT,
    "recipe": {"rule": _TEXT, "keep": _one_of("last", "best"), "epochs": _WHOLE, "ideal_epochs": _WHOLE},
    "data": {"name": _TEXT, "data_seed": _WHOLE},
    "samples": {"train": _WHOLE, "train_accuracy": _WHOLE, "validation": _WHOLE},
    "versions": {},
}
_ROW: Parts = {
    "phase": _one_of("ideal", "quantised"),
    "loss": _NUMBER,
    "validation_accuracy": _FRACTION,
    "seconds": _DURATION,
}


def read_description(run_dir: Path) -> dict[str, Any]:
    """Read run.json.

    Raises
    ------
    SoensimError
        The file is missing or damaged, or lacks something that `describe_run` writes.
    """
    path = run_dir / RUN
    told = load_json(path, limit_bytes=MAX_BYTES, error=SoensimError, advice=_ADVICE)
    advice = _again(run_dir)
    _check(told, _DESCRIPTION, str(path), advice=advice)
    for key, kind in (("recipe", _SETTING), ("versions", _TEXT)):
        _check(told[key], dict.fromkeys(told[key], kind), f"{path}: {key}", advice=advice)
    return dict(told)


def _again(run_dir: Path) -> str:
    """Say how a file comes back: --resume writes it, if this soensim reads the checkpoint."""
    return _AGAIN if format_of(run_dir / CHECKPOINT) == CHECKPOINT_FORMAT else _NOT_AGAIN


def read_history(run_dir: Path) -> list[dict[str, Any]]:
    """Read history.json.

    Raises
    ------
    SoensimError
        The file is missing or damaged, or as `checked_history`.
    """
    path = run_dir / HISTORY
    rows = load_json(path, limit_bytes=MAX_BYTES, error=SoensimError, advice=_ADVICE)
    return checked_history(rows, f"{path}", error=SoensimError, advice=_again(run_dir))


def checked_history(rows: Any, where: str, *, error: type[SoensimError], advice: str) -> list[dict[str, Any]]:
    """Return rows of a history: one per epoch, counted from 1, numbers by name.

    Raises
    ------
    SoensimError
        Of the class ``error``: they are something else.
    """
    if not isinstance(rows, list) or not rows:
        raise error(f"{where}: {shown(rows)} is not a list of epochs; {advice}")
    for number, row in enumerate(rows, 1):
        at = f"{where}: epoch {number}"
        _check(row, _ROW, at, error=error, advice=advice)
        if type(row.get("epoch")) is not int or row["epoch"] != number:
            raise error(f"{at}: has the number {shown(row.get('epoch'))}; {advice}")
        others = {name: _NUMBER for name in row if name not in _ROW}
        _check(row, others, at, error=error, advice=advice)
        for name in row:
            if not re.fullmatch(NAME_PATTERN, name):
                raise error(f"{at}: {shown(name)} is no name of a column; {advice}")
    return list(rows)


def check_records(run_dir: Path, recipe: Recipe, netlist_hash: str) -> None:
    """Refuse to go on in a folder whose records are not those of the training; one that is missing is no fault.

    Raises
    ------
    SoensimError
        A file is damaged, or says something else.
    """
    if (path := run_dir / RUN).exists():
        told = read_description(run_dir)
        if told["netlist_hash"] != netlist_hash or told["recipe"] != recipe.as_dict():
            raise SoensimError(f"{path}: is of another training than the checkpoint beside it; {_AGAIN}")
    if (path := run_dir / RECIPE).exists():
        settings = load_yaml(path, error=SoensimError, what="recipe", advice=_AGAIN).value
        if settings != {key: value for key, value in recipe.as_dict().items() if key != "rule"}:
            raise SoensimError(f"{path}: has other settings than the training; {_AGAIN}")
    if (path := run_dir / NETLIST).exists():
        content = load_yaml(path, error=SoensimError, what="netlist", advice=_AGAIN).value
        if not isinstance(content, dict):
            raise SoensimError(f"{path}: is no netlist; {_AGAIN}")
    if (run_dir / HISTORY).exists():
        read_history(run_dir)
    if (path := run_dir / HISTORY_CSV).exists():
        text = read_text(path, limit_bytes=MAX_BYTES, error=SoensimError)
        if not text.startswith("epoch,"):
            raise SoensimError(f"{path}: does not begin with the column `epoch`; {_AGAIN}")


def _check(value: Any, parts: Parts, where: str, *, error: type[SoensimError] = SoensimError, advice: str) -> None:
    """Refuse what is no mapping with these keys and kinds; others may be there too."""
    if not isinstance(value, dict):
        raise error(f"{where}: {shown(value)} is not what `soensim train` writes there; {advice}")
    for key, kind in parts.items():
        if key not in value:
            raise error(f"{where}: {key} is missing; {advice}")
        if not isinstance(kind, _Kind):
            _check(value[key], kind, f"{where}: {key}", error=error, advice=advice)
        elif not kind.holds(value[key]):
            raise error(f"{where}: {shown(key)[1:-1]} is {shown(value[key])}, and must be {kind.name}; {advice}")
