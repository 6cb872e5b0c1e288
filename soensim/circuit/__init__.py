"""First principles: the RCSJ SQUID, its source function g(phi, i), and the dendrite circuit."""

from typing import TYPE_CHECKING

from soensim._runtime.lazy import lazy_names
from soensim.circuit.device import Device
from soensim.circuit.model_validity import Validity, validity
from soensim.circuit.threshold_current import threshold

if TYPE_CHECKING:
    from soensim.circuit.langevin import NoisyVoltage, langevin_voltage
    from soensim.circuit.model import phenomenological
    from soensim.circuit.source import SourceArrays, SourceTable, source_value, source_value_and_gradient
    from soensim.circuit.squid import mean_voltage
    from soensim.circuit.table_builder import source_table
    from soensim.circuit.transient import CircuitTrace, dendrite
    from soensim.circuit.waveform import Waveform
else:  # numba: loaded when first asked for
    _MODULES = {
        "CircuitTrace": "soensim.circuit.transient",
        "NoisyVoltage": "soensim.circuit.langevin",
        "SourceArrays": "soensim.circuit.source",
        "SourceTable": "soensim.circuit.source",
        "Waveform": "soensim.circuit.waveform",
        "dendrite": "soensim.circuit.transient",
        "langevin_voltage": "soensim.circuit.langevin",
        "mean_voltage": "soensim.circuit.squid",
        "phenomenological": "soensim.circuit.model",
        "source_table": "soensim.circuit.table_builder",
        "source_value": "soensim.circuit.source",
        "source_value_and_gradient": "soensim.circuit.source",
    }
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

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
