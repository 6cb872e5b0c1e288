"""What an imperfection is, and the registry of those that there are."""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array
from soensim.errors import SimulationError
from soensim.fabrication.chip import FabricatedChip
from soensim.limits import Limits
from soensim.network import LinearOutput, Network
from soensim.program import READOUT, slots

Draws = Mapping[str, NDArray[Any]]
"""What was drawn for one chip, by quantity: a program key, or the name of a population."""

Stage = Literal["program", "drift", "fabricate", "run"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""When an imperfection acts, in this order; what was quantised comes first."""


def parameter(default: float, text: str, limits: Limits, *, infinite: bool = False) -> Any:
    """Make a field of an imperfection beside its size: its default, what it is, what is legal."""
    return field(default=default, metadata={"help": text, "limits": limits, "infinite": infinite})


@dataclass(frozen=True)
class Imperfection(ABC):
    """One way in which fabricated chips differ from the drawing.

    A subclass is one file of `soensim.fabrication.imperfections`, with the decorator `register`. What it draws comes
    from `stream`, one stream per quantity, so that a chip keeps its other draws when a population or an imperfection
    is added; of size 0 it must leave the chip as it was. A field beside the size is made by `parameter`, and called
    `name.field`.

    Parameters
    ----------
    size
        How large it is, in `unit`.

    Raises
    ------
    SimulationError
        The size or a parameter is not legal.
    """

    stage: ClassVar[Stage] = "fabricate"
    """When it acts."""
    is_noise: ClassVar[bool] = False
    """Whether it is drawn anew while the chip runs."""
    has_flag: ClassVar[bool] = False
    """Whether `train` has a flag, and a recipe a setting, of its name: those that came before `--spread`."""
    acts_on_spikes: ClassVar[bool] = True
    """Whether the engine of spiking chips has it."""
    touches: ClassVar[str]
    """What it changes, in the plural, for the count of what it touched."""
    name: ClassVar[str]
    """Its key under `imperfections:` of a netlist, in a recipe and in `Network.spreads`."""
    varies: ClassVar[str]
    """What differs between chips, in a word or two for tables."""
    unit: ClassVar[str]
    """Unit of the size; "1" for a relative spread or a probability."""
    below: ClassVar[float | None] = None
    """The size is 0 or more, and below this; None: no bound."""
    least: ClassVar[float] = 0.0
    """Smallest size."""
    most: ClassVar[float] = 1.0
    """Largest size: a spread beyond 100 % leaves nothing of the drawing, a flux beyond a period of g nothing of phi."""
    description: ClassVar[str]
    """What the size is, in one sentence without a full stop: help of the flag and comment of the netlist's key."""
    source: ClassVar[str]
    """Where the model and its usual size come from."""

    size: float

    def __post_init__(self) -> None:
        if fault := self.fault(self.size):
            raise SimulationError(f"{self.name} is {self.size}; {fault}")
        for name in self.parameters():
            value = getattr(self, name)
            if fault := self.parameter_fault(name, value):
                raise SimulationError(f"{self.name}.{name} is {value:g}; {fault}")

    @property
    def acts(self) -> bool:
        """Whether it changes a chip at all."""
        return self.size != 0

    @property
    def differs(self) -> bool:
        """Whether it draws anything, so that it parts one chip from another."""
        return True

    @classmethod
    def parameters(cls) -> dict[str, Field[float]]:
        """Return its fields beside the size, by name."""
        return {item.name: item for item in fields(cls) if item.name != "size"}

    @classmethod
    def parameter_fault(cls, name: str, value: float) -> str:
        """Say what is wrong with a parameter; empty if it is legal."""
        about = cls.parameters()[name].metadata
        if about["infinite"] and value == math.inf:
            return ""
        limits: Limits = about["limits"]
        return "" if limits.hold(value) else limits.fault(value)

    @classmethod
    def fault(cls, size: float) -> str:
        """Say what is wrong with a size; empty if it is legal."""
        if not size >= cls.least:
            return f"it must not be below {cls.least:g}"
        if cls.below is not None and size >= cls.below:
            return f"it must be below {cls.below}"
        percent = "; 5 % is written 0.05" if cls.unit == "1" else ""
        return "" if size <= cls.most else f"it must be at most {cls.most:g}{percent}"

    @classmethod
    def legal_text(cls) -> str:
        """Say which sizes are legal."""
        return f"0 to below {cls.below:g}" if cls.below is not None else f"{cls.least:g} to {cls.most:g}"

    @classmethod
    def missing(cls, network: Network) -> str:
        """Say what a chip lacks that cannot show it, also because of its neurons; empty if it can."""
        if network.spiking is not None and not cls.acts_on_spikes:
            return "spiking neurons, whose engine does not have it"
        return cls.absent(network)

    @classmethod
    def absent(cls, network: Network) -> str:  # noqa: ARG003
        """Say what a chip lacks that cannot show it, such as "no delays"; empty if it can."""
        return ""

    @classmethod
    def parameter_absent(cls, network: Network, name: str, value: float) -> str:  # noqa: ARG003
        """Say what a chip lacks that cannot show a parameter; empty if it can."""
        return ""

    @classmethod
    def count(cls, network: Network) -> int:
        """Count what it could touch on a chip: the efficacies that are fabricated, or the neurons."""
        if cls.touches == "efficacies":
            return sum(math.prod(shape) for shape in fabricated_shapes(network).values())
        return network.neurons

    def touched(self, network: Network, before: FabricatedChip, after: FabricatedChip) -> int:
        """Count what it changed on a chip: all that it can where it only acts while the chip runs."""
        if self.stage == "run":
            return self.count(network)
        return changes(before.values, after.values) + changed_neurons(before, after)

    @abstractmethod
    def draw(self, network: Network, chip_seed: int) -> Draws:
        """Draw the deviations of one chip, in float64."""

    @abstractmethod
    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Make the chip with these deviations; differentiable in its values where they are torch tensors."""


IMPERFECTIONS: dict[str, type[Imperfection]] = {}
"""Every imperfection by name."""

AnyImperfection = TypeVar("AnyImperfection", bound=type[Imperfection])


def register(imperfection: AnyImperfection) -> AnyImperfection:
    """Add a class to `IMPERFECTIONS`; a decorator.

    Raises
    ------
    ValueError
        Its name is taken.
    """
    if imperfection.name in IMPERFECTIONS:
        raise ValueError(f"two imperfections have the name {imperfection.name!r}")
    IMPERFECTIONS[imperfection.name] = imperfection
    return imperfection


def stream(chip_seed: int, name: str) -> np.random.Generator:
    """Make the random stream of one quantity of one chip."""
    return np.random.default_rng([chip_seed, zlib.crc32(name.encode())])


def fabricated_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Shapes of the efficacies that are fabricated, by program key: no trims, and no readout off the chip."""
    off_chip = isinstance(network.output, LinearOutput) and not network.output.on_chip
    exact = {p.trim_key for p in network.populations} | ({READOUT} if off_chip else set())
    return {key: slot.shape for key, slot in slots(network).items() if key not in exact}


def scaled(values: Mapping[str, Array], factors: Draws) -> dict[str, Array]:
    """Multiply values by the factors drawn for them, numpy or torch; those without one stay as they are."""
    return {key: v * like(factors[key], v) if key in factors else v for key, v in values.items()}


def like(drawn: NDArray[Any], values: Array) -> Array:
    """Return what was drawn in the array type of the values: numpy, or torch of their dtype on their device."""
    if isinstance(values, np.ndarray):
        return drawn
    import torch  # a simulation does not load it

    return torch.as_tensor(drawn, dtype=values.dtype, device=values.device)


def changes(before: Mapping[str, Array], after: Mapping[str, Array]) -> int:
    """Count the numbers that differ between two mappings of arrays, numpy or torch."""
    return sum(int((after[key] != value).sum()) for key, value in before.items())


def changed_neurons(before: FabricatedChip, after: FabricatedChip) -> int:
    """Count the neurons of which a device parameter differs."""
    total = 0
    for old, new in zip(before.devices(), after.devices(), strict=True):
        total += int(np.any([a != b for a, b in zip(old, new, strict=True)], axis=0).sum())
    return total
