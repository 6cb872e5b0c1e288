"""An archive of numpy: `inputs`, `labels`, and optionally `test_inputs`, `test_labels`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from soensim._runtime.words import shown_path
from soensim.data.formats.format import Format
from soensim.data.own.labelled import Labelled, Raw
from soensim.errors import DataError
from soensim.files import load_npz, npz_names

_REQUIRED = ("inputs", "labels")
_OPTIONAL = ("validation_inputs", "validation_labels", "test_inputs", "test_labels")


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:  # noqa: ARG001
    """Read one archive.

    Raises
    ------
    DataError
        It cannot be read, or an array is missing or unknown.
    """
    path = paths[0]
    where = shown_path(path)
    if len(paths) > 1:
        raise DataError(f"{shown_path(paths[1])}: is a second archive; legal: one, with test_inputs and test_labels")
    advice = "write it with numpy.savez(path, inputs=..., labels=...)"
    names = npz_names(path, error=DataError, advice=advice)
    if missing := [name for name in _REQUIRED if name not in names]:
        raise DataError(f"{where}: array {missing[0]!r} is missing; it holds {names[:12]}")
    if unknown := [name for name in names if name not in (*_REQUIRED, *_OPTIONAL)]:
        raise DataError(f"{where}: unknown array {unknown[0]!r}; legal: {', '.join((*_REQUIRED, *_OPTIONAL))}")
    for purpose in ("validation", "test"):
        if (f"{purpose}_inputs" in names) != (f"{purpose}_labels" in names):
            raise DataError(f"{where}: {purpose}_inputs and {purpose}_labels come together; one of them is missing")
    arrays = load_npz(path, error=DataError, names=names, advice=advice, finite=False)  # values are checked later
    parts = {
        purpose: Labelled(arrays[f"{purpose}_inputs"], arrays[f"{purpose}_labels"])
        for purpose in ("validation", "test")
        if f"{purpose}_inputs" in arrays
    }
    return Raw.of({"train": Labelled(arrays["inputs"], arrays["labels"]), **parts})


FORMAT = Format("npz", (".npz",), "arrays inputs, labels, and test_inputs, test_labels where they are given", read)
