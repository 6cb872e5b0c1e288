"""How fabricated chips differ from the drawing.

Every key is an imperfection of the same name in `soensim.fabrication.imperfections`, which has its formula; comment
and range here repeat what is said there (tests/test_fabrication.py compares them). The keys of `PARAMETERS` hold
numbers by imperfection.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from soensim.limits import Limits
from soensim.netlist.base import BelowOne, Legal, Part, as_quantity, legal

PARAMETERS = ("correlation_um", "gradient", "time_s", "exponent_spread")
"""Keys that hold a parameter of several imperfections, by their names."""

_RELATIVE = legal(0, 1, "relative", "one sigma; beyond 100 % the sign is a matter of chance", zero=True)

Relative = Annotated[float, _RELATIVE]
Placed = Literal[
    "efficacy_spread",
    "gamma_minus_spread",
    "bias_current_spread",
    "flux_offset_spread",
    "gamma_plus_spread",
    "coupling_spread",
    "critical_current_spread",
    "arm_inductance_spread",
    "edge_delay_spread",
    "detector_efficiency_spread",
    "tap_ratio_spread_db",
    "emitter_power_spread",
]
ConverterBits = Annotated[int, Field(ge=0, le=24)]


class _Endless(Legal):
    """Limits that infinity is legal beside."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            **handler(schema),
            "minimum": self.limits.least,
            "$comment": f"{self.limits.reason}; .inf is without end",
        }

    def _checked(self, value: float) -> float:
        return value if value == math.inf else super()._checked(value)


Length = Annotated[float, _Endless(Limits(1, 1e6, "um", "a micrometre to a metre; films vary over a wafer", zero=True))]


class Imperfections(Part):
    """Spreads (one sigma) between fabricated chips, and read noise; absent ones come from the technology."""

    efficacy_spread: Annotated[float, as_quantity("efficacy_spread")] | None = None
    """Spread of efficacies, one sigma (relative)."""
    gamma_minus_spread: Annotated[float, as_quantity("gamma_minus_spread")] | None = None
    """Spread of leaks, one sigma (relative)."""
    bias_current_spread: Annotated[float, as_quantity("bias_current_spread")] | None = None
    """Spread of bias currents, one sigma (relative)."""
    flux_offset_spread: Annotated[float, as_quantity("flux_offset_spread")] | None = None
    """Spread of static flux, one sigma (Phi_0)."""
    read_noise_flux: Annotated[
        float, legal(0, 1, "Phi_0", "one sigma; beyond a period of g all is chance", zero=True)
    ] = 0.0
    """Gaussian flux noise, one sigma (Phi_0), fresh for every neuron and input sample."""
    drop_synapses: BelowOne = 0.0
    """Fraction of the synapses that are dead in the mean, their efficacy zero."""
    delay_spread: Annotated[float, legal(0, 1, "relative", "one sigma of all delays together", zero=True)] = 0.0
    """Spread of the factor that all delays of a chip share, one sigma (relative)."""
    programming_error: Relative = 0.0
    """Error of each programmed efficacy, one sigma (relative to the largest level)."""
    retention_drift: Annotated[float, legal(0, 1, "1", "0.01 loses 2.3 % per decade of time", zero=True)] = 0.0
    """Exponent (a number) of the decay of stored efficacies with time, w (1 + t/1 s)^(-size)."""
    stuck_synapses: BelowOne = 0.0
    """Fraction of the synapses that are stuck in the mean, at a random level of their table."""
    dead_neurons: BelowOne = 0.0
    """Fraction of the neurons that are dead in the mean, their state zero."""
    gamma_plus_spread: Relative = 0.0
    """Spread of drive gains, one sigma (relative)."""
    coupling_spread: Relative = 0.0
    """Spread of the coupling of all synapses into a neuron's SQUID, one sigma (relative)."""
    critical_current_spread: Relative = 0.0
    """Spread of the critical currents of the neurons' SQUIDs, one sigma (relative)."""
    arm_inductance_spread: Relative = 0.0
    """Spread of the inductance of each arm of the neurons' SQUIDs, one sigma (relative)."""
    edge_delay_spread: Relative = 0.0
    """Spread of the delay of each edge, one sigma (relative)."""
    detector_efficiency_spread: Relative = 0.0
    """Spread of the efficiencies of the detectors, one sigma (relative)."""
    tap_ratio_spread_db: Annotated[float, legal(0, 10, "dB", "0.7 to 0.9 dB, arXiv:1805.05439", zero=True)] = 0.0
    """Spread of the light that the splitters of a net send to each detector, one sigma (dB)."""
    emitter_power_spread: Relative = 0.0
    """Spread of the photons that the emitters send per spike, one sigma (relative)."""
    stray_light_db: Annotated[float, Field(ge=-200, le=0, allow_inf_nan=False)] = 0.0
    """Floor of stray light at every detector (dB), negative: below the light of its own emitter; 0 none."""
    thermal_noise_k: Annotated[float, as_quantity("temperature_k")] = 0.0
    """Temperature (K) of the resistors in the integration loops, for their Johnson noise."""
    fluxon_shot_noise: Annotated[float, legal(0, 1, "1", "1 is a Poisson process", zero=True)] = 0.0
    """Fano factor (a number) of the fluxons that drive a loop: 0 regular, 1 as a Poisson process."""
    input_dac_bits: ConverterBits = 0
    """Number of bits of the input DACs; 0 for exact inputs."""
    input_dac_noise: Relative = 0.0
    """Noise of the input DACs, one sigma (relative to the drive range)."""
    readout_adc_bits: ConverterBits = 0
    """Number of bits of the readout ADCs; 0 for exact readings."""
    readout_adc_noise: Relative = 0.0
    """Noise of the readout ADCs, one sigma (relative to full scale)."""

    correlation_um: dict[Placed, Length] = Field(default_factory=dict)
    """By spread, the distance over which neighbours deviate alike (um): 0 draws each alone, .inf all of a chip in
    common."""
    gradient: dict[Placed, Annotated[float, legal(0, 1, "1", "in the unit of the spread", zero=True)]] = Field(
        default_factory=dict
    )
    """By spread, the deviation from one edge of the die to the other, in its unit; the direction is drawn per chip."""
    time_s: dict[
        Literal["retention_drift"], Annotated[float, legal(1e-9, 1e12, "s", "a ns to 30,000 years", zero=True)]
    ] = Field(default_factory=dict)
    """Time from programming to use (s), of `retention_drift`; absent: a day."""
    exponent_spread: dict[Literal["retention_drift"], Relative] = Field(default_factory=dict)
    """Spread of the exponents of `retention_drift`, one sigma (relative)."""
