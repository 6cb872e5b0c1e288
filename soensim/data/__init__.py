"""Data sets, encoders to (batch, frames, channels) and decoders.

A data set holds values in [0, 1]; the netlist's input population states the drive range that `encode` maps
them to. Splits and batches are pure functions of their seeds.
"""

from soensim.data.dataset import Dataset, FloatArray, Split
from soensim.data.encoding import argmax_decode, encode
from soensim.data.images import shift_places, smooth_masks
from soensim.data.load import DATASETS, absolute_name, canonical_name, load_dataset, source_name
from soensim.data.own.name import OwnName, own_name
from soensim.data.shapes import Shape, on_lines, shape_of
from soensim.data.splits import batches

__all__ = [
    "DATASETS",
    "Dataset",
    "FloatArray",
    "OwnName",
    "Shape",
    "Split",
    "absolute_name",
    "argmax_decode",
    "batches",
    "canonical_name",
    "encode",
    "load_dataset",
    "on_lines",
    "own_name",
    "shape_of",
    "shift_places",
    "smooth_masks",
    "source_name",
]
