"""The chip that comes back from fabrication: how it differs from the drawing."""

from soensim.fabrication.cells import build_cells, delayed_network, spiking_light
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.fabricate import count_touched, fabricate_chip
from soensim.fabrication.imperfections.base import IMPERFECTIONS, Draws, Imperfection, register, stream
from soensim.fabrication.measured import MeasuredChip, Readings, measured_text, measured_values, read_measured
from soensim.fabrication.run import array_noise, converted_inputs, loop_noise, read_scores, read_states, tensor_noise
from soensim.fabrication.sizes import read_sizes, with_asked, without_noise, written

__all__ = [
    "IMPERFECTIONS",
    "Draws",
    "FabricatedChip",
    "Imperfection",
    "MeasuredChip",
    "Readings",
    "array_noise",
    "build_cells",
    "converted_inputs",
    "count_touched",
    "delayed_network",
    "fabricate_chip",
    "loop_noise",
    "measured_text",
    "measured_values",
    "read_measured",
    "read_scores",
    "read_sizes",
    "read_states",
    "register",
    "spiking_light",
    "stream",
    "tensor_noise",
    "with_asked",
    "without_noise",
    "written",
]
