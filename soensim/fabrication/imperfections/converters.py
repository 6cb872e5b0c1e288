"""What converters at the inputs (DAC) and the readout (ADC) have in common: which lines and numbers they serve."""

from __future__ import annotations

from soensim.network import LinearOutput, Network

BITS_MOST = 24.0


def no_inputs(network: Network) -> str:
    """Say that a chip has no input line with a drive range; empty if it has."""
    lines = "no input line with a drive range of its own (normalised lines have none)"
    return "" if converted_channels(network) else lines


def converted_channels(network: Network) -> int:
    """Count the input channels that a DAC drives: those of lines that are not normalised."""
    lines = [line for line in network.inputs if line.normalisation is None and line.drive_low != line.drive_high]
    return sum(line.channels.stop - line.channels.start for line in lines)


def no_readout(network: Network) -> str:
    """Say that a chip has no readout; empty if it has."""
    return "no readout" if network.output is None else ""


def converted_readings(network: Network) -> int:
    """Count the numbers that an ADC reads: scores of a linear readout on the chip, else states that are read."""
    output = network.output
    if output is None:
        return 0
    if isinstance(output, LinearOutput) and output.on_chip:
        return output.classes
    return sum(network.populations[k].size for k in output.populations)
