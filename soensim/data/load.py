"""Data sets by name."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from soensim.data import digits, mnist, nine_pixel
from soensim.data.dataset import Dataset
from soensim.data.formats import FORMATS
from soensim.data.own.load import load
from soensim.data.own.make import Asked
from soensim.data.own.name import OwnName, own_name
from soensim.data.presentation import read_settings
from soensim.data.splits import check_seed
from soensim.errors import DataError

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        **{name: summary for name, (*_, summary) in digits.VARIANTS.items()},
        **{name: variant.summary for name, variant in mnist.VARIANTS.items()},
        nine_pixel.NAME: nine_pixel.SUMMARY,
        **{f"{form.name}:PATH": f"your own: {form.summary}" for form in FORMATS.values()},
    }
)
"""Canonical names, and forms of those of own data, with a line on each."""

_ALIASES = {"mnist-8in": "mnist-8in-pool"}


def canonical_name(name: str) -> str:
    """Return the canonical name of a data set: an alias is resolved, own data have the name of their format in front.

    Raises
    ------
    DataError
        If there is no such data set; the message names the nearest one and lists all. Or what is said of a presentation
        is not legal.
    """
    if name in _ALIASES:
        return _ALIASES[name]
    if name in digits.VARIANTS or name == nine_pixel.NAME or name in mnist.VARIANTS:
        return name
    if (own := own_name(name)) is not None:
        read_settings(own.presentation, f"{name}: the presentation")
        return own.whole
    known = [*DATASETS, *_ALIASES]
    nearest = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1, cutoff=0.5)
    hint = f", did you mean {nearest[0]!r}?" if nearest else ";"
    raise DataError(f"unknown data set {name!r}{hint} legal: {', '.join(known)}")


def absolute_name(name: str) -> str:
    """Return the name that finds a data set from any folder: canonical, own data with absolute paths.

    Raises
    ------
    DataError
        As `canonical_name`; or a path begins with an unknown user's `~`.
    """
    name = canonical_name(name)
    own = _own(name)
    return name if own is None else own.absolute().whole


def source_name(name: str) -> str:
    """Return the name of a data set without its presentation: `absolute_name` of the data as they are."""
    own = _own(name := absolute_name(name))
    return name if own is None else own.source


def _own(name: str) -> OwnName | None:
    """Take the canonical name of own data apart; None of all others."""
    return own_name(name) if ":" in name else None


def load_dataset(
    name: str,
    *,
    data_seed: int = 0,
    data_dir: str | Path | None = None,
    validation_fraction: float | None = None,
    lines: int | None = None,
    trained: Mapping[str, Any] | None = None,
) -> Dataset:
    """Load a data set and split it.

    Parameters
    ----------
    name : str
        A name or pattern listed in `DATASETS`, or the alias `mnist-8in` (= `mnist-8in-pool`); or a file of your own.
    data_seed : int, default 0
        Determines the splits. MNIST, and own data with a test split, keep their test split under any seed.
    data_dir : path, optional
        Folder with local files, `<data_dir>/mnist/*-ubyte.gz`. Without it: the folder in the environment
        variable SOENSIM_DATA, else the cache, else a download. A folder that is named must hold the files.
    validation_fraction : float in [0, 1), optional
        Share of the samples outside the test split that go to validation. Default: 180 samples of the
        digits, 5,000 of MNIST, a tenth of own data.
    lines : int, optional
        Number of lines of the chip that carry data: own data are laid onto them. Default: as many as the data have.
    trained : mapping, optional
        Of own data: what a program records of its training (`program.header["data"]`). They are presented as then.

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
    own = _own(name)
    if own is None:
        data = mnist.load(name, data_seed, data_dir, validation_fraction)
        return data if data_dir is None else replace(data, origin={"data_dir": str(Path(data_dir).absolute())})
    return load(own, Asked(data_seed, validation_fraction, lines, trained=trained))
