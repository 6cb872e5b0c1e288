"""What is written to the chip: integer codes on the fabricated topology, and the file that holds them."""

from soensim.program.program import FORMAT, Program, dense_weights
from soensim.program.slots import READOUT, Slot, best_scale, midpoints, slots

__all__ = ["FORMAT", "READOUT", "Program", "Slot", "best_scale", "dense_weights", "midpoints", "slots"]
