"""One chip whose devices were measured; what was not measured is as drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array
from soensim.errors import MeasurementError
from soensim.fabrication.chip import FabricatedChip, SquidFactors
from soensim.fabrication.imperfections.base import like
from soensim.fabrication.measured.quantities import QUANTITIES, SQUID_QUANTITIES, Kind
from soensim.network import Network, Population
from soensim.program import READOUT

FloatArray = NDArray[np.float64]

Key = tuple[Kind, str, str]
"""Kind, place and quantity."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What was measured of one quantity of the devices at a place; arrays of the devices' shape, NaN where nothing was.

    Attributes
    ----------
    value
        What a device has.
    asked
        What its program or its drawing asked for; NaN also where this is not said.
    """

    value: FloatArray
    asked: FloatArray

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where something was measured."""
        return ~np.isnan(self.value)

    def over(self, drawn: FloatArray | float) -> FloatArray:
        """Return the values, and what is drawn where nothing was measured."""
        return np.where(self.known, self.value, drawn)


@dataclass(frozen=True, eq=False)
class MeasuredChip:
    """What was measured on one chip.

    Attributes
    ----------
    file
        Name of the file that it is from.
    fingerprint
        SHA-256 of all that was measured: that of another file with the same content is the same.
    readings
        By kind, place and quantity, in the first unit of the quantity.
    whole
        Quantities of the whole chip, by name.
    """

    file: str
    fingerprint: str
    readings: Mapping[Key, Readings]
    whole: Mapping[str, float]

    @property
    def of_one_program(self) -> str:
        """Place of an efficacy of which the file does not say what was asked for; empty if there is none.

        Such a chip is known under the program that it was measured with, and no other.
        """
        for (_, place, quantity), readings in self.readings.items():
            if quantity == "efficacy" and np.isnan(readings.asked[readings.known]).any():
                return place
        return ""

    def realise(self, network: Network, values: Mapping[str, Array]) -> FabricatedChip:
        """Make the chip when it is programmed with some values.

        An efficacy of which the same was asked when it was measured is the measured one, to the last bit; of another
        program, its measured share of what was asked, w x (measured / asked). One that was asked to be zero is known to
        be off by what was measured, and taken to be right otherwise.

        Parameters
        ----------
        network
            The chip as drawn.
        values
            What is programmed, by program key: numpy arrays, or torch tensors, in which the result is differentiable.

        Raises
        ------
        MeasurementError
            The values are tensors, and the file does not say what was asked for.
        """
        chip = FabricatedChip.nominal(network, self._held(network, values))
        devices = {
            name: tuple(
                self._at(p, name, drawn) for p, drawn in zip(network.populations, getattr(chip, name), strict=True)
            )
            for name in ("gamma_plus", "gamma_minus", "bias_current", "flux_offset")
        }
        chip = replace(chip, **devices, squids=self._squids(network))  # type: ignore[arg-type]
        whole = {QUANTITIES["chip"][name].field: value for name, value in self.whole.items()}
        noisy = any(name.endswith("_noise") or name == "read_noise_flux" for name in self.whole)
        if noisy:
            whole = {"read_seed": 0, **whole}
        return replace(
            chip,
            edge_delay_factor=self._factors("delay"),
            photons=self._factors("photons"),
            **whole,  # type: ignore[arg-type]
        )

    def _held(self, network: Network, values: Mapping[str, Array]) -> dict[str, Array]:
        """What the synapses hold when these values are programmed."""
        held = dict(values)
        for (_, place, quantity), readings in self.readings.items():
            if quantity == "efficacy":
                held[place] = _held(readings, values[place])
            elif quantity == "flux_trim":
                key = next(p.trim_key for p in network.populations if p.name == place)
                held[key] = _held(readings, values[key], additive=True)
        return held

    def _at(self, population: Population, quantity: str, drawn: FloatArray) -> FloatArray:
        readings = self.readings.get(("neuron", population.name, quantity))
        return drawn if readings is None else readings.over(drawn)

    def _squids(self, network: Network) -> tuple[SquidFactors, ...]:
        if not any(quantity in SQUID_QUANTITIES for _, _, quantity in self.readings):
            return ()
        return tuple(
            SquidFactors(*(self._at(p, name, np.ones(p.size)) for name in SQUID_QUANTITIES))
            for p in network.populations
        )

    def _factors(self, quantity: str) -> dict[str, FloatArray]:
        """Factors of the edges, by projection."""
        return {
            place: readings.over(1.0)
            for (kind, place, name), readings in self.readings.items()
            if kind == "synapse" and name == quantity
        }


def program_key(network: Network, key: Key) -> str | None:
    """Return the program key of what is programmed; None of anything else."""
    kind, place, quantity = key
    if quantity == "efficacy":
        return READOUT if kind == "readout" else place
    if quantity == "flux_trim":
        return next(p.trim_key for p in network.populations if p.name == place)
    return None


def _held(readings: Readings, values: Array, *, additive: bool = False) -> Array:
    """What synapses hold when some values are programmed; the deviations of trims are fluxes, and add."""
    value, asked = readings.value, readings.asked
    alone = readings.known & np.isnan(asked)
    by_factor = readings.known & ~alone & (asked != 0) & (not additive)
    factor = np.divide(value, asked, out=np.ones_like(value), where=by_factor)
    offset = np.where(readings.known & ~alone & ~by_factor, value - asked, 0.0)
    if isinstance(values, np.ndarray):
        held: Any = values * factor + offset
        same = readings.known & (alone | (values == asked))
        return np.where(same, value, held)
    if alone.any():
        raise MeasurementError(
            "the file says what efficacies were measured, and not what was asked for; add the column `asked`"
        )
    return values * like(factor, values) + like(offset, values)
