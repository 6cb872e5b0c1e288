"""From labelled samples to a data set: classes, splits, presentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import Dataset, IntArray, Split, read_only
from soensim.data.own.labelled import Labelled, Raw, as_classes, as_sequences, check_present, digest_of
from soensim.data.presentation import (
    FITTED,
    Presentation,
    choose,
    read_presentation,
    read_settings,
    write_presentation,
)
from soensim.data.splits import fraction_of, stratified
from soensim.errors import DataError

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1


@dataclass(frozen=True)
class Asked:
    """What is asked of a data set of the user's own.

    Attributes
    ----------
    data_seed, validation_fraction
        As of `soensim.data.load_dataset`.
    lines
        Data lines of the chip; None where it is not known.
    settings
        Those of the presentation that are said, as words.
    trained
        Record of the data that a program was trained on: its presentation and its classes hold.
    """

    data_seed: int = 0
    validation_fraction: float | None = None
    lines: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    trained: Mapping[str, Any] | None = None


def make_dataset(name: str, where: str, raw: Raw, asked: Asked) -> Dataset:
    """Make a data set.

    Parameters
    ----------
    name
        Of the data set.
    where
        File or object, for messages.
    raw
        The samples.
    asked
        What is asked of them.

    Raises
    ------
    DataError
        Shapes, values or labels are not legal; there are too few samples; the presentation does not fit.
    """
    what = f"{where}: the presentation"
    settings = read_settings(asked.settings, what)
    trained = asked.trained or {}
    may_miss = _fills(settings, trained)
    values = {prefix: as_sequences(part.values, f"{where}: {prefix}inputs") for prefix, part in raw.parts.items()}
    _check_alike(raw.parts, values, where, may_miss=may_miss)
    names = tuple(trained["class_names"]) if trained.get("class_names") else raw.class_names
    labels, class_names = as_classes({prefix: part.labels for prefix, part in raw.parts.items()}, where, names)
    indices = _indices(labels, asked, where)
    train = values[""][indices["train"]]
    others = list(values.values())
    try:
        if trained.get("presentation") is None:
            presentation = choose(settings, train, others, asked.lines)
        else:
            presentation = as_trained(trained["presentation"], settings, what)
        steps, channels = presentation(train[:1]).shape[1:]
    except DataError as error:
        raise DataError(f"{where}: {error}".replace(f"{where}: {where}: ", f"{where}: ")) from error

    def split(purpose: str, prefix: str) -> Split:
        chosen = indices[purpose]
        return Split(values[prefix], presentation, read_only(labels[prefix][chosen]), read_only(chosen))

    origin = {
        "sha256": digest_of(raw),
        "presentation": write_presentation(presentation),
        "class_names": list(class_names),
    }
    return Dataset(
        name,
        asked.data_seed,
        len(class_names),
        steps,
        channels,
        split("train", ""),
        split("validation", "validation_" if raw.validation else ""),
        split("test", "test_" if raw.test else ""),
        origin,
        class_names,
        presentation,
    )


def as_trained(text: str, settings: Mapping[str, Any], what: str) -> Presentation:
    """Return the presentation of a program; refuse another one that is said.

    Raises
    ------
    DataError
        A setting differs, or the program's presentation is none.
    """
    presentation = read_presentation(text, "the presentation that the program stores")
    for key, value in settings.items():
        have = getattr(presentation, key)
        if value != have and not (key == "scale" and isinstance(have, tuple) and value in FITTED):
            raise DataError(
                f"{what} says {key}={value}, the program was trained with {text[:200] or 'the values as they are'}; "
                "leave it out, or train again"
            )
    return presentation


def _fills(settings: Mapping[str, Any], trained: Mapping[str, Any]) -> bool:
    stored = trained.get("presentation")
    missing = settings.get("missing", "refuse")
    if missing == "refuse" and stored is not None:
        missing = read_presentation(stored, "the presentation that the program stores").missing
    return bool(missing != "refuse")


def _check_alike(
    parts: Mapping[str, Labelled], values: Mapping[str, NDArray[Any]], where: str, *, may_miss: bool
) -> None:
    first = _channels(values[""])
    for prefix, part in values.items():
        if _channels(part) != first:
            raise DataError(
                f"{where}: {prefix}inputs have shape {_shape(part)}; legal: {first} channels, as the training samples"
            )
        count = len(parts[prefix].labels)
        if len(part) != count:
            raise DataError(f"{where}: {prefix}inputs have {len(part)} samples, {prefix}labels {count}; each needs one")
        check_present(part, f"{where}: {prefix}inputs", may_miss=may_miss)


def _channels(values: NDArray[Any]) -> int:
    return int((values[0] if values.dtype == object else values).shape[-1])


def _shape(values: NDArray[Any]) -> tuple[Any, ...]:
    return (len(values), "…", _channels(values)) if values.dtype == object else values.shape


def _indices(labels: Mapping[str, IntArray], asked: Asked, where: str) -> dict[str, IntArray]:
    """Draw the splits that are not given: a fifth of the samples for the test, a tenth of the others for validation."""
    sizes, given = [], {}
    count = len(labels[""])
    if "test_" in labels:
        given["test"] = np.arange(len(labels["test_"]), dtype=np.int64)
    else:
        sizes.append(round(count * TEST_FRACTION))
    if "validation_" in labels:
        if asked.validation_fraction is not None:
            raise DataError(f"{where}: has validation samples of its own; leave validation_fraction out")
        given["validation"] = np.arange(len(labels["validation_"]), dtype=np.int64)
    else:
        others = count - sum(sizes)
        sizes.append(fraction_of(others, asked.validation_fraction, round(others * VALIDATION_FRACTION)))
    drawn = stratified(labels[""], tuple(sizes), asked.data_seed, source=where)
    wanted: Sequence[str] = [name for name in ("test", "validation") if name not in given]
    return {**given, **dict(zip((*wanted, "train"), drawn, strict=True))}
