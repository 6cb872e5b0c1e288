"""How time passes on a chip: samples, integration steps, order of update."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from soensim.netlist.base import Part, exactly_one, fault, legal


class Timing(Part):
    """How time passes."""

    sample_tau: Annotated[float, legal(1e-3, 1e12, "tau", "a thousandth of tau_0 to a second")] | None = None
    """How long one input sample is held (tau)."""
    sample_ns: Annotated[float, legal(1e-4, 1e9, "ns", "a tenth of tau_0 to a second")] | None = None
    """How long one input sample is held (ns)."""
    substeps: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of integration steps per input sample that training uses; absent: as many as training needs to learn the
    chip and not the integrator (dt gamma_plus <= 0.05 and dt gamma_minus <= 0.125 for SQUIDs; dt gamma_minus <= 1)."""
    hold_samples: Annotated[int, Field(ge=2, le=100_000)] | None = None
    """Number of samples for which each frame of a data set is held (static data are seen for a while); absent: one."""
    unlabelled_samples: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of first samples that are shown without the label; absent: none."""
    integrator: Literal["forward-euler", "heun", "exponential-euler"] = "forward-euler"
    """How a step is taken: retention 1 - gamma_minus dt (`heun`: two such steps, order 2), or exp(-gamma_minus dt)."""
    update: Literal["lockstep", "feed-forward"] = "lockstep"
    """`lockstep`: every population sees the states of the step before; `feed-forward`: a population sees the
    states that the populations above it in the file have just taken."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exactly_one(self, ("sample_tau", "sample_ns"), "sample time")
        if self.unlabelled_samples is not None and self.unlabelled_samples >= (self.hold_samples or 1):
            raise fault(
                f"is {self.unlabelled_samples}; hold_samples is {self.hold_samples or 1}, and the label must be seen",
                "unlabelled_samples",
            )
        if self.integrator == "heun" and self.update == "feed-forward":
            raise fault("`heun` needs lockstep: it looks at all populations at one time; change update", "integrator")
        return self
