"""Positions of the cells, where the netlist or a CSV file beside it gives them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import real_number, whole_number
from soensim.files import read_csv
from soensim.netlist.base import fault, nearest
from soensim.netlist.schema.floorplan import ON_DIE, ExplicitPlacement

COLUMNS = ("population", "index", "x_um", "y_um")

Positions = Mapping[str, NDArray[np.float64]]

_AT = ("floorplan", "placement")


def explicit_positions(placement: ExplicitPlacement, sizes: Mapping[str, int], folder: Path) -> Positions:
    """Make arrays of the positions, one for every neuron.

    Parameters
    ----------
    placement
        The list of positions, or the file.
    sizes
        Number of neurons of every population that has any, by name.
    folder
        Where the file is looked up.

    Returns
    -------
    Positions
        Read-only arrays of shape (size, 2): x and y (um) of the cell's centre, by population in the order of `sizes`.

    Raises
    ------
    PydanticCustomError
        As a validator does: a position is missing, given twice, or of a neuron that the chip does not have; or the file
        cannot be read.
    """
    positions = _listed(placement, sizes) if placement.path is None else _read(folder / placement.path, sizes)
    for array in positions.values():
        array.setflags(write=False)
    return positions


def digest(positions: Positions) -> str:
    """SHA-256 of the positions, the same on every machine and however they are given."""
    content = hashlib.sha256()
    for name in sorted(positions):
        content.update(f"{name} {len(positions[name])} ".encode())
        content.update(np.ascontiguousarray(positions[name], dtype="<f8").data)
    return content.hexdigest()


def _listed(placement: ExplicitPlacement, sizes: Mapping[str, int]) -> dict[str, NDArray[np.float64]]:
    at = (*_AT, "positions_um")
    given = placement.positions_um or {}
    for name, positions in given.items():
        if name not in sizes:
            raise fault(_no_neurons(name, sizes), *at, name, key=True)
        if len(positions) != sizes[name]:
            raise fault(f"gives {len(positions)} positions; {name!r} has {sizes[name]} neurons", *at, name)
    for name in sizes:
        if name not in given:
            raise fault(f"lacks {name!r}; give the position of every neuron", *at)
    return {name: np.array(given[name], dtype=np.float64) for name in sizes}


def _read(path: Path, sizes: Mapping[str, int]) -> dict[str, NDArray[np.float64]]:
    """Read a CSV file with the columns `COLUMNS`, in any order and beside others."""
    at = (*_AT, "path")
    if path.suffix != ".csv":
        raise fault(f"{path}: a file of positions ends in .csv", *at)
    positions = {name: np.full((size, 2), np.nan) for name, size in sizes.items()}
    rows = read_csv(
        path,
        columns=COLUMNS,
        error=lambda message: fault(message, *at),
        advice="a path is relative to the netlist",
        what="file of positions",
    )
    for line, words in rows:
        problem = _enter(positions, *words)
        if problem:
            raise fault(f"{path}:{line}: {problem}", *at)
    for name, array in positions.items():
        missing = np.flatnonzero(np.isnan(array[:, 0]))
        if len(missing):
            more = f" (and {len(missing) - 1} more of it)" if len(missing) > 1 else ""
            raise fault(f"{path}: lacks {name}[{missing[0]}]{more}; give the position of every neuron", *at)
    return positions


def _enter(positions: Mapping[str, NDArray[np.float64]], population: str, index: str, x_um: str, y_um: str) -> str:
    """Enter one line of the file; return what is wrong with it, or nothing."""
    if population not in positions:
        return _no_neurons(population, positions)
    array = positions[population]
    try:
        k = whole_number(index)
    except ValueError:
        return f"index {index!r} is not a whole number"
    if not 0 <= k < len(array):
        return f"index {k} is outside {population!r}; legal is 0 to {len(array) - 1}"
    if not math.isnan(array[k, 0]):
        return f"gives the position of {population}[{k}] again; give each neuron once"
    for axis, (name, text) in enumerate((("x_um", x_um), ("y_um", y_um))):
        try:
            value = real_number(text)
        except ValueError:
            value = math.nan
        if not ON_DIE.limits.hold(value):
            return f"{name} {text!r} is not legal; {ON_DIE.limits.fault(value)}"
        array[k, axis] = value + 0.0  # -0.0 becomes 0.0: equal chips must have equal hashes
    return ""


def _no_neurons(name: str, sizes: Mapping[str, object]) -> str:
    return f"no neurons {name!r}; {nearest(name, sizes)}there are {', '.join(sizes)}"
