"""A measured trace of one dendrite: its state over time, and the flux that drove it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import DECIMAL, number_meant, shown, shown_path
from soensim.errors import MeasurementError
from soensim.files import load_npz, read_csv
from soensim.limits import Limits

FloatArray = NDArray[np.float64]

LEAST, MOST = 8, 100_000
_TIMES: Final = {"time_ns": 1e-9, "time_s": 1.0}
_ADVICE: Final = "a trace has time_ns or time_s, state (I_c) and flux (Phi_0)"
_LIMITS: Final = {
    "state": Limits(0, 20, "I_c", "a state is at most the bias current", zero=True, signed=True),
    "flux": Limits(0, 100, "Phi_0", "g has the period 1", zero=True, signed=True),
}


@dataclass(frozen=True, eq=False)
class Trace:
    """A measured trace; arrays of shape (samples,).

    Attributes
    ----------
    file
        Where it is from.
    time_s
        Ascending.
    state
        s (I_c of the drawing), with its noise.
    flux
        Flux through the SQUID (Phi_0), static flux and all, held from its time to the next.
    """

    file: str
    time_s: FloatArray
    state: FloatArray
    flux: FloatArray


def read_trace(path: str | Path) -> Trace:
    """Read a trace: CSV with the columns `time_ns` or `time_s`, `state` and `flux`, or npz with arrays of these names.

    Raises
    ------
    MeasurementError
        The file is missing, damaged or no such trace; times do not ascend; a number is out of range; or it has fewer
        than `LEAST` samples, or more than `MOST`.
    """
    name = shown_path(path)
    arrays = _from_npz(path) if Path(path).suffix == ".npz" else _from_csv(path)
    times = [key for key in _TIMES if key in arrays]
    if len(times) != 1:
        raise MeasurementError(f"{name}: has {' and '.join(times) or 'no time'}; {_ADVICE}")
    time_s = arrays[times[0]] * _TIMES[times[0]]
    samples = len(time_s)
    if not LEAST <= samples <= MOST:
        raise MeasurementError(f"{name}: has {samples} samples; a fit needs {LEAST} or more, and takes at most {MOST}")
    falls = np.flatnonzero(np.diff(time_s) <= 0)
    if len(falls):
        raise MeasurementError(f"{name}: {times[0]} of sample {falls[0] + 2} is not above that before it")
    for key, limits in _LIMITS.items():
        for k, value in enumerate(arrays[key].tolist(), 1):
            if not limits.hold(value):
                raise MeasurementError(f"{name}: {key} of sample {k} is {value:g}; {limits.fault(value)}")
    return Trace(str(path), time_s, arrays["state"], arrays["flux"])


def _from_npz(path: str | Path) -> dict[str, FloatArray]:
    found = load_npz(path, error=MeasurementError, names=("state", "flux"), optional=tuple(_TIMES), advice=_ADVICE)
    arrays = {key: np.asarray(array, dtype=np.float64) for key, array in found.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        told = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise MeasurementError(f"{shown_path(path)}: its arrays have the shapes {told}; they must be (samples,) all")
    return arrays


def _from_csv(path: str | Path) -> dict[str, FloatArray]:
    columns = ("state", "flux", *_TIMES)
    rows: list[list[float]] = []
    has: list[bool] | None = None
    for line, words in read_csv(
        path,
        columns=columns[:2],
        optional=columns[2:],
        comments=True,
        error=MeasurementError,
        advice=_ADVICE,
        what="trace",
    ):
        has = has or [bool(word) for word in words]
        rows.append(
            [_number(path, line, *pair) if given else 0.0 for *pair, given in zip(columns, words, has, strict=True)]
        )
        if len(rows) > MOST:
            break
    table = np.array(rows).reshape(-1, len(columns))
    return {key: table[:, k] for k, key in enumerate(columns) if k < 2 or (has and has[k])}


def _number(path: str | Path, line: int, column: str, word: str) -> float:
    if not DECIMAL.fullmatch(word):
        advice = number_meant(word)
        raise MeasurementError(
            f"{shown_path(path)}:{line}: {column} is {shown(word)}; it must be a number"
            + (f"; {advice}" if advice else "")
        )
    return float(word)
