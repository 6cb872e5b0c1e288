"""Populations: where signals enter the chip, and the neurons."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from soensim.netlist.base import MAX_NEURONS, Part, Size, as_quantity, exactly_one, fault, kind_of, legal
from soensim.netlist.schema.flux_trim import FluxTrim
from soensim.netlist.schema.spiking import SpikeInputPopulation, SpikingPopulation
from soensim.netlist.schema.spiking_soma import SpikingSoma

DRIVE = legal(0, 1e3, "I_c", "0.1 to 20 are in use", zero=True, signed=True)
Normalisation = Literal["l2", "rms", "standardise"]


class InputPopulation(Part):
    """Channels that bring signals onto the chip."""

    kind: Literal["input"]
    """Channels that bring signals onto the chip."""
    size: Size
    """Number of channels."""
    carries: Literal["data", "label"] = "data"
    """`data`: samples of a data set; `label`: one-hot class lines, held at every step (forward-forward)."""
    drive_low: Annotated[float, DRIVE]
    """Signal (I_c) for a data value of 0, or for a label line that is off."""
    drive_high: Annotated[float, DRIVE]
    """Signal (I_c) for a data value of 1, or for the label line that is on."""
    normalise: Normalisation | None = None
    """What is done to the channels of a sample before they enter the chip: divide by the Euclidean norm (`l2`), by the
    root mean square (`rms`), or subtract the mean and divide by the standard deviation (`standardise`)."""
    label_channels: Annotated[int, Field(ge=2, le=MAX_NEURONS)] | None = None
    """Number of first channels that carry the one-hot label instead of the data, as Hinton's first ten pixels do."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.label_channels is not None and self.carries == "label":
            raise fault("has no meaning for a population that carries labels only; remove it", "label_channels")
        if self.label_channels is not None and self.label_channels > self.size:
            raise fault(f"is {self.label_channels}; the population has {self.size} channels", "label_channels")
        return self


class DendritePopulation(Part):
    """Rate neurons: dendrites whose states couple, without spikes."""

    kind: Literal["dendrite"]
    """Rate neurons: dendrites whose states couple, without spikes."""
    size: Size
    """Number of neurons."""
    source_function: Literal["squid", "squid-fit", "tanh", "relu", "steep-sigmoid"]
    """Source function g(phi, i). `squid` is derived from the technology's junctions and arms, `squid-fit` is an
    analytic approximation of it; the others are virtual: no circuit is known that has them."""
    bias_current: Annotated[float, as_quantity("bias_current")] | None = None
    """Bias of the dendrite's SQUID (I_c). Required by a SQUID, meaningless for a virtual function."""
    temperature_k: Annotated[float, as_quantity("temperature_k")] | None = None
    """Temperature of the SQUIDs' shunts (K), which rounds the threshold of `squid`; absent: noise-free."""
    flux_offset: Annotated[float, as_quantity("flux_offset")] = 0.0
    """Static flux (Phi_0), the same for every neuron."""
    flux_trim: FluxTrim | None = None
    """Programmable flux per neuron; absent: none on the chip."""
    gamma_plus: Annotated[float, legal(1e-9, 1e3, "1/tau", "1e-4 to 1 are in use")] | None = None
    """Drive gain (1/tau)."""
    beta_di: Annotated[float, as_quantity("beta_di")] | None = None
    """Dimensionless loop inductance 2 pi I_c L_di / Phi_0; gamma_plus = 1/beta_di (1/tau)."""
    gamma_plus_per_ns: Annotated[float, legal(1e-6, 1e6, "1/ns", "0.1 to 1000 per ns are in use")] | None = None
    """Drive gain (1/ns)."""
    gamma_minus: (
        Annotated[float, legal(1e-12, 1e3, "1/tau", "a decay of a second to tau_0 / 1000", zero=True)] | None
    ) = None
    """Leak (1/tau)."""
    gamma_minus_per_ns: (
        Annotated[float, legal(1e-9, 1e6, "1/ns", "a decay of a second to a millionth of a ns", zero=True)] | None
    ) = None
    """Leak (1/ns)."""
    tau_di_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the integration loop (ns); gamma_minus = 1/tau_di."""
    reference_state: Annotated[float, legal(1e-6, 1e3, "I_c", "a SQUID's state lies below its bias")] | None = None
    """State (I_c) at which an emitter fires at its highest rate, for optical projections; absent: the largest state
    that the SQUID can reach at its bias."""
    spiking_soma: SpikingSoma | None = None
    """Soma and synapses that the population stands for, for `soensim evaluate --engine spiking`; what is absent is
    derived."""
    normalise: Normalisation | None = None
    """What is done to the states before they are sent on (`l2`, `rms`, `standardise`); virtual: no circuit is known."""
    normalise_floor: Annotated[float, legal(1e-6, 1e3, "I_c", "0.1 where states are about 1")] | None = None
    """Root mean square of the states (I_c) below which they are no longer normalised; absent: 1e-6, with which a
    silent population amplifies its flux offsets to full activity."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exactly_one(self, ("gamma_plus", "beta_di", "gamma_plus_per_ns"), "drive gain")
        exactly_one(self, ("gamma_minus", "gamma_minus_per_ns", "tau_di_ns"), "leak")
        if self.virtual and self.bias_current is not None:
            raise fault(
                f"has no meaning for the virtual source function {self.source_function!r}; remove it, or take `squid`",
                "bias_current",
                key=True,
            )
        if not self.virtual and self.bias_current is None:
            raise fault(
                f"is missing; the SQUID of {self.source_function!r} needs one (I_c), for example 1.7",
                "bias_current",
                key=True,
            )
        if self.normalise_floor is not None and self.normalise is None:
            raise fault("has no meaning without `normalise`; remove it, or set that", "normalise_floor", key=True)
        if self.spiking_soma is not None and self.source_function != "squid":
            raise fault(
                f"has no meaning for the source function {self.source_function!r}, which no spiking neuron has; remove "
                "it, or take `squid`",
                "spiking_soma",
                key=True,
            )
        if self.temperature_k is not None and self.source_function != "squid":
            raise fault(
                f"has no effect on the source function {self.source_function!r}; remove it, or take `squid`",
                "temperature_k",
                key=True,
            )
        return self

    @property
    def virtual(self) -> bool:
        """Whether the source function is not that of a known circuit."""
        return self.source_function not in ("squid", "squid-fit")


Population = Annotated[
    InputPopulation | DendritePopulation | SpikeInputPopulation | SpikingPopulation,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("population", ("input", "dendrite", "spike-input", "spiking"))),
]
