"""Measured chips: what each device of one real chip has, from a CSV file (docs/measured-chips.md)."""

from soensim.fabrication.measured.chip import MeasuredChip, Readings
from soensim.fabrication.measured.read import read_measured
from soensim.fabrication.measured.write import measured_text, measured_values

__all__ = ["MeasuredChip", "Readings", "measured_text", "measured_values", "read_measured"]
