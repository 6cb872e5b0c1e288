"""The formats of a user's own data, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from soensim.data.formats import csv_table, events, idx_files, image_folder, npy, npz, ts, wav_folder
from soensim.data.formats.format import Format

_MODULES = (npz, npy, csv_table, ts, idx_files, image_folder, wav_folder, events)

FORMATS: Mapping[str, Format] = MappingProxyType({module.FORMAT.name: module.FORMAT for module in _MODULES})
