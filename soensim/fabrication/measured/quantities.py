"""What can be measured on a chip: kinds of devices, their quantities, legal units and ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from soensim.fabrication.imperfections.arm_inductance_spread import LEAST as LEAST_ARM
from soensim.fabrication.imperfections.base import IMPERFECTIONS
from soensim.fabrication.imperfections.converters import BITS_MOST
from soensim.limits import Limits
from soensim.network import LinearOutput, Network
from soensim.program import READOUT
from soensim.units import Junction

Kind = Literal["chip", "neuron", "synapse", "readout"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Scale = Callable[[Junction], float]
"""Makes the factor from a unit to the first one of its quantity."""

Nominal = float | NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One quantity of a kind of device.

    Attributes
    ----------
    units
        Legal units; the first is that of the chip's arrays, whose values are exact.
    limits
        Legal range, in the first unit.
    imperfection
        Name of the imperfection that changes it; a chip that cannot show this has no such quantity.
    field
        Of a quantity of the whole chip: the field of `FabricatedChip`.
    whole
        Whether it is a whole number.
    """

    units: Mapping[str, Scale]
    limits: Limits
    imperfection: str
    field: str = ""
    whole: bool = False

    @property
    def unit(self) -> str:
        """The unit that it is written in."""
        return next(iter(self.units))


_ONE: Final[Mapping[str, Scale]] = {"1": lambda _: 1.0}
_PARTS = "in parts of the drawing's"
_RATE: Final[Mapping[str, Scale]] = {"1/tau": lambda _: 1.0, "1/ns": lambda j: 1e9 * j.tau_0_s}
_GAMMA = Limits(0, 1e4, "1/tau", "1e-6 to 1 are in use", zero=True)
_FLUX: Final[Mapping[str, Scale]] = {"Phi_0": lambda _: 1.0}
_FLUX_LIMITS = Limits(0, 100, "Phi_0", "g has the period 1", zero=True, signed=True)
_SQUID_PART = Limits(LEAST_ARM, 10, "1", _PARTS)
_FACTOR = Limits(0, 1e6, "1", _PARTS, zero=True)
_NOISE = Limits(0, 1e6, "1", "0 is none", zero=True)
_CONVERTER = Limits(0, 1, "1", "in parts of full scale", zero=True)
_BITS = Limits(1, BITS_MOST, "bit", "0 is exact", zero=True)

QUANTITIES: Final[Mapping[Kind, Mapping[str, Quantity]]] = {
    "chip": {
        "delay": Quantity(_ONE, _FACTOR, "delay_spread", "delay_factor"),
        "stray_light": Quantity(
            _ONE, Limits(0, 1, "1", "in parts of a detector's own light", zero=True), "stray_light_db", "stray_light"
        ),
        "read_seed": Quantity(
            _ONE, Limits(0, 2.0**63, "1", "a seed", zero=True), "read_noise_flux", "read_seed", whole=True
        ),
        "read_noise_flux": Quantity(
            _FLUX, Limits(0, 1, "Phi_0", "one sigma", zero=True), "read_noise_flux", "read_noise_flux"
        ),
        "thermal_noise": Quantity(_ONE, _NOISE, "thermal_noise_k", "thermal_noise"),
        "shot_noise": Quantity(_ONE, _NOISE, "fluxon_shot_noise", "shot_noise"),
        "dac_noise": Quantity(_ONE, _CONVERTER, "input_dac_noise", "dac_noise"),
        "adc_noise": Quantity(_ONE, _CONVERTER, "readout_adc_noise", "adc_noise"),
        "dac_bits": Quantity({"bit": lambda _: 1.0}, _BITS, "input_dac_bits", "dac_bits", whole=True),
        "adc_bits": Quantity({"bit": lambda _: 1.0}, _BITS, "readout_adc_bits", "adc_bits", whole=True),
    },
    "neuron": {
        "gamma_plus": Quantity(_RATE, _GAMMA, "gamma_plus_spread"),
        "gamma_minus": Quantity(_RATE, _GAMMA, "gamma_minus_spread"),
        "bias_current": Quantity(
            {"I_c": lambda _: 1.0, "uA": lambda j: 1e-6 / j.critical_current_a},
            Limits(0, 100, "I_c", "1.05 to 2 bias a SQUID between its thresholds", zero=True, signed=True),
            "bias_current_spread",
        ),
        "flux_offset": Quantity(_FLUX, _FLUX_LIMITS, "flux_offset_spread"),
        "flux_trim": Quantity(_FLUX, _FLUX_LIMITS, "flux_offset_spread"),
        "critical_current": Quantity(
            {"1": lambda _: 1.0, "uA": lambda j: 1e-6 / j.critical_current_a}, _SQUID_PART, "critical_current_spread"
        ),
        "arm_1": Quantity(_ONE, _SQUID_PART, "arm_inductance_spread"),
        "arm_2": Quantity(_ONE, _SQUID_PART, "arm_inductance_spread"),
    },
    "synapse": {
        "efficacy": Quantity(
            {
                "Phi_0 per I_c": lambda _: 1.0,
                "pH": lambda j: 1e-12 / (2 * np.pi * j.inductance_scale_h),
            },
            Limits(0, 1e4, "Phi_0 per I_c", "0.15 to 4 are in use", zero=True, signed=True),
            "efficacy_spread",
        ),
        "delay": Quantity(_ONE, _FACTOR, "edge_delay_spread"),
        "photons": Quantity(_ONE, _FACTOR, "detector_efficiency_spread"),
    },
    "readout": {
        "efficacy": Quantity(
            {"per I_c": lambda _: 1.0},
            Limits(0, 1e6, "per I_c", "1 is in use", zero=True, signed=True),
            "efficacy_spread",
        ),
    },
}
"""Every quantity by kind and name."""

SQUID_QUANTITIES: Final = ("critical_current", "arm_1", "arm_2")


def places(network: Network, kind: Kind) -> dict[str, tuple[int, ...]]:
    """Names of the places that a kind of device is at, with the shape of its values there; () of the whole chip."""
    match kind:
        case "chip":
            return {network.name: ()}
        case "neuron":
            return {p.name: (p.size,) for p in network.populations}
        case "synapse":
            return {key: (len(synapses),) for key, synapses in network.synapses.items()}
        case "readout":
            output = network.output
            on_chip = isinstance(output, LinearOutput) and output.on_chip
            return {READOUT: output.sign.shape} if isinstance(output, LinearOutput) and on_chip else {}


def quantities_at(network: Network, kind: Kind, place: str) -> list[str]:
    """Names of the quantities that a chip has at a place."""
    return [name for name, about in QUANTITIES[kind].items() if _has(network, kind, place, name, about)]


def nominal(network: Network, kind: Kind, place: str, quantity: str) -> Nominal | None:
    """Return a quantity as it is drawn: an array, or one number for all; None where the program says it."""
    if quantity in ("efficacy", "flux_trim"):
        return None
    if kind != "neuron" or quantity in SQUID_QUANTITIES:
        return 1.0
    drawn: NDArray[np.float64] = getattr(next(p for p in network.populations if p.name == place), quantity)
    return drawn


def _has(network: Network, kind: Kind, place: str, name: str, about: Quantity) -> bool:
    """Whether a chip has a quantity at a place."""
    if name == "read_seed":
        return True
    if IMPERFECTIONS[about.imperfection].missing(network):
        return False
    if kind == "synapse":
        synapses, light = network.synapses[place], network.light
        if name == "delay":
            return bool(synapses.delay_tau.any())
        return name != "photons" or (light is not None and place in light.photons)
    if kind == "neuron":
        population = next(p for p in network.populations if p.name == place)
        if name in ("bias_current", "critical_current"):
            return not population.source.virtual
        if name in ("arm_1", "arm_2"):
            return population.source.table is not None
        return name != "flux_trim" or population.trim_levels is not None
    return True
