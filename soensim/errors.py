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
    └── SimulationError        inputs that do not fit the chip, a step too coarse, a state that diverges

A message says where, what was given, what is legal and how to fix it, in one sentence or two.
"""


class SoensimError(Exception):
    """Base of every error that bad input can raise; commands exit with status 2 on it."""


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
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class CircuitError(SoensimError):
    """A device, bias or drive waveform that the circuit solver cannot take."""


class SimulationError(SoensimError):
    """Inputs that do not fit the chip, a step that is too coarse, or a state that diverges."""
