"""Every error that bad input can raise, and how the command line reports it.

::

    SoensimError               anything that the user can cause and can fix
    ├── NetlistError           a netlist file: file:line:column: path: what is wrong, what is legal
    ├── TechnologyError        a device or process preset, or a quantity that it lacks
    ├── RoutingError           a chip that cannot be laid out as the netlist asks
    ├── ProgramError           a program file: wrong chip, wrong version, truncated, altered
    ├── DataError              a data set that is missing, damaged or of the wrong shape
    ├── RecipeError            training settings that are unknown, illegal or do not fit the chip
    ├── CircuitError           a device or drive that the circuit solver cannot take
    ├── MeasurementError       a file of measured values, or a trace, that is damaged or of another chip
    ├── StudyError             a study: its file, a key that it sets, its results
    └── SimulationError        inputs that do not fit the chip, a step too coarse, a state that diverges

A message says where, what was given, what is legal and how to fix it, in one sentence or two. Of a file with several
faults it says how many there are, and then has a line for each of the first ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

SHOWN_FAULTS = 10


class SoensimError(Exception):
    """Base of every error that bad input can raise; commands exit with status 2 on it."""

    _faults: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault that was found, one message each; of an error that is no list, its own message."""
        return self._faults or (str(self),)

    @property
    def in_one_line(self) -> str:
        """The first fault, and how many more there are."""
        more = len(self.faults) - 1
        return self.faults[0] + (f" (and {more} more fault{'s' if more > 1 else ''})" if more else "")

    @classmethod
    def of_file(cls, name: str, faults: Sequence[str], total: int | None = None) -> Self:
        """Make the error of a file from its faults, which are in the order of the file.

        Parameters
        ----------
        name
            Name of the file.
        faults
            Messages ``file:line:column: path: what is wrong, what is legal``. One fault is its own message; of several
            the first `SHOWN_FAULTS` follow the line ``file: 3 faults``.
        total
            How many there are, where some were not looked at.
        """
        count = max(len(faults), total or 0)
        lines = [f"{name}: {count} faults", *faults[:SHOWN_FAULTS]]
        if count > SHOWN_FAULTS:
            lines[0] += f", of which these are the first {SHOWN_FAULTS}"
        error = cls(faults[0] if count == 1 else "\n".join(lines))
        error._faults = tuple(faults)
        return error


class NetlistError(SoensimError):
    """A netlist that cannot be read or does not describe a chip."""


class TechnologyError(SoensimError):
    """An unknown preset, or a preset without a quantity that is needed."""


class RoutingError(SoensimError):
    """A topology or floorplan that cannot be realised."""


class ProgramError(SoensimError):
    """A program file that is damaged, or was made for another chip or version."""


class DataError(SoensimError):
    """A data set that cannot be found, read or used."""


class RecipeError(SoensimError):
    """Training settings that are unknown, illegal, or do not fit the chip.

    Attributes
    ----------
    setting
        The setting that is wrong, where it is one alone.
    parts
        One error for each wrong setting; of an error that is no list, itself.
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting
        self.parts: tuple[RecipeError, ...] = (self,)

    @classmethod
    def of_settings(cls, rule: str, parts: Sequence[RecipeError]) -> RecipeError:
        """Make one error of those of several settings."""
        if len(parts) == 1:
            return parts[0]
        error = cls.of_file(f"rule {rule!r}", [str(part) for part in parts])
        error.parts = tuple(parts)
        return error


class CircuitError(SoensimError):
    """A device, bias or drive waveform that the circuit solver cannot take."""


class MeasurementError(SoensimError):
    """A file of measured values, or a trace, that is damaged, of another chip, or says too little."""


class SimulationError(SoensimError):
    """Inputs that do not fit the chip, a step that is too coarse, or a state that diverges."""


class StudyError(SoensimError):
    """A study that cannot be read, that sets what is no key, or whose results are damaged."""


class ModelError(SoensimError):
    """A model of another tool that cannot be read, or that one of the two tools cannot express."""
