"""Run decks with ngspice (Debian's package `ngspice`) or JoSIM (github.com/JoeyDelp/JoSIM): separate programs."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soensim.errors import CircuitError
from soensim.interop.spice import Deck, josim_deck, ngspice_deck

_DECK, _OUTPUT = "deck.cir", "states.csv"


@dataclass(frozen=True, eq=False)
class SpiceTrace:
    """Loop currents that a SPICE run printed.

    Parameters
    ----------
    t_ns
        Times in ns.
    state
        Name -> loop current in I_c, each of the shape of t_ns.
    """

    t_ns: NDArray[np.float64]
    state: dict[str, NDArray[np.float64]]


def has_simulator(name: str) -> bool:
    """Whether a program, `ngspice` or `josim-cli`, is on the path."""
    return shutil.which(name) is not None


def run_ngspice(deck: Deck, *, max_step: float = 0.05, timeout_s: float = 600.0) -> SpiceTrace:
    """Simulate a deck with ngspice, in a temporary folder.

    Parameters
    ----------
    deck
        The circuit.
    max_step
        Largest time step in tau_0.
    timeout_s
        Time after which the run counts as failed.

    Returns
    -------
    SpiceTrace

    Raises
    ------
    CircuitError
        If ngspice is not installed, or does not finish.
    """
    with tempfile.TemporaryDirectory() as folder:
        text = ngspice_deck(deck, max_step=max_step, output=_OUTPUT)
        columns = _run("ngspice", ["-b", _DECK], text, Path(folder), timeout_s, delimiter=None)
    return _trace(deck, columns, columns[:, 0] * deck.device.junction.tau_0_s * 1e9, 1.0)


def run_josim(deck: Deck, *, max_step_ps: float = 0.05, timeout_s: float = 600.0) -> SpiceTrace:
    """Simulate a deck with JoSIM (the program `josim-cli`), in a temporary folder.

    Parameters
    ----------
    deck
        The circuit.
    max_step_ps
        Time step.
    timeout_s
        Time after which the run counts as failed.

    Returns
    -------
    SpiceTrace

    Raises
    ------
    CircuitError
        If JoSIM is not installed, or does not finish.
    """
    with tempfile.TemporaryDirectory() as folder:
        text = josim_deck(deck, max_step_ps=max_step_ps)
        columns = _run("josim-cli", ["-o", _OUTPUT, _DECK], text, Path(folder), timeout_s, delimiter=",")
    return _trace(deck, columns, columns[:, 0] * 1e9, deck.device.junction.critical_current_a)


def _run(
    name: str, arguments: list[str], text: str, folder: Path, timeout_s: float, delimiter: str | None
) -> NDArray[np.float64]:
    """Run a simulator on a deck and read the table that it writes."""
    program = shutil.which(name)
    if program is None:
        raise CircuitError(f"{name} is not installed or not on the path")
    (folder / _DECK).write_text(text, encoding="utf-8")
    try:
        done = subprocess.run(  # noqa: S603 (a fixed program and our own file)
            [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CircuitError(f"{name} did not finish within {timeout_s} s") from error
    if not (folder / _OUTPUT).exists():
        raise CircuitError(f"{name} failed: {' '.join((done.stdout + done.stderr).split())[-500:]}")
    return np.loadtxt(folder / _OUTPUT, skiprows=1, ndmin=2, delimiter=delimiter)


def _trace(deck: Deck, columns: NDArray[np.float64], t_ns: NDArray[np.float64], unit: float) -> SpiceTrace:
    return SpiceTrace(t_ns, {item.name: columns[:, k + 1] / unit for k, item in enumerate(deck.dendrites)})
