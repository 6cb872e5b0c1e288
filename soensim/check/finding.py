"""Finding of a rule about one object of the chip, or about many objects of one class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from soensim.netlist import Waiver

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Box(NamedTuple):
    """A rectangle on the die (um), or a point where both corners are one; the origin is the lower left corner."""

    left_um: float
    bottom_um: float
    right_um: float
    top_um: float

    @classmethod
    def around(cls, x_um: float, y_um: float, side_um: float) -> Box:
        """Make a square from its centre and side."""
        half = side_um / 2
        return cls(x_um - half, y_um - half, x_um + half, y_um + half)


@dataclass(frozen=True)
class Finding:
    """Result of a rule for an object.

    Attributes
    ----------
    id
        Stable name of the rule (`soensim.check.RULES`).
    severity
        `error`: the chip cannot be made or cannot work; `warning`: look at it; `note`: as it should be.
    object
        Path in the netlist, or the part of the layout: `hidden[3]`, `hidden[3]->hidden[17]`, `row 12`.
    value, limit
        What the chip has, and the border of what is legal, in ``unit``.
    message
        What this means, and how to change it.
    location
        Where on the die.
    count
        How many objects of one class break the rule; the object is the worst of them.
    waiver
        Which of the netlist's waivers accepts it.
    """

    id: str
    severity: Severity
    object: str
    value: float | None
    limit: float | None
    unit: str
    message: str
    location: Box | None = None
    count: int = 1
    waiver: Waiver | None = None

    @property
    def waived(self) -> bool:
        """Whether a waiver accepts it."""
        return self.waiver is not None

    @property
    def counts(self) -> bool:
        """Whether it makes the answer of a check "no"."""
        return self.severity == "error" and not self.waived

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "id": self.id,
            "severity": self.severity,
            "object": self.object,
            "location": None if self.location is None else {"box_um": list(self.location)},
            "value": _finite(self.value),
            "limit": _finite(self.limit),
            "unit": self.unit,
            "message": self.message,
            "count": self.count,
            "waived": self.waived,
            "waiver": None
            if self.waiver is None
            else {"reason": self.waiver.reason, "until": self.waiver.until.isoformat()},
        }


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else number
