"""Spikes in HDF5, as the Spiking Heidelberg Digits (SHD) and Spiking Speech Commands (SSC) have them, counted in bins.

`spikes/times` (s) and `spikes/units`, an array per sample, `labels`, and where they are there names of the classes in
`extra/keys` (B. Cramer et al., IEEE TNNLS 33, 2744, 2022, arXiv:1910.07407).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.memory import require_memory
from soensim._runtime.words import shown_path
from soensim.data.formats.format import Format, train_and_test
from soensim.data.formats.numbers import above_zero, count_of
from soensim.data.own.labelled import Labelled, Raw
from soensim.errors import DataError
from soensim.files import open_regular

_MOST = 100_000  # bins, units and groups
ENDINGS = (".h5", ".hdf5")
MAX_BYTES = 64 * 2**30
OPTIONS = MappingProxyType(
    {
        "bins": "number of bins in time, each a frame (usual: 50)",
        "duration_s": "end of the last bin (usual: 1.4)",
        "units": "number of units (usual: 700)",
        "groups": "neighbouring units are counted together in this many channels (usual: as many as units)",
    }
)


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:
    """Read a file, or one of the training and one of the test samples.

    Raises
    ------
    DataError
        h5py is not installed; a file cannot be read, or has a spike after its end or of a unit that is not there.
    """
    numbers = {
        key: count_of("events", key, options.get(key, usual), _MOST)
        for key, usual in (("bins", "50"), ("units", "700"))
    }
    groups = count_of("events", "groups", options.get("groups", str(numbers["units"])), _MOST)
    duration_s = above_zero("events", "duration_s", options.get("duration_s", "1.4"))
    if groups > numbers["units"]:
        raise DataError(f"events: {groups} groups of {numbers['units']} units; legal: at most as many groups as units")
    names: tuple[str, ...] | None = None
    parts = {}
    for purpose, path in zip(("train", "test"), train_and_test(paths, ENDINGS), strict=True):
        if path is not None:
            times, units, labels, found = _spikes(path)
            names = names or found
            where = shown_path(path)
            counts = count_in_bins(times, units, (numbers["bins"], duration_s), (numbers["units"], groups), where)
            parts[purpose] = Labelled(counts, labels)
    if names is not None:  # the labels are numbers of these
        parts = {purpose: _named(part, names) for purpose, part in parts.items()}
    return Raw(parts["train"], test=parts.get("test"), class_names=names)


def count_in_bins(
    times: list[NDArray[Any]], units: list[NDArray[Any]], bins: tuple[int, float], groups: tuple[int, int], where: str
) -> NDArray[np.int32]:
    """Count spikes, (samples, bins, groups): that of unit u at t is in bin floor(t bins / duration).

    Parameters
    ----------
    times, units
        By sample: times (s) and numbers of the units.
    bins
        Their number, and the end of the last one (s).
    groups
        Number of units, and of the groups that neighbours are counted in.
    where
        File, for messages.

    Raises
    ------
    DataError
        A spike is not within these, or a sample has more units than times.
    """
    (number, duration_s), (size, parts) = bins, groups
    require_memory(8 * len(times) * number * parts, where, advice="say fewer bins or groups", error=DataError)
    counts = np.zeros((len(times), number, parts), dtype=np.int32)
    for sample, (at, unit) in enumerate(zip(times, units, strict=True)):
        if len(at) != len(unit):
            raise DataError(f"{where}: sample {sample} has {len(at)} times and {len(unit)} units")
        if len(at) and (at.dtype.kind not in "iuf" or unit.dtype.kind not in "iu"):
            raise DataError(f"{where}: sample {sample} has times of type {at.dtype}, units of type {unit.dtype}")
        if len(at) and not (np.isfinite(at).all() and at.min() >= 0 and at.max() < duration_s):
            raise DataError(f"{where}: sample {sample} has spikes from {at.min():g} to {at.max():g} s; say duration_s=")
        if len(unit) and not (unit.min() >= 0 and unit.max() < size):
            raise DataError(f"{where}: sample {sample} has units from {unit.min()} to {unit.max()}; say units=")
        frame = (at.astype(np.float64) * (number / duration_s)).astype(np.int64)
        np.add.at(counts[sample], (np.minimum(frame, number - 1), unit.astype(np.int64) * parts // size), 1)
    return counts


def _named(part: Labelled, names: tuple[str, ...]) -> Labelled:
    if part.labels.size and not 0 <= part.labels.min() <= part.labels.max() < len(names):
        raise DataError(
            f"events: labels reach {part.labels.min()} .. {part.labels.max()}; extra/keys names {len(names)}"
        )
    return Labelled(part.values, np.array(names)[part.labels])


def _spikes(path: Path) -> tuple[list[NDArray[Any]], list[NDArray[Any]], NDArray[Any], tuple[str, ...] | None]:
    where = shown_path(path)
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{where}: HDF5 needs the package h5py: pip install 'soensim[events]'") from error
    with open_regular(path, limit_bytes=MAX_BYTES, error=DataError, what="HDF5 file") as stream:
        try:
            with h5py.File(stream, "r") as file:
                times = [np.asarray(sample) for sample in file["spikes/times"][:]]
                units = [np.asarray(sample) for sample in file["spikes/units"][:]]
                labels = np.asarray(file["labels"][:])
                keys = [_text(key) for key in file["extra/keys"][:]] if "extra/keys" in file else []
        except (KeyError, ValueError, TypeError, RuntimeError, AttributeError, OSError) as error:
            raise DataError(
                f"{where}: is no file of spikes: {error}; it needs spikes/times, spikes/units and labels"
            ) from error
    if len(times) != len(units) or labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"{where}: has {len(times)} samples of times, {len(units)} of units, labels of type {labels.dtype}"
        )
    return times, units, labels, tuple(keys) or None


def _text(key: Any) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)


FORMAT = Format(
    "events",
    ENDINGS,
    "spikes in HDF5, as SHD and SSC have them, counted in bins (needs soensim[events])",
    read,
    OPTIONS,
)
