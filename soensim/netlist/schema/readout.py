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
    """A linear classifier on what is read: class = argmax of W_out s."""

    kind: Literal["linear"]
    """A linear classifier: class = argmax of W_out s, s the state as its population sends it, or, of spiking neurons,
    the spikes or the mean flux of each in a sample."""
    classes: Annotated[int, Field(ge=2, le=100_000)]
    """Number of classes."""
    state: Literal["final", "mean", "spike-count", "mean-flux"]
    """What is read: the state after the last step, or the mean over the steps; of spiking neurons the spikes of each in
    a sample (`spike-count`), or the flux through its soma in the mean over the sample (`mean-flux`)."""
    efficacy: Efficacy
    """Level table of the readout's weights."""
    location: Literal["on-chip", "off-chip"] = "on-chip"
    """Where the products are summed; quantised in both cases. Counts and mean fluxes of spiking neurons are summed
    `off-chip`."""


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


class MeanFluxReadout(_Readout):
    """Spiking chips: the class through whose neuron most flux goes, in the mean over a sample."""

    kind: Literal["mean-flux"]
    """Spiking chips: the class through the soma of whose neuron most flux goes, in the mean over a sample; of equal
    ones the first."""


Readout = Annotated[
    LinearReadout | GoodnessReadout | SpikeCountReadout | MeanFluxReadout,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("readout", ("linear", "goodness", "spike-count", "mean-flux"))),
]

READOUTS_OF_SPIKES = ("spike-count", "mean-flux", "linear")
"""Kinds of readout of spiking chips."""
READOUTS_OF_RATES = ("linear", "goodness")
"""Kinds of readout of chips of rate neurons."""
STATES_OF_SPIKES = ("spike-count", "mean-flux")
"""What a linear readout may read of spiking neurons."""
