"""What a specification of soen-toolkit leaves to its builder: distributions of parameters, masks and weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from soensim.errors import ModelError
from soensim.files import load_npz
from soensim.interop.entry import Entry, FloatArray
from soensim.interop.imported import BoolArray

#: What a parameter is that a specification does not give: soen-toolkit's own defaults.
DEFAULTS = {"phi_offset": 0.23, "bias_current": 1.7, "gamma_plus": 0.001, "gamma_minus": 0.001}

_BETA_PER_HENRY = 2 * math.pi * 100e-6 / 2.067833848e-15  # of their default critical current, 100 uA
_SIGMAS = 4.0  # of a normal distribution: 6 in 100,000 weights lie beyond


def drawn_parameter(name: str, given: Entry | None, size: int) -> tuple[FloatArray, bool]:
    """Return a parameter of a dendrite layer, or its mean where the builder draws it.

    Parameters
    ----------
    name
        One of `DEFAULTS`.
    given
        A number, {value: …}, or {distribution: …, params: {…}}; None: it is not given.
    size
        Nodes of the layer.

    Returns
    -------
    values
        Shape (size,).
    random
        Whether the builder draws them.

    Raises
    ------
    ModelError
        An unknown distribution, or one whose numbers are missing.
    """
    if given is None:
        value = 1 / (_BETA_PER_HENRY * 5e-10) if name == "gamma_plus" else DEFAULTS[name]  # 0.5 nH, fan-out 1
        return np.full(size, value), False
    if not isinstance(given.value, dict):
        return np.full(size, given.number()), False
    kind = given.get("distribution")
    if kind is None:
        return np.full(size, given["value"].number()), False
    params = given.get("params") or given.at("params", {})
    if params.get("block_size") is not None and params["block_size"].whole(1) > 1:
        raise params.error("block_size is for values that the builder lays out; export the model as JSON")
    match kind.word():
        case "constant":
            return np.full(size, params["value"].number()), False
        case "linear":
            return np.linspace(params["min"].number(), params["max"].number(), size), False
        case "normal":
            return np.full(size, params["mean"].number()), params["std"].number() != 0
        case "uniform":
            low, high = params["min"].number(), params["max"].number()
            return np.full(size, (low + high) / 2), low != high
    raise kind.illegal("constant, linear, normal or uniform; or export the model as JSON, with its values")


def drawn_topology(
    entry: Entry, shape: tuple[int, int], *, recurrent: bool, seed: int, folder: Path
) -> tuple[BoolArray | None, Mapping[str, object] | None]:
    """Return the mask of a connection, or the topology of a netlist where the builder draws it.

    Parameters
    ----------
    entry
        The connection.
    shape
        (targets, sources).
    recurrent
        Whether both are one layer.
    seed
        Of the topology that stands for a drawn one.
    folder
        Where mask files are looked up.

    Raises
    ------
    ModelError
        A kind of connection that has no counterpart, or a mask file that cannot be read or has another shape.
    """
    params = entry.get("params") or entry.at("params", {})
    structure = params.get("structure")
    place = entry["connection_type"]
    if structure is not None:
        place = structure.get("type") or place
        inner = structure.get("params") or structure.at("params", {})
    else:
        inner = params
    allowed = params.get("allow_self_connections")
    loops = allowed is None or allowed.switch()
    match place.word():
        case "dense" | "all_to_all":
            mask = np.ones(shape, dtype=bool)
        case "one_to_one":
            return _diagonal(inner, shape), None
        case "inverse_one_to_one" if shape[0] == shape[1]:
            return ~np.eye(shape[0], dtype=bool), None
        case "custom":
            mask = _mask(inner.get("mask_file") or inner["file_path"], shape, folder)
        case "sparse":
            density = inner["sparsity"].number()
            if not 0 < density <= 1:
                raise inner["sparsity"].illegal("above 0, at most 1")
            topology: dict[str, object] = {"kind": "random", "density": density, "seed": seed}
            return None, topology if loops or not recurrent else topology | {"self_connections": False}
        case _:
            raise place.illegal(
                "dense, one_to_one, inverse_one_to_one between layers of one size, sparse or custom; or export the "
                "model as JSON, with its masks"
            )
    if not loops and shape[0] == shape[1]:  # theirs, also between layers
        mask = mask & ~np.eye(shape[0], dtype=bool)
    return mask, None


def _diagonal(params: Entry, shape: tuple[int, int]) -> BoolArray:
    """Return the mask of source k, from a first to a last one, to target 0, 1, …; as many as there are targets."""
    targets, sources = shape
    first, last = (params.get(f"source_{end}_node_id") for end in ("start", "end"))
    start = 0 if first is None else first.whole(0, sources - 1)
    stop = sources if last is None else last.whole(start, sources - 1) + 1
    mask = np.zeros(shape, dtype=bool)
    count = min(targets, stop - start)
    mask[np.arange(count), start + np.arange(count)] = True
    return mask


def _mask(place: Entry, shape: tuple[int, int], folder: Path) -> BoolArray:
    file = folder / place.word()
    advice = "a mask file is an npz with an array mask (targets, sources), beside the specification"
    mask = load_npz(file, error=ModelError, names=("mask",), advice=advice)["mask"]
    if mask.shape != shape:
        raise place.error(f"{file} has a mask of the shape {mask.shape}; it must be {shape}")
    return np.asarray(mask != 0)


def largest_drawn(params: Entry | None, low: float, high: float) -> float:
    """Return the largest magnitude of the weights of a specification: its constraint, else that of its distribution."""
    bound = max(abs(low), abs(high))
    if math.isfinite(bound) and bound > 0:
        return bound
    if params is None:
        return 1.0
    init = params.get("init")
    inner = params
    name = "normal"
    if init is not None and isinstance(init.value, dict):
        name = init["name"].word()
        inner = init.get("params") or init.at("params", {})
    elif init is not None:
        name = init.word()
    numbers = {key: value.number() for key in ("mean", "std", "min", "max", "value") if (value := inner.get(key))}
    match name:
        case "normal":
            return abs(numbers.get("mean", 0.0)) + _SIGMAS * abs(numbers.get("std", 0.1)) or 1.0
        case "uniform":
            return max(abs(numbers.get("min", -0.24)), abs(numbers.get("max", 0.24))) or 1.0
        case "constant":
            return abs(numbers.get("value", 1.0)) or 1.0
    return 1.0
