"""Answers are read by converters with noise."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.fabrication.imperfections.base import register
from soensim.fabrication.imperfections.converters import converted_readings, no_readout
from soensim.fabrication.imperfections.run_noise import RunNoise
from soensim.network import Network


@register
@dataclass(frozen=True)
class ReadoutAdcNoise(RunNoise):
    """y -> y + size FS n before the bits, n normal for each reading; y and full scale FS as in `readout_adc_bits`."""

    name = "readout_adc_noise"
    varies = "noise of the readout ADC"
    unit = "1"
    description = "Noise of the readout ADCs, one sigma (relative to full scale)"
    source = "assumed: any size; that of a converter's last bit is 0.29 / 2^bits"
    touches = "readings"
    field = "adc_noise"

    @classmethod
    def absent(cls, network: Network) -> str:
        """Say that there is nothing to convert."""
        return no_readout(network)

    @classmethod
    def count(cls, network: Network) -> int:
        """Count what is read."""
        return converted_readings(network)
