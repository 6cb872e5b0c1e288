"""Device and process presets: every number with its unit, range and source.

>>> technology = load_technology("nist-2023")
>>> round(technology.junction.tau_from_seconds(1e-9), 4)
779.5556
>>> technology.value("waveguide_loss_db_per_cm")
0.24
"""

from soensim.technology.layer_map import LAYERS, Layer
from soensim.technology.legal_ranges import LEGAL
from soensim.technology.load import MAX_EXTENDED, load_technology, preset_names, technology_files, technology_source
from soensim.technology.quantity import Quantity, Technology

__all__ = [
    "LAYERS",
    "LEGAL",
    "MAX_EXTENDED",
    "Layer",
    "Quantity",
    "Technology",
    "load_technology",
    "preset_names",
    "technology_files",
    "technology_source",
]
