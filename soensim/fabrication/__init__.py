"""The chip that comes back from fabrication: how it differs from the drawing."""

from soensim.fabrication.cells import build_cells, spiking_light
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.fabricate import fabricate_chip
from soensim.fabrication.imperfections.base import IMPERFECTIONS, Draws, Imperfection, register, stream
from soensim.fabrication.imperfections.read_noise_flux import array_noise, tensor_noise

__all__ = [
    "IMPERFECTIONS",
    "Draws",
    "FabricatedChip",
    "Imperfection",
    "array_noise",
    "build_cells",
    "fabricate_chip",
    "register",
    "spiking_light",
    "stream",
    "tensor_noise",
]
