"""RoutedNetlist -> Drawing: the chip as shapes on mask layers, and the files that hold them.

The drawing follows the routes: every waveguide is where routing put it, so that lengths are those of the ledger.
"""

from soensim.layout.chip import ChipDrawing, draw_chip
from soensim.layout.drawing import Drawing
from soensim.layout.writer import FORMATS, write_drawing

__all__ = ["FORMATS", "ChipDrawing", "Drawing", "draw_chip", "write_drawing"]
