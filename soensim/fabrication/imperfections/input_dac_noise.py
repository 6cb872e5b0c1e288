"""Inputs come from converters with noise."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.fabrication.imperfections.base import register
from soensim.fabrication.imperfections.converters import converted_channels, no_inputs
from soensim.fabrication.imperfections.run_noise import RunNoise
from soensim.network import Network


@register
@dataclass(frozen=True)
class InputDacNoise(RunNoise):
    """x -> x + size (drive_high - drive_low) n after the bits, n normal for each channel and frame.

    Lines that are normalised have no range of their own, and stay as they are.
    """

    name = "input_dac_noise"
    varies = "noise of the input DAC"
    unit = "1"
    description = "Noise of the input DACs, one sigma (relative to the drive range)"
    source = "assumed: any size; that of a converter's last bit is 0.29 / 2^bits"
    touches = "input channels"
    field = "dac_noise"

    @classmethod
    def absent(cls, network: Network) -> str:
        """Say that there is nothing to convert."""
        return no_inputs(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count the channels."""
        return converted_channels(network)
