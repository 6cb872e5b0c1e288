"""The receiving SQUID of a dendrite: a junction type and the two arms."""

import math
import sys
from dataclasses import dataclass
from typing import Self

from soensim.errors import CircuitError
from soensim.technology import Technology
from soensim.units import Junction


@dataclass(frozen=True)
class Device:
    """Two equal junctions with inductive arms; the integration loop hangs on the centre tap.

    Parameters
    ----------
    junction
        Type of both junctions; defines the units.
    beta_1, beta_2
        Dimensionless inductances 2 pi L I_c / Phi_0 of the arms.

    Raises
    ------
    CircuitError
        If an arm is not a positive finite number.
    """

    junction: Junction
    beta_1: float
    beta_2: float

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= sys.float_info.max:
                raise CircuitError(f"device: {name} is {value!r}; it must be a positive finite number")

    @classmethod
    def from_technology(cls, technology: Technology) -> Self:
        """The dendrite SQUID of a technology."""
        return cls(technology.junction, technology.value("beta_1"), technology.value("beta_2"))

    @property
    def beta_sum(self) -> float:
        """beta_1 + beta_2, the inductance of the SQUID loop."""
        return self.beta_1 + self.beta_2

    @property
    def beta_p(self) -> float:
        """beta_1 beta_2 / (beta_1 + beta_2): both arms in parallel, seen from the integration loop."""
        return self.beta_1 * self.beta_2 / self.beta_sum

    @property
    def skew(self) -> float:
        """(beta_1 - beta_2) / (4 pi), Phi_0 per I_c: the flux that a current couples in by unequal arms."""
        return (self.beta_1 - self.beta_2) / (4.0 * math.pi)

    @property
    def symmetric(self) -> "Device":
        """Device of equal arms that is this one at the flux phi - skew i (`soensim.circuit.threshold_current`)."""
        half = 0.5 * self.beta_sum
        return self if self.skew == 0.0 else Device(self.junction, half, half)
