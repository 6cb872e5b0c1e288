"""Readouts: how a class is read off the states."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from soensim.netlist.base import Name, Part, exactly_one, fault, kind_of
from soensim.netlist.schema.efficacy import Efficacy

Names = Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]


class _Readout(Part):
    kind: str
    """How the answer is read."""
    population: Name | None = None
    """Name of the dendrite population that is read."""
    populations: Names | None = None
    """Names of several dendrite populations that are read together, instead of `population`."""

    @model_validator(mode="after")
    def _check_populations(self) -> Self:
        exactly_one(self, ("population", "populations"), "population that is read")
        if self.populations is not None and len(set(self.populations)) < len(self.populations):
            raise fault("names a population twice; each once", "populations")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all populations that are read."""
        return self.populations or (self.population or "",)


class LinearReadout(_Readout):
    """A linear classifier on the state: class = argmax of W_out s."""

    kind: Literal["linear"]
    """A linear classifier on the state: class = argmax of W_out s, s as its population sends it."""
    classes: Annotated[int, Field(ge=2, le=100_000)]
    """Number of classes."""
    state: Literal["final", "mean"]
    """Which state is read: after the last step, or the mean over the steps."""
    efficacy: Efficacy
    """Level table of the readout's weights."""
    location: Literal["on-chip", "off-chip"] = "on-chip"
    """Where the products are summed; quantised in both cases."""


class GoodnessReadout(_Readout):
    """Forward-forward: the label whose lines give the most goodness, sum over steps of mean s^2."""

    kind: Literal["goodness"]
    """Forward-forward: the label whose lines give the most goodness, sum over populations and steps of mean s^2."""
    state: Literal["final", "all"]
    """Which state counts: that of the last step, or the sum over all steps."""
    first_sample: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Number of the first sample that counts, with `state: all`; absent: the first there is (1)."""
    last_sample: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Number of the last sample that counts, with `state: all`; absent: the last there is."""
    prefers: Literal["low"] | None = None
    """`low`: the label with the least goodness is the answer (inverted objective); absent: the one with the most."""

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        for key in ("first_sample", "last_sample"):
            if self.state == "final" and getattr(self, key) is not None:
                raise fault("has no meaning with `state: final`; remove it, or take `all`", key)
        if self.first_sample is not None and self.last_sample is not None and self.first_sample > self.last_sample:
            raise fault(f"is {self.last_sample}, before first_sample, {self.first_sample}", "last_sample")
        return self


class SpikeCountReadout(_Readout):
    """Spiking chips: the class whose neuron spikes most often in a sample."""

    kind: Literal["spike-count"]
    """Spiking chips: the class whose neuron spikes most often in a sample; of equal counts the first."""


Readout = Annotated[
    LinearReadout | GoodnessReadout | SpikeCountReadout,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("readout", ("linear", "goodness", "spike-count"))),
]
