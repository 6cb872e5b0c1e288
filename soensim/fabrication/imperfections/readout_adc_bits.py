"""Answers are read by converters of few bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register
from soensim.fabrication.imperfections.converters import BITS_MOST, converted_readings, no_readout
from soensim.network import Network


@register
@dataclass(frozen=True)
class ReadoutAdcBits(Imperfection):
    """y -> the nearest of 2^size levels of what leaves the chip; what is beyond full scale is cut.

    That is the scores of a linear readout on the chip, else the states that are read. Full scale: states 0 to 1 I_c (-1
    to 1 of virtual source functions); scores -S to S, S = max over classes of sum |w|, which states of 1 I_c can make.
    """

    name = "readout_adc_bits"
    acts_on_spikes = False
    varies = "readout ADC"
    unit = "bit"
    stage = "run"
    most = BITS_MOST
    description = "Number of bits of the readout ADCs; 0 for exact readings"
    source = "assumed: 8 to 12 bits are usual; none of a cold ADC was found"
    touches = "readings"

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
        return no_readout(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count what is read."""
        return converted_readings(network)

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw nothing: all converters are alike."""
        return {}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:  # noqa: ARG002
        """Give the chip the bits."""
        return replace(chip, adc_bits=int(self.size))
