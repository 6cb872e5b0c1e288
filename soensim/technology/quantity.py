"""A technology: the junction and a table of cited quantities."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from soensim.errors import TechnologyError
from soensim.technology.derived import derived_quantities
from soensim.technology.layer_map import Layer
from soensim.technology.legal_ranges import LEGAL
from soensim.units import Junction

JUNCTION_KEYS = ("critical_current_a", "gamma_c_f_per_a", "beta_c")
"""Stored quantities that make the junction, in the order of its parameters."""


@dataclass(frozen=True)
class Quantity:
    """One number of a technology.

    Parameters
    ----------
    value
        The default, in `unit`. None where no sourced value exists: the user must give one.
    unit
        Unit as text; "1" for a pure number.
    low, high
        Plausible range in the same unit; both None where none is known.
    source
        Where the value comes from; starts with "estimate" or "not found" where that is the case, and is the
        formula for a derived quantity.
    range_reason
        What the range is, or why there is none.
    """

    value: float | None
    unit: str
    low: float | None
    high: float | None
    source: str
    range_reason: str = ""

    @property
    def is_estimate(self) -> bool:
        """Whether the value has no published source."""
        return self.source.startswith("estimate")

    def as_dict(self) -> dict[str, Any]:
        """Plain form for JSON and hashing."""
        return {
            "value": self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "source": self.source,
            "range_reason": self.range_reason,
        }


@dataclass(frozen=True)
class Technology:
    """A named set of cited quantities and the junction that defines the unit system.

    Only independent numbers are stored; what follows from them (r_jj, omega_c, the delay per centimetre, ...)
    is computed when it is asked for and can be read under its own key like the others.

    Parameters
    ----------
    name, description
        What the preset is.
    junction
        The Josephson junction.
    stored
        Quantities by key; a key carries the unit of an SI quantity as suffix.
    layers
        Mask layers by name (`soensim.technology.layer_map`); empty where the technology says nothing of them.
    """

    name: str
    description: str
    junction: Junction
    stored: Mapping[str, Quantity]
    layers: Mapping[str, Layer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored", MappingProxyType(dict(self.stored)))
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not travel to other processes; its content does.
        return Technology, (self.name, self.description, self.junction, dict(self.stored), dict(self.layers))

    @cached_property
    def derived(self) -> Mapping[str, Quantity]:
        """Quantities that follow from the stored ones; the source is the formula."""
        values = {key: quantity.value for key, quantity in self.stored.items()}
        return {
            key: Quantity(value, unit, None, None, f"derived: {formula}")
            for key, (value, unit, formula) in derived_quantities(self.junction, values).items()
        }

    def keys(self) -> tuple[str, ...]:
        """All known keys, stored first."""
        return (*self.stored, *self.derived)

    def quantity(self, key: str) -> Quantity:
        """Quantity of a key.

        Raises
        ------
        TechnologyError
            If the key is unknown; the message names the nearest known key.
        """
        quantity = self.stored.get(key) or self.derived.get(key)
        if quantity is None:
            near = difflib.get_close_matches(key, self.keys(), n=1, cutoff=0.0)[0]
            raise TechnologyError(f"technology {self.name!r} has no {key!r}; the nearest quantity is {near!r}")
        return quantity

    def value(self, key: str) -> float:
        """Value of a key, in the unit that its quantity names.

        Raises
        ------
        TechnologyError
            If the key is unknown, or known but without a value.
        """
        quantity = self.quantity(key)
        if quantity.value is None:
            raise TechnologyError(
                f"technology {self.name!r} has no value for {key!r} ({quantity.source}); give one "
                f"in the netlist or in a technology file that extends this one"
            )
        return quantity.value

    def with_values(self, values: Mapping[str, float]) -> Technology:
        """Return the technology with other values of some stored quantities; without any, itself.

        Parameters
        ----------
        values
            By key, in the unit that the quantity names.

        Raises
        ------
        TechnologyError
            A key is unknown, or follows from others; a value is beyond the legal range.
        """
        if not values:
            return self
        stored = dict(self.stored)
        for key, value in values.items():
            quantity = self.quantity(key)
            if key not in stored:
                raise TechnologyError(f"{key} cannot be set: {quantity.source.removeprefix('derived: ')} gives it")
            limits = LEGAL.get(key)
            if limits is not None and not limits.hold(value):
                raise TechnologyError(f"{key}: {value:.10g} is not legal; {limits.fault(value)}")
            stored[key] = replace(
                quantity, value=float(value), source=f"set, in place of {self.name}'s {quantity.value}"
            )
        junction = Junction(*(stored[key].value or 0.0 for key in JUNCTION_KEYS))
        return Technology(self.name, self.description, junction, stored, self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Canonical plain form: everything that is stored, keys sorted."""
        return {
            "name": self.name,
            "description": self.description,
            "quantities": {key: self.stored[key].as_dict() for key in sorted(self.stored)},
            "layout": {name: self.layers[name].as_dict() for name in sorted(self.layers)},
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal: the same on every machine and Python."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def __hash__(self) -> int:
        return hash(self.hash)
