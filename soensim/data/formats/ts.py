"""Series of the UCR and UEA archives, `.ts`: a header of `@KEY VALUE`, then a sample per line.

The channels of a sample are parted by `:`, their values by `,`, and the class is the last part (A. Bagnall et al., The
UEA multivariate time series classification archive, arXiv:1811.00075). A missing value is `?` or `NaN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import nearest, real_number, shown, shown_path, whole_number
from soensim.data.formats.format import Format, train_and_test
from soensim.data.own.labelled import Labelled, Raw, unequal
from soensim.errors import DataError
from soensim.files import read_text

MAX_BYTES = 2 * 2**30
ENDINGS = (".ts",)
_MISSING = frozenset(("?", "nan", ""))
_SWITCHES = ("timestamps", "missing", "univariate", "equallength")
_COUNTS = ("dimension", "dimensions", "serieslength")
_KEYS = ("problemname", *_SWITCHES, *_COUNTS, "classlabel", "targetlabel", "data")


@dataclass(frozen=True)
class _Header:
    """What the header says; None is not said."""

    classes: tuple[str, ...]
    channels: int | None
    frames: int | None
    may_miss: bool
    univariate: bool | None


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:  # noqa: ARG001
    """Read a file, or one of the training and one of the test samples.

    Raises
    ------
    DataError
        One cannot be read, or is not as its header says; the message has the line.
    """
    train_file, test_file = train_and_test(paths, ENDINGS)
    header, train = _read(train_file)
    if test_file is None:
        return Raw(train, class_names=header.classes)
    of_test, test = _read(test_file)
    if of_test.classes != header.classes:
        raise DataError(
            f"{shown_path(test_file)}: has the classes {', '.join(of_test.classes)}, {shown_path(train_file)} "
            f"{', '.join(header.classes)}"
        )
    return Raw(train, test=test, class_names=header.classes)


def _read(path: Path) -> tuple[_Header, Labelled]:
    lines = read_text(path, limit_bytes=MAX_BYTES, error=DataError, what="series file").splitlines()
    words: dict[str, str] = {}
    first = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text[0] in "#%":
            continue
        if text[0] != "@":
            raise DataError(f"{shown_path(path)}:{number}: {shown(text)} comes before the line @data")
        key, _, value = text[1:].partition(" ")
        if key.lower() not in _KEYS:
            hint = nearest(key.lower(), _KEYS)
            raise DataError(f"{shown_path(path)}:{number}: unknown key @{key}; {hint}legal: @{', @'.join(_KEYS)}")
        if key.lower() == "data":
            first = number
            break
        words[key.lower()] = value.strip()
    else:
        raise DataError(f"{shown_path(path)}: has no line @data; it is no series file of the UCR and UEA archives")
    header = _header(words, shown_path(path))
    samples, labels = [], []
    for number, line in enumerate(lines[first:], first + 1):
        if line.strip() and line.strip()[0] not in "#%":
            sample, label = _sample(line.strip(), header, f"{shown_path(path)}:{number}")
            samples.append(sample)
            labels.append(label)
    if not samples:
        raise DataError(f"{shown_path(path)}: has no samples after @data")
    return header, Labelled(unequal(samples), np.array(labels))


def _header(words: Mapping[str, str], where: str) -> _Header:
    switches = {}
    for key in _SWITCHES:
        if key in words:
            if words[key].lower() not in ("true", "false"):
                raise DataError(f"{where}: @{key} is {shown(words[key])}; legal: true or false")
            switches[key] = words[key].lower() == "true"
    counts = {}
    for key in _COUNTS:
        if key in words:
            try:
                counts[key] = whole_number(words[key])
            except ValueError as error:
                raise DataError(f"{where}: @{key} is {shown(words[key])}; legal: a whole number") from error
    if switches.get("timestamps"):
        raise DataError(f"{where}: its values have time stamps; bring them to even times, and write @timeStamps false")
    label, *classes = words.get("classlabel", "false").split() or ["false"]
    if label.lower() != "true" or len(classes) < 2:
        target = " (its target is a number)" if "targetlabel" in words else ""
        raise DataError(f"{where}: names no classes{target}; it needs a line @classLabel true NAME NAME …")
    return _Header(
        tuple(classes),
        counts.get("dimensions", counts.get("dimension")),
        counts.get("serieslength") if switches.get("equallength", True) else None,
        switches.get("missing", True),
        switches.get("univariate"),
    )


def _sample(line: str, header: _Header, where: str) -> tuple[NDArray[np.float64], str]:
    *channels, label = line.split(":")
    label = label.strip()
    if label not in header.classes:
        raise DataError(f"{where}: the class is {shown(label)}; @classLabel has {', '.join(header.classes[:12])}")
    wanted = 1 if header.univariate else header.channels
    if not channels or (wanted is not None and len(channels) != wanted):
        raise DataError(f"{where}: has {len(channels)} channels; the header says {wanted or '1 or more'}")
    values = [_values(text, where) for text in channels]
    lengths = {len(channel) for channel in values}
    if len(lengths) > 1:
        raise DataError(
            f"{where}: its channels have {min(lengths)} to {max(lengths)} values; they must be of one length"
        )
    if header.frames is not None and lengths != {header.frames}:
        raise DataError(f"{where}: has {lengths.pop()} frames; @seriesLength says {header.frames}")
    sample = np.stack(values, axis=1)
    if not header.may_miss and np.isnan(sample).any():
        raise DataError(f"{where}: a value is missing, and @missing is false")
    return sample, label


def _values(text: str, where: str) -> NDArray[np.float64]:
    words = text.split(",")
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        values = np.array([_value(word.strip(), where) for word in words])
    if np.isinf(values).any():
        raise DataError(f"{where}: a value is infinite")
    return values


def _value(word: str, where: str) -> float:
    if word.lower() in _MISSING:
        return float("nan")
    try:
        return real_number(word)
    except ValueError as error:
        raise DataError(f"{where}: {shown(word)} is no number") from error


FORMAT = Format("ts", ENDINGS, "series of the UCR and UEA archives; TRAIN.ts,TEST.ts or the beginning of both", read)
