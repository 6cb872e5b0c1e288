"""Efficacies: the values that a synapse can hold, and who decides their sign."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from soensim.netlist.base import Bits, Fraction, Part, Seed, exactly_one, fault, kind_of, legal

Level = Annotated[float, legal(0, 1e4, "Phi_0 per I_c", "0.15 to 4 are in use", zero=True, signed=True)]


class DaleSign(Part):
    """Each source neuron is excitatory or inhibitory, everywhere it goes."""

    kind: Literal["dale"]
    """Each source neuron is excitatory or inhibitory, everywhere it goes."""
    inhibitory_fraction: Fraction
    """Fraction of the sources that are inhibitory."""
    seed: Seed
    """Seed (a whole number) of the draw."""


class PerEdgeSign(Part):
    """Each edge has a sign that fabrication fixed."""

    kind: Literal["per-edge"]
    """Each edge has a sign that fabrication fixed."""
    negative_fraction: Fraction
    """Probability (a fraction) that an edge is negative."""
    seed: Seed
    """Seed (a whole number) of the draw."""


def _sign_tag(data: Any) -> str:
    if isinstance(data, str):
        return "word"
    return str(data["kind"] if isinstance(data, dict) else data.kind)


Sign = Annotated[
    Annotated[Literal["free", "positive", "negative"], Tag("word")]
    | Annotated[DaleSign, Tag("dale")]
    | Annotated[PerEdgeSign, Tag("per-edge")],
    Discriminator(_sign_tag),
    BeforeValidator(kind_of("sign rule", ("dale", "per-edge"), ("free", "positive", "negative"))),
]


class Efficacy(Part):
    """The values that a synapse can hold."""

    bits: Bits | None = None
    """Number of bits; b bits give 2^b - 1 levels about an exact zero (free sign), or 2^b levels from 0 (fixed
    sign)."""
    levels: Annotated[tuple[Level, ...], Field(min_length=2, max_length=65536, strict=False)] | None = None
    """The level table itself, ascending (Phi_0 per I_c); instead of `bits` and `range`."""
    range: Annotated[float, legal(1e-6, 1e4, "Phi_0 per I_c", "0.15 to 4 are in use")] | None = None
    """Largest efficacy (Phi_0 per I_c)."""
    sign: Sign = "free"
    """Who decides the sign: the program (`free`), or fabrication."""
    full_scale: Literal["fixed", "programmable"] = "fixed"
    """Whether the program may shrink the whole level table by one common factor: one analog knob per projection or
    readout, such as the reference current of its converters. `fixed`: the levels are as stated here."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exactly_one(self, ("bits", "levels"), "level table")
        if self.bits is not None and self.range is None:
            raise fault("is missing; `bits` needs it: the largest efficacy (Phi_0 per I_c)", "range", key=True)
        if self.levels is not None and self.range is not None:
            raise fault("has no meaning beside `levels`; remove it", "range", key=True)
        if self.bits == 1 and self.sign == "free":
            raise fault("1 bit with a free sign leaves only zero; give 2 or more, or fix the sign", "bits")
        for k, (low, high) in enumerate(zip(self.levels or (), (self.levels or ())[1:], strict=False)):
            if high <= low:
                raise fault(f"{high!r} follows {low!r}; levels must ascend, each once", "levels", k + 1)
        if self.levels is not None and self.sign != "free" and self.levels[0] < 0:
            raise fault(f"{self.levels[0]!r} is negative; where the sign is fixed, levels are magnitudes", "levels", 0)
        return self

    @cached_property
    def level_table(self) -> NDArray[np.float64]:
        """Ascending efficacies (Phi_0 per I_c), shape (levels,), read-only; magnitudes where the sign is fixed."""
        table: NDArray[np.float64]
        if self.levels is not None:
            table = np.array(self.levels, dtype=np.float64)
        elif self.sign == "free":
            table = symmetric_levels(self.bits or 0, self.range or 0.0)
        else:
            table = np.linspace(0.0, self.range or 0.0, 2 ** (self.bits or 0))
        table.setflags(write=False)
        return table


def symmetric_levels(bits: int, largest: float) -> NDArray[np.float64]:
    """Make 2^b - 1 levels from -largest to largest with an exact zero (docs/hardware.md).

    Parameters
    ----------
    bits
        2 or more.
    largest
        In the unit that the levels shall have.

    Returns
    -------
    array
        Shape (2^bits - 1,), ascending.
    """
    half = 2 ** (bits - 1) - 1
    levels: NDArray[np.float64] = np.arange(-half, half + 1) * (largest / half)
    return levels
