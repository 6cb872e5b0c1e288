"""The layers of one chip: numbers from the technology's layer map, and the refusal of a map that cannot hold it."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.errors import RoutingError, TechnologyError
from soensim.layout.drawing import LayerNumbers, half_steps, steps
from soensim.technology import LAYERS, Layer, Technology

_HIGHEST = 32767  # of the numbers in GDSII


@dataclass(frozen=True)
class Rule:
    """Half the width that lines are drawn with, and the least space between two, in steps of the grid."""

    half: int
    space: int


class LayerTable:
    """Looks layers up and remembers which name each number was used for."""

    def __init__(self, technology: Technology) -> None:
        self.technology = technology
        self.used: dict[LayerNumbers, tuple[str, Layer]] = {}

    def layer(self, name: str) -> Layer:
        """Find a layer of the map.

        Raises
        ------
        TechnologyError
            The technology does not have it.
        """
        found = self.technology.layers.get(name)
        if found is None:
            raise TechnologyError(
                f"technology {self.technology.name!r} has no layer {name!r} ({LAYERS[name]}); give layout.{name} in a "
                "technology file, or extend nist-2023, which has all layers"
            )
        return found

    def numbers(self, name: str, layers_on: int = 0, datatypes_on: int = 0) -> LayerNumbers:
        """Return layer and datatype, counted up from those of the map.

        Raises
        ------
        RoutingError
            The numbers are those of another layer that the chip uses, or beyond what the formats hold.
        """
        layer = self.layer(name)
        numbers = layer.layer + layers_on, layer.datatype + datatypes_on
        if max(numbers) > _HIGHEST:
            raise RoutingError(
                f"technology {self.technology.name!r}: layout.{name} counts up to {numbers[0]}/{numbers[1]}; the "
                f"largest number is {_HIGHEST}: give it a lower one"
            )
        other, _ = self.used.setdefault(numbers, (name, layer))
        if other != name:
            raise RoutingError(
                f"technology {self.technology.name!r}: layout.{name} and layout.{other} both take layer "
                f"{numbers[0]}/{numbers[1]} on this chip; move one of them"
            )
        return numbers

    def rule(self, name: str) -> Rule:
        """Return the rules of a layer that has them."""
        layer = self.layer(name)
        if layer.width_um is None or layer.space_um is None:
            raise TechnologyError(f"technology {self.technology.name!r}: layout.{name} has no width_um and space_um")
        return Rule(half_steps(layer.line_um or layer.width_um), steps(layer.space_um))
