"""Inputs come from converters of few bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register
from soensim.fabrication.imperfections.converters import BITS_MOST, converted_channels, no_inputs
from soensim.network import Network


@register
@dataclass(frozen=True)
class InputDacBits(Imperfection):
    """x -> the nearest of 2^size levels from drive_low to drive_high of its line; what is beyond is cut.

    Lines that are normalised have no range of their own, and stay as they are.
    """

    name = "input_dac_bits"
    acts_on_spikes = False
    varies = "input DAC"
    unit = "bit"
    stage = "run"
    most = BITS_MOST
    description = "Number of bits of the input DACs; 0 for exact inputs"
    source = "assumed: 4 to 14 bits are made at GHz rates; none of a cold DAC was found"
    touches = "input channels"

    @property
    def differs(self) -> bool:
        """All converters are alike."""
        return False

    @classmethod
    def fault(cls, size: float) -> str:
        """Bits are counted."""
        return super().fault(size) or ("" if size == int(size) else f"it must be a whole number; write {round(size)}")

    @classmethod
    def absent(cls, network: Network) -> str:
        """Say that there is nothing to convert."""
        return no_inputs(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the channels."""
        return converted_channels(network)

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw nothing: all converters are alike."""
        return {}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:  # noqa: ARG002
        """Give the chip the bits."""
        return replace(chip, dac_bits=int(self.size))
