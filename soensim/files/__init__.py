"""Guarded readers, one per format."""

from soensim.files.json_text import load_json, parse_json
from soensim.files.regular import open_regular, read_bytes, read_text, shown_path
from soensim.files.tensors import checksum, load_tensors

__all__ = [
    "checksum",
    "load_json",
    "load_tensors",
    "open_regular",
    "parse_json",
    "read_bytes",
    "read_text",
    "shown_path",
]
