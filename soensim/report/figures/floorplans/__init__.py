"""The chip on its die, from above: cells, ports, and waveguides coloured by loss."""

from soensim.report.figures.floorplans.page import floorplan

__all__ = ["floorplan"]
