"""One figure of a budget, and the numbers that go into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from soensim.netlist import Netlist


@dataclass(frozen=True)
class Number:
    """A number that a figure is made of.

    Attributes
    ----------
    name
        Its key in the netlist or technology.
    value, unit
        The number.
    source
        Source of the value.
    estimate
        Whether it has no published source.
    computed
        Whether it follows from other figures of the budget, and is not stated anywhere.
    """

    name: str
    value: float
    unit: str
    source: str
    estimate: bool = False
    computed: bool = False

    def __str__(self) -> str:
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        return f"{self.name} = {self.value:.6g}{unit} ({self.source})"


@dataclass(frozen=True)
class BudgetEntry:
    """One figure.

    Attributes
    ----------
    group
        What it belongs to: counts, area, light, power, latency, closed forms.
    quantity
        What it is.
    value, unit
        The figure; the unit is ``1`` for a pure number.
    formula
        How it is computed, in the names of the numbers that enter.
    numbers
        What enters.
    basis
        What else enters: the netlist, or what routing made of it.
    """

    group: str
    quantity: str
    value: float
    unit: str
    formula: str
    numbers: tuple[Number, ...] = ()
    basis: str = ""

    @property
    def source(self) -> str:
        """Where everything that enters comes from."""
        return "; ".join([*([self.basis] if self.basis else []), *map(str, self.numbers)])

    @property
    def estimate(self) -> bool:
        """Whether a number that enters is an estimate."""
        return any(number.estimate for number in self.numbers)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = {key: getattr(self, key) for key in ("group", "quantity", "value", "unit", "formula", "source")}
        return {**plain, "estimate": self.estimate}


def entry(
    group: str, quantity: str, value: float, unit: str, formula: str, numbers: Iterable[Number] = (), basis: str = ""
) -> BudgetEntry:
    """Make an entry; the arguments are its attributes."""
    return BudgetEntry(group, quantity, float(value), unit, formula, tuple(numbers), basis)


#: Numbers of the technology that a netlist may state itself, and where.
_FLOORPLAN = ("synapse_pitch_um", "electronic_planes")
_ROUTING = ("photonic_planes", "waveguide_pitch_um", "photons_per_spike", "detector_efficiency")
_UNITS = {"um": "um", "spike": "1", "planes": "1", "efficiency": "1"}


def stated(netlist: Netlist, key: str) -> Number:
    """Look a number up: the netlist's own where it states one, else the technology's.

    Raises
    ------
    TechnologyError
        Neither gives it.
    """
    where = "floorplan" if key in _FLOORPLAN else "routing" if key in _ROUTING else None
    part = None if where is None else getattr(netlist, where)
    own = None if part is None else getattr(part, key)
    if own is not None:
        return Number(key, float(own), _UNITS[key.rsplit("_", 1)[-1]], f"netlist, {where}.{key}")
    technology = netlist.device_technology
    value, quantity = technology.value(key), technology.quantity(key)
    return Number(key, value, quantity.unit, f"{technology.name}: {quantity.source}", quantity.is_estimate)
