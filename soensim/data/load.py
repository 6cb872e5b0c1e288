"""Data sets by name."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from soensim.data import digits, mnist, nine_pixel, npz
from soensim.data.dataset import Dataset
from soensim.data.splits import check_seed
from soensim.errors import DataError

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        **{name: summary for name, (*_, summary) in digits.VARIANTS.items()},
        **{name: variant.summary for name, variant in mnist.VARIANTS.items()},
        nine_pixel.NAME: nine_pixel.SUMMARY,
        "npz:PATH": "your own file: inputs (samples, frames, channels) in [0, 1], labels (samples,)",
    }
)
"""Canonical names with a line on each."""

_ALIASES = {"mnist-8in": "mnist-8in-pool"}


def canonical_name(name: str) -> str:
    """Return the canonical name of a data set; an alias is resolved, `npz:PATH` is returned as it is.

    Raises
    ------
    DataError
        If there is no such data set; the message names the nearest one and lists all.
    """
    if name in _ALIASES:
        return _ALIASES[name]
    bundled = name in digits.VARIANTS or name == nine_pixel.NAME
    if bundled or name in mnist.VARIANTS or (name.startswith("npz:") and name != "npz:"):
        return name
    known = [*DATASETS, *_ALIASES]
    nearest = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1, cutoff=0.5)
    hint = f", did you mean {nearest[0]!r}?" if nearest else ";"
    raise DataError(f"unknown data set {name!r}{hint} legal: {', '.join(known)}")


def absolute_name(name: str) -> str:
    """Return the name that finds a data set from any folder: canonical, an own file with its absolute path.

    Raises
    ------
    DataError
        As `canonical_name`; or the path begins with an unknown user's `~`.
    """
    name = canonical_name(name)
    if not name.startswith("npz:"):
        return name
    try:
        return f"npz:{Path(name.removeprefix('npz:')).expanduser().absolute()}"
    except RuntimeError as error:  # ~user of an unknown user
        raise DataError(f"{name}: {error}") from error
    except OSError as error:
        raise DataError(
            f"{name}: the working folder cannot be found ({error.strerror}); give an absolute path"
        ) from error


def load_dataset(
    name: str,
    *,
    data_seed: int = 0,
    data_dir: str | Path | None = None,
    validation_fraction: float | None = None,
) -> Dataset:
    """Load a data set and split it.

    Parameters
    ----------
    name : str
        A name or pattern listed in `DATASETS`, or the alias `mnist-8in` (= `mnist-8in-pool`).
    data_seed : int, default 0
        Determines the splits. MNIST, and own data with a test split, keep their test split under any seed.
    data_dir : path, optional
        Folder with local files, `<data_dir>/mnist/*-ubyte.gz`. Without it: the folder in the environment
        variable SOENSIM_DATA, else the cache, else a download. A folder that is named must hold the files.
    validation_fraction : float in [0, 1), optional
        Share of the samples outside the test split that go to validation. Default: 180 samples of the
        digits, 5,000 of MNIST, a tenth of own data.

    Returns
    -------
    Dataset
        Values in [0, 1]; splits stratified by class.

    Raises
    ------
    DataError
        If the name is unknown, or the files are missing, damaged or not what they should be.
    """
    name = absolute_name(name)
    data_seed = check_seed(data_seed)
    if name in digits.VARIANTS:
        return digits.load(name, data_seed, validation_fraction)
    if name == nine_pixel.NAME:
        return nine_pixel.load(data_seed, validation_fraction)
    if name in mnist.VARIANTS:
        data = mnist.load(name, data_seed, data_dir, validation_fraction)
        return data if data_dir is None else replace(data, origin={"data_dir": str(Path(data_dir).absolute())})
    return npz.load(name, data_seed, validation_fraction)
