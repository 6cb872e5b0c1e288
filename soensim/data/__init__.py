"""Data sets, encoders to (batch, steps, channels) and decoders.

A data set holds values in [0, 1]; the netlist's input population states the drive range that `encode` maps
them to. Splits and batches are pure functions of their seeds.
"""

from soensim.data.dataset import Dataset, FloatArray, Split
from soensim.data.encode import argmax_decode, encode
from soensim.data.images import shift_places, smooth_masks
from soensim.data.load import DATASETS, canonical_name, load_dataset
from soensim.data.partition import batches
from soensim.data.present import check_fit, encode_data, present, signals, split_channels

__all__ = [
    "DATASETS",
    "Dataset",
    "FloatArray",
    "Split",
    "argmax_decode",
    "batches",
    "canonical_name",
    "check_fit",
    "encode",
    "encode_data",
    "load_dataset",
    "present",
    "shift_places",
    "signals",
    "smooth_masks",
    "split_channels",
]
