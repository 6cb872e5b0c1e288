"""First principles: the RCSJ SQUID, its source function g(phi, i), and the dendrite circuit."""

from soensim.circuit.build import source_table
from soensim.circuit.device import Device
from soensim.circuit.source import SourceArrays, SourceTable, source_value, source_value_and_gradient
from soensim.circuit.squid import mean_voltage
from soensim.circuit.threshold import threshold

__all__ = [
    "Device",
    "SourceArrays",
    "SourceTable",
    "mean_voltage",
    "source_table",
    "source_value",
    "source_value_and_gradient",
    "threshold",
]
