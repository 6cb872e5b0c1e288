"""First principles: the RCSJ SQUID, its source function g(phi, i), and the dendrite circuit."""

from soensim.circuit.agreement import Validity, validity
from soensim.circuit.build import source_table
from soensim.circuit.device import Device
from soensim.circuit.fold import threshold
from soensim.circuit.langevin import NoisyVoltage, langevin_voltage
from soensim.circuit.model import phenomenological
from soensim.circuit.source import SourceArrays, SourceTable, source_value, source_value_and_gradient
from soensim.circuit.squid import mean_voltage
from soensim.circuit.transient import CircuitTrace, dendrite
from soensim.circuit.waveform import Waveform

__all__ = [
    "CircuitTrace",
    "Device",
    "NoisyVoltage",
    "SourceArrays",
    "SourceTable",
    "Validity",
    "Waveform",
    "dendrite",
    "langevin_voltage",
    "mean_voltage",
    "phenomenological",
    "source_table",
    "source_value",
    "source_value_and_gradient",
    "threshold",
    "validity",
]
