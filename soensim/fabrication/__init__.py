"""The chip that comes back from fabrication: how it differs from the drawing."""

from soensim.fabrication.fabricate import Deviations, FabricatedChip, deviations, fabricate_chip, stream

__all__ = ["Deviations", "FabricatedChip", "deviations", "fabricate_chip", "stream"]
