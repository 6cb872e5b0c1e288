"""Spreads of many devices that may follow the die: a correlation length, and a gradient across the die."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from soensim.errors import SimulationError
from soensim.fabrication.die_field import common_draw, field_at, gradient_at, synapse_places
from soensim.fabrication.imperfections.base import Imperfection, fabricated_shapes, parameter, stream
from soensim.limits import Limits
from soensim.network import Die, Network

FloatArray = NDArray[np.float64]

_LENGTH = Limits(1, 1e6, "um", "a micrometre to a metre; films vary over a wafer", zero=True)
_GRADIENT = Limits(0, 1, "1", "from one edge of the die to the other, in the unit of the spread", zero=True)


@dataclass(frozen=True)
class PlacedSpread(Imperfection):
    """Base of the spreads that give every device a deviation of its own, d = size n + gradient r.

    n is normal with variance 1. With a correlation length L, two devices at the distance x have the correlation
    exp(-x^2 / (2 L^2)) (`soensim.fabrication.die_field`): 0 draws each device alone, infinity all of a chip in common.
    r runs from -1/2 to 1/2 across the die in a direction that is drawn for each chip. Both have no measured value: what
    varies smoothly over a wafer is seen by a die as a gradient, what varies within a die has a length.
    """

    touches: ClassVar[str] = "neurons"

    correlation_um: float = parameter(0.0, "distance over which neighbours deviate alike (um)", _LENGTH, infinite=True)
    gradient: float = parameter(0.0, "deviation from one edge of the die to the other", _GRADIENT)

    @property
    def acts(self) -> bool:
        """A gradient acts without a spread."""
        return self.size != 0 or self.gradient != 0

    @classmethod
    def parameter_absent(cls, network: Network, name: str, value: float) -> str:
        """A chip without a floorplan has no distances."""
        anywhere = value in (0, math.inf) if name == "correlation_um" else value == 0
        return "" if anywhere or network.die is not None else "no floorplan"

    def neuron_deviations(self, network: Network, chip_seed: int, quantity: str) -> dict[str, FloatArray]:
        """Draw the deviation of a quantity of each neuron, by population."""
        die = self._die(network)
        return {
            p.name: self._deviations(
                chip_seed,
                (f"{p.name}.{quantity}", quantity),
                (p.size,),
                None if die is None else (die, die.neurons_um[p.name]),
            )
            for p in network.populations
        }

    def emitter_deviations(self, network: Network, chip_seed: int, quantity: str) -> dict[str, FloatArray]:
        """Draw the deviation of each neuron and of each channel of the input ports, by population."""
        die = self._die(network)
        sizes = {line.name: line.channels.stop - line.channels.start for line in network.inputs}
        sizes |= {p.name: p.size for p in network.populations}
        return {
            name: self._deviations(
                chip_seed,
                (f"{name}.{quantity}", quantity),
                (size,),
                None if die is None else (die, die.neurons_um[name]),
            )
            for name, size in sizes.items()
        }

    def synapse_deviations(self, network: Network, chip_seed: int, suffix: str = "") -> dict[str, FloatArray]:
        """Draw a deviation for each efficacy that is fabricated, by program key; ``suffix`` names the quantity."""
        die = self._die(network)
        places = {} if die is None else synapse_places(network)
        return {
            key: self._deviations(
                chip_seed, (key + suffix, f"synapse{suffix}"), shape, None if die is None else (die, places[key])
            )
            for key, shape in fabricated_shapes(network).items()
        }

    def _die(self, network: Network) -> Die | None:
        """Return the die, if places matter.

        Raises
        ------
        SimulationError
            They do, and the chip is not laid out.
        """
        for name, value in (("correlation_um", self.correlation_um), ("gradient", self.gradient)):
            if lacking := self.parameter_absent(network, name, value):
                raise SimulationError(
                    f"{self.name}.{name}: chip {network.name!r} has {lacking}; add one, or leave it out"
                )
        return network.die if self.gradient or self.correlation_um not in (0, math.inf) else None

    def _deviations(
        self,
        chip_seed: int,
        names: tuple[str, str],
        shape: tuple[int, ...],
        placed: tuple[Die, FloatArray] | None,
    ) -> FloatArray:
        """Draw deviations; ``names`` are those of the devices' own stream and of the field that is the whole die's."""
        alone, whole = names
        if self.correlation_um == math.inf:
            normal = np.full(shape, common_draw(chip_seed, whole))
        elif placed is None or self.correlation_um == 0:
            normal = stream(chip_seed, alone).standard_normal(shape)
        else:
            normal = field_at(placed[1], self.correlation_um, chip_seed, whole).reshape(shape)
        deviation: FloatArray = self.size * normal
        if placed is not None and self.gradient:
            die, places_um = placed
            ramp = gradient_at(places_um, (die.width_um, die.height_um), chip_seed, whole)
            deviation = deviation + self.gradient * ramp.reshape(shape)
        return deviation
