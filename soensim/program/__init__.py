"""What is written to the chip: integer codes on the fabricated topology, and the file that holds them."""

from soensim.program.levels import READOUT, Slot, best_scale, midpoints, slots
from soensim.program.program import FORMAT, Program, dense_weights

__all__ = ["FORMAT", "READOUT", "Program", "Slot", "best_scale", "dense_weights", "midpoints", "slots"]
