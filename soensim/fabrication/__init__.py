"""The chip that comes back from fabrication: how it differs from the drawing."""

from soensim.fabrication.cells import build_cells, spiking_light
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.fabricate import count_touched, fabricate_chip
from soensim.fabrication.imperfections.base import IMPERFECTIONS, Draws, Imperfection, register, stream
from soensim.fabrication.imperfections.read_noise_flux import array_noise, tensor_noise
from soensim.fabrication.sizes import read_sizes, with_asked, without_run, written

__all__ = [
    "IMPERFECTIONS",
    "Draws",
    "FabricatedChip",
    "Imperfection",
    "array_noise",
    "build_cells",
    "count_touched",
    "fabricate_chip",
    "read_sizes",
    "register",
    "spiking_light",
    "stream",
    "tensor_noise",
    "with_asked",
    "without_run",
    "written",
]
