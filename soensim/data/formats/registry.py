"""The formats of a user's own data, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from soensim.data.formats import csv_table, npy, npz, ts
from soensim.data.formats.format import Format

FORMATS: Mapping[str, Format] = MappingProxyType(
    {form.name: form for form in (npz.FORMAT, npy.FORMAT, csv_table.FORMAT, ts.FORMAT)}
)
