"""Readouts: how a class is read off the states."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from soensim.netlist.efficacy import Efficacy
from soensim.netlist.parts import Name, Part, kind_of


class LinearReadout(Part):
    """A linear classifier on the state: class = argmax of W_out s."""

    kind: Literal["linear"]
    """A linear classifier on the state: class = argmax of W_out s."""
    population: Name
    """Name of the dendrite population whose state is read."""
    classes: Annotated[int, Field(ge=2, le=100_000)]
    """Number of classes."""
    state: Literal["final", "mean"]
    """Which state is read: after the last step, or the mean over the steps."""
    efficacy: Efficacy
    """Level table of the readout's weights."""
    location: Literal["on-chip", "off-chip"] = "on-chip"
    """Where the products are summed; quantised in both cases."""


class GoodnessReadout(Part):
    """Forward-forward: the label whose lines give the most goodness, sum over steps of mean s^2."""

    kind: Literal["goodness"]
    """Forward-forward: the label whose lines give the most goodness, sum over steps of mean s^2."""
    population: Name
    """Name of the dendrite population whose activity is the goodness."""
    state: Literal["final", "all"]
    """Which state counts: that of the last step, or the sum over all steps."""


Readout = Annotated[
    LinearReadout | GoodnessReadout,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("readout", ("linear", "goodness"))),
]
