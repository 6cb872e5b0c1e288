"""Legal ranges of numbers, and what was meant by one that is in another unit.

A range says what can exist with two or three decades to spare, not what is usual: the plausible ranges of a technology
are narrower, and the design rules judge. What is outside is a slip, most often of the unit: seconds where nanoseconds
are asked for. So a refusal spells the unit out and says how the value that was probably meant is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from soensim.units import FLUX_QUANTUM_WB

#: Junctions of most SOENs, for hints alone (arXiv:2210.09976): I_c, and the inductance Phi_0 / I_c.
_CRITICAL_CURRENT_A: Final = 1e-4
_PHI_0_PER_I_C_H: Final = FLUX_QUANTUM_WB / _CRITICAL_CURRENT_A
_AT_I_C: Final = " at I_c = 100 uA"

#: Units in words.
UNITS: Final = {
    "1": "a pure number",
    "relative": "relative",
    "fraction": "a fraction",
    "s": "in seconds",
    "us": "in microseconds",
    "ns": "in nanoseconds",
    "ps": "in picoseconds",
    "1/ns": "per nanosecond",
    "um": "in micrometres",
    "K": "in kelvins",
    "Hz": "in hertz",
    "MHz": "in megahertz",
    "GHz": "in gigahertz",
    "V": "in volts",
    "bit": "in bits",
    "dB": "in decibels",
    "dB/cm": "in decibels per centimetre",
    "ps/cm": "in picoseconds per centimetre",
    "A": "in amperes",
    "uA": "in microamperes",
    "F/A": "in farads per ampere",
    "Ohm": "in ohms",
    "nH": "in nanohenries",
    "pH/square": "in picohenries per square",
    "aJ": "in attojoules",
    "fJ": "in femtojoules",
    "mW/cm^2": "in milliwatts per square centimetre",
    "tau": "in units of tau_0, about 1.3 ps",
    "1/tau": "per tau_0, about 1.3 ps",
    "I_c": "in units of the critical current I_c",
    "Phi_0": "in flux quanta (Phi_0)",
    "Phi_0 per I_c": "in flux quanta per critical current",
    "per I_c": "per critical current",
}

#: Units that are written by mistake: what they are called, their size in the right unit, and a remark.
_MISTAKEN: Final[dict[str, tuple[tuple[str, float, str], ...]]] = {
    "relative": (("%", 1e-2, ""),),
    "fraction": (("%", 1e-2, ""),),
    "us": (("s", 1e6, ""), ("ns", 1e-3, ""), ("ps", 1e-6, "")),
    "ns": (("s", 1e9, ""), ("us", 1e3, ""), ("ps", 1e-3, ""), ("fs", 1e-6, "")),
    "ps": (("s", 1e12, ""), ("us", 1e6, ""), ("ns", 1e3, ""), ("fs", 1e-3, "")),
    "um": (("m", 1e6, ""), ("mm", 1e3, ""), ("nm", 1e-3, "")),
    "1/ns": (("1/s", 1e-9, ""), ("1/us", 1e-3, "")),
    "K": (("mK", 1e-3, ""), ("uK", 1e-6, "")),
    "Hz": (("MHz", 1e6, ""),),
    "MHz": (("Hz", 1e-6, ""), ("kHz", 1e-3, ""), ("GHz", 1e3, "")),
    "dB/cm": (("dB/m", 1e-2, ""),),
    "ps/cm": (("s/m", 1e10, ""), ("ns/cm", 1e3, "")),
    "A": (("uA", 1e-6, ""), ("mA", 1e-3, ""), ("nA", 1e-9, "")),
    "uA": (("A", 1e6, ""), ("nA", 1e-3, "")),
    "F/A": (("fF/uA", 1e-9, ""), ("nF/A", 1e-9, "")),
    "Ohm": (("kOhm", 1e3, ""), ("mOhm", 1e-3, "")),
    "nH": (("H", 1e9, ""), ("uH", 1e3, ""), ("pH", 1e-3, "")),
    "pH/square": (("H/square", 1e12, ""), ("nH/square", 1e3, "")),
    "aJ": (("J", 1e18, ""), ("fJ", 1e3, "")),
    "fJ": (("J", 1e15, ""), ("aJ", 1e-3, "")),
    "mW/cm^2": (("W/cm^2", 1e3, ""), ("uW/cm^2", 1e-3, "")),
    "I_c": (("A", 1 / _CRITICAL_CURRENT_A, _AT_I_C), ("uA", 1e-6 / _CRITICAL_CURRENT_A, _AT_I_C)),
    "Phi_0": (("Wb", 1 / FLUX_QUANTUM_WB, ""),),
    "Phi_0 per I_c": (("H", 1 / _PHI_0_PER_I_C_H, _AT_I_C), ("pH", 1e-12 / _PHI_0_PER_I_C_H, _AT_I_C)),
}

#: How a value that is far too large is said again: what it is in a unit that people know.
_PLAIN: Final = {"ns": ("s", 1e-9), "ps": ("s", 1e-12), "um": ("m", 1e-6)}
_WIDE: Final = 1e4
_ABSOLUTE_ZERO_C: Final = -273.15


@dataclass(frozen=True)
class Limits:
    """Legal range of a number, with its reason.

    Parameters
    ----------
    low, high
        Least and largest magnitude, both legal.
    unit
        Key of `UNITS`.
    reason
        Why these: what the ends are.
    zero
        Whether 0 is legal beside the range.
    signed
        Whether negative numbers are, with a magnitude in the range.
    """

    low: float
    high: float
    unit: str
    reason: str
    zero: bool = False
    signed: bool = False

    @property
    def least(self) -> float:
        """The smallest legal number."""
        if self.signed:
            return -self.high
        return 0.0 if self.zero else self.low

    def hold(self, value: float) -> bool:
        """Whether a number is legal; one that is not finite is not."""
        if value == 0:
            return self.zero
        magnitude = abs(value) if self.signed else value
        return self.low <= magnitude <= self.high

    def fault(self, value: float) -> str:
        """Say what is legal and what was probably meant, as in "it must be …; 1e-09 s is 1 ns, written 1"."""
        if not math.isfinite(value):
            return "it must be a finite number"
        meant = self._meant(value)
        if not self.signed and (value < 0 or (value == 0 and not self.zero)):
            legal = "it must be at least 0" if self.zero else "it must be greater than 0"
        else:
            words = "" if self.unit == "1" else f"is {UNITS[self.unit]} and "
            legal = f"it {words}must be {self}"
        return f"{legal}{meant}"

    def __str__(self) -> str:
        ends = f"-{self.high:g} to {self.high:g}" if self.signed else f"{self.low:g} to {self.high:g}"
        if self.signed and self.low > 0:
            ends = f"0, or {self.low:g} to {self.high:g} of either sign"
        elif self.zero and not self.signed:
            ends = f"0, or {ends}" if self.low > 0 else ends
        return f"{ends} ({self.reason})"

    def _likely(self, value: float) -> bool:
        """Whether a number is one that people write: legal, and a decade inside of a wide range."""
        wide = self.low > 0 and self.high / self.low > _WIDE and self.unit != "fraction"
        inside = not wide or 10 * self.low <= abs(value) <= self.high / 10
        return value != 0 and inside and self.hold(value)

    def _meant(self, value: float) -> str:
        """Say how the value is written that was probably meant; empty if nothing is known."""
        if self.unit == "K" and _ABSOLUTE_ZERO_C < value < 0 and self.hold(value - _ABSOLUTE_ZERO_C):
            kelvins = f"{value - _ABSOLUTE_ZERO_C:.6g}"
            return f"; {value:g} degrees Celsius are {kelvins} K, written {kelvins}"
        for unit, size, remark in _MISTAKEN.get(self.unit, ()):
            if self._likely(value * size):
                written = f"{value * size:.6g}"
                mine = "" if self.unit in ("relative", "fraction") else f" {self.unit}"
                return f"; {value:g} {unit} is {written}{mine}{remark}, written {written}"
        if self.unit in _PLAIN and abs(value) > self.high:
            unit, size = _PLAIN[self.unit]
            return f"; {value:g} {self.unit} is {value * size:g} {unit}"
        return ""
