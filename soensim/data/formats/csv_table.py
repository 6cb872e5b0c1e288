"""Tables: wide, a row per sample; or long, a row per frame of a sample, or per value of one.

Columns are known by their names: `label` (also class, target, y), `split` (train, validation, test), and of a long
table `sample` (also series), `frame` (also time, t), and `channel` and `value` together where a row holds one value.
All others are channels. A table without names has the numbers of its columns as names.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import real_number, shown, shown_path
from soensim.data.formats.format import Format, train_and_test
from soensim.data.own.labelled import Labelled, Raw, unequal
from soensim.errors import DataError
from soensim.files import read_text

MAX_BYTES = 2 * 2**30
ENDINGS = (".csv", ".tsv")
_MOST_HEADER = 1 << 20  # letters in which the first line is looked for
_MISSING = frozenset(("", "?", "nan", "na", "null", "none"))
_USUAL = {
    "label": ("label", "class", "target", "y"),
    "sample": ("sample", "series"),
    "frame": ("frame", "time", "t"),
    "channel": ("channel",),
    "value": ("value",),
    "split": ("split",),
}
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}

OPTIONS = MappingProxyType(
    {
        **{role: f"column of the {role}" for role in _USUAL},
        "ignore": "columns that are no channels, with / between them",
    }
)


@dataclass
class _Samples:
    """Samples of one split, by their names in the table."""

    rows: dict[str, list[tuple[float, NDArray[np.float64]]]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Columns:
    """Places of the columns that have a meaning, and of the channels."""

    names: Sequence[str]
    roles: Mapping[str, int]
    channels: tuple[int, ...]

    def word(self, row: Sequence[str], role: str, usual: str = "") -> str:
        """Return the word of a row in a column that may not be there."""
        return row[self.roles[role]] if role in self.roles else usual


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:
    """Read a table, or one of the training and one of the test samples.

    Raises
    ------
    DataError
        One cannot be read, lacks a column, or has a word where a number belongs.
    """
    train_file, test_file = train_and_test(paths, ENDINGS)
    parts = _split_table(train_file, options)
    if test_file is not None:
        if parts.keys() != {"train"}:
            raise DataError(
                f"{shown_path(train_file)}: has a column of splits, and {shown_path(test_file)} is given too"
            )
        parts["test"] = _split_table(test_file, options)["train"]
    if "train" not in parts:
        raise DataError(f"{shown_path(train_file)}: no sample is of the split train")
    return Raw.of(parts)


def _split_table(path: Path, options: Mapping[str, str]) -> dict[str, Labelled]:
    rows = _rows(path)
    line, first = next(rows, (1, []))
    named = any(not _is_number(word) for word in first)
    columns = _columns(first if named else [str(k) for k in range(len(first))], options, path)
    parts: dict[str, _Samples] = {}
    for number, row in rows if named else _chain((line, first), rows):
        where = f"{shown_path(path)}:{number}"
        if len(row) != len(columns.names):
            raise DataError(f"{where}: has {len(row)} columns, the first line {len(columns.names)}")
        word = columns.word(row, "split", "train").lower()
        if word not in _SPLITS:
            raise DataError(f"{where}: the split is {shown(word)}; legal: train, validation, test")
        _take(parts.setdefault(_SPLITS[word], _Samples()), columns, row, number, where)
    if not parts:
        raise DataError(f"{shown_path(path)}: has no rows")
    return {split: _labelled(samples, columns, shown_path(path)) for split, samples in parts.items()}


def _take(samples: _Samples, columns: _Columns, row: Sequence[str], number: int, where: str) -> None:
    """Add a row to its sample."""
    name = columns.word(row, "sample", str(number))
    label = row[columns.roles["label"]]
    if label.lower() in _MISSING:
        raise DataError(f"{where}: has no label")
    if samples.labels.setdefault(name, label) != label:
        raise DataError(f"{where}: sample {shown(name)} has the label {shown(label)}, before {samples.labels[name]!r}")
    held = samples.rows.setdefault(name, [])
    frame = _number(columns.word(row, "frame", str(len(held))), f"{where}: column {shown(_name(columns, 'frame'))}")
    if "channel" in columns.roles:
        channel = _number(row[columns.roles["channel"]], f"{where}: column {shown(_name(columns, 'channel'))}")
        value = _number(row[columns.roles["value"]], f"{where}: column {shown(_name(columns, 'value'))}", may_miss=True)
        held.append((frame, np.array([channel, value])))
    else:
        held.append((frame, _numbers(row, columns, where)))


def _labelled(samples: _Samples, columns: _Columns, where: str) -> Labelled:
    """Put the rows of each sample in the order of their frames."""
    if "channel" in columns.roles:
        channels = sorted({int(pair[0]) for rows in samples.rows.values() for _, pair in rows})
        arrays = [_one_per_value(rows, channels, f"{where}: sample {name}") for name, rows in samples.rows.items()]
    else:
        arrays = [_one_per_frame(rows, f"{where}: sample {name}") for name, rows in samples.rows.items()]
    return Labelled(unequal(arrays), np.array(list(samples.labels.values())))


def _one_per_frame(rows: list[tuple[float, NDArray[np.float64]]], where: str) -> NDArray[np.float64]:
    frames = [frame for frame, _ in rows]
    if len(set(frames)) < len(frames):
        twice = next(frame for frame in frames if frames.count(frame) > 1)
        raise DataError(f"{where} has frame {twice:g} twice")
    return np.stack([values for _, values in sorted(rows, key=lambda pair: pair[0])])


def _one_per_value(
    rows: list[tuple[float, NDArray[np.float64]]], channels: Sequence[int], where: str
) -> NDArray[np.float64]:
    frames = sorted({frame for frame, _ in rows})
    place = {frame: k for k, frame in enumerate(frames)}
    column = {channel: k for k, channel in enumerate(channels)}
    values = np.full((len(frames), len(channels)), np.nan)
    seen = set()
    for frame, (channel, value) in rows:
        at = place[frame], column[int(channel)]
        if at in seen:
            raise DataError(f"{where} has frame {frame:g} of channel {channel:g} twice")
        seen.add(at)
        values[at] = value
    return values


def _columns(names: Sequence[str], options: Mapping[str, str], path: Path) -> _Columns:
    """Find out what each column is."""
    where = shown_path(path)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise DataError(f"{where}:1: two columns are called {shown(twice)}; there are {listed}")
    roles = {}
    for role, usual in _USUAL.items():
        if role in options:
            if options[role] not in names:
                raise DataError(f"{where}:1: there is no column {shown(options[role])} ({role}=); there are {listed}")
            roles[role] = names.index(options[role])
        else:
            found = [k for k, name in enumerate(names) if name.lower() in usual]
            if role == "label" and len(found) > 1:  # `y` may be a coordinate
                found = [k for k in found if names[k].lower() != "y"]
            if len(found) > 1:
                raise DataError(f"{where}:1: several columns may be the {role}; say which: ::{role}={names[found[0]]}")
            roles |= {role: found[0]} if found else {}
    if "label" not in roles:
        raise DataError(
            f"{where}:1: no column is called {', '.join(_USUAL['label'])}; say which is the label: ::label=COLUMN; "
            f"there are {listed}"
        )
    if "sample" not in roles:  # a wide table: these names are those of channels
        roles = {role: k for role, k in roles.items() if role in ("label", "split") or role in options}
    elif ("channel" in roles) != ("value" in roles):
        roles = {role: k for role, k in roles.items() if role not in ("channel", "value")}
    ignored = [name for name in options.get("ignore", "").split("/") if name]
    if unknown := [name for name in ignored if name not in names]:
        raise DataError(f"{where}:1: there is no column {shown(unknown[0])} (ignore=); there are {listed}")
    channels = tuple(k for k, name in enumerate(names) if k not in roles.values() and name not in ignored)
    if not channels and "channel" not in roles:
        raise DataError(f"{where}:1: no column is left for the values; there are {listed}")
    return _Columns(names, roles, channels)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    text = read_text(path, limit_bytes=MAX_BYTES, error=DataError, what="CSV file")
    first = next((line for line in text[:_MOST_HEADER].splitlines() if line.strip()), "")
    mark = next((mark for mark in ",;\t" if mark in first), " ")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True, strict=True)
    try:
        for row in rows:
            words = [word.strip() for word in row]
            if any(words):
                yield rows.line_num, words
    except csv.Error as error:
        raise DataError(f"{shown_path(path)}:{rows.line_num}: is not a CSV file: {error}") from error


def _chain(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _numbers(row: Sequence[str], columns: _Columns, where: str) -> NDArray[np.float64]:
    words = [row[k] for k in columns.channels]
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        values = None
    if values is None or not np.isfinite(values).all():  # slowly, with the place
        named = zip(columns.channels, words, strict=True)
        found: list[Any] = [
            _number(word, f"{where}: column {shown(columns.names[k])}", may_miss=True) for k, word in named
        ]
        return np.array(found, dtype=np.float64)
    return values


def _number(word: str, where: str, *, may_miss: bool = False) -> float:
    if may_miss and word.lower() in _MISSING:
        return math.nan
    try:
        value = real_number(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: {shown(word)} is no finite number")
    return value


def _is_number(word: str) -> bool:
    try:
        real_number(word)
    except ValueError:
        return word.lower() in _MISSING
    return True


def _name(columns: _Columns, role: str) -> str:
    return columns.names[columns.roles[role]] if role in columns.roles else role


FORMAT = Format(
    "csv", ENDINGS, "a table with a column `label`: a row per sample, or per frame of a `sample`", read, OPTIONS
)
